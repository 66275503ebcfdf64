"""The image of a release, in a registry: signed by one key, known by its digest, and what runs is of that commit."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import Process
from hack.release_parts import Version
from hack.releasing import build_image
from hack.tool_cache import prepare
from tests.release.making import BUILDER, PASSWORD, VERSION, run

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not BUILDER, reason="VOLSYNC_PY_IMAGE_BUILDER names no program that builds an image"),
]
# Of the files of the image without rclone and ssh; an archive of them has 3 % more.
MOST_BYTES = 180_000_000


@pytest.fixture(scope="module")
def registry(made: Path, repository: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry where the release's image is to be."""
    address = repository.partition("/")[0]
    command = [str(prepare(["crane"])["crane"]), "registry", "serve", f"--address={address}"]
    process = Process("registry", command, tmp_path_factory.mktemp("registry"))
    process.wait_until("the registry", lambda: process.says("serving on port"))
    yield address
    process.stop()


@pytest.fixture(scope="module")
def published(made: Path, tagged: Path, key: Path, repository: str, registry: str) -> str:
    """The image as `hack/release --publish` says its name."""
    words = [f"--publish={made}", f"--repository={repository}", f"--key={key}"]
    said = run(tagged / "hack" / "release", *words, folder=tagged, env=PASSWORD)
    return next(line for line in reversed(said.splitlines()) if line.startswith(f"{repository}@sha256:"))


def verify(what: str, key: Path, folder: Path, *words: str, code: int = 0) -> str:
    options = (f"--key={key.with_suffix('.pub')}", "--insecure-ignore-tlog")
    return run(prepare(["cosign"])["cosign"], *words, *options, what, folder=folder, code=code)


def test_the_maintainers_key_verifies_it_and_no_other_key_does(
    published: str, repository: str, key: Path, other_key: Path, tmp_path: Path
) -> None:
    assert published.partition("@")[2] in verify(published, key, tmp_path, "verify")
    verify(f"{repository}:{VERSION}", key, tmp_path, "verify")
    assert "signature" in verify(published, other_key, tmp_path, "verify", code=1)


def test_an_image_that_takes_its_name_is_refused(
    published: str, made: Path, repository: str, key: Path, tmp_path: Path
) -> None:
    crane = prepare(["crane"])["crane"]
    name = f"{repository}:{VERSION}"
    run(crane, "mutate", name, "--label=changed=yes", f"--tag={name}", folder=tmp_path)
    try:
        # Nothing that cosign finds in the registry is of this digest.
        assert "no signatures found" in verify(name, key, tmp_path, "verify", code=10)
        verify(published, key, tmp_path, "verify")
    finally:
        run(crane, "tag", published, VERSION, folder=tmp_path)


def test_its_bill_of_materials_is_signed_beside_it(
    published: str, made: Path, key: Path, other_key: Path, tmp_path: Path
) -> None:
    words = ("verify-attestation", "--type=cyclonedx")
    said = verify(published, key, tmp_path, *words)
    envelope = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert len(envelope["payload"]) > (made / "volsync-py-image.cdx.json").stat().st_size / 2
    verify(published, other_key, tmp_path, *words, code=1)


def test_what_is_pulled_by_its_digest_runs_and_is_of_this_release(published: str, made: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    run(prepare(["crane"])["crane"], "export", published, tmp_path / "root.tar", folder=tmp_path)
    with tarfile.open(tmp_path / "root.tar") as files:
        files.extractall(root, filter="tar")

    def runs(*words: str) -> str:
        return run("unshare", "--user", "--map-root-user", f"--root={root}", "--wd=/", *words, folder=tmp_path)

    try:
        assert runs("/app/bin/volsync-py", "version") == f"volsync-py {VERSION}\n"
        assert runs("/app/bin/volsync-py", "crds") == (made / "crds.yaml").read_text("utf-8")
        assert runs("/usr/local/bin/restic", "version") == (root / "app" / "restic-version").read_text("utf-8")
        assert "rclone v" in runs("/usr/bin/rclone", "version")
    finally:
        shutil.rmtree(root)
    config = json.loads(run(prepare(["crane"])["crane"], "config", published, folder=tmp_path))
    assert config["config"]["Labels"]["org.opencontainers.image.version"] == VERSION
    assert (config["architecture"], config["os"]) == ("amd64", "linux")


def test_a_changed_folder_and_another_name_are_not_published(
    made: Path, tagged: Path, key: Path, repository: str, registry: str, tmp_path: Path
) -> None:
    command = tagged / "hack" / "release"
    words = [f"--publish={made}", f"--key={key}"]
    another = run(command, *words, f"--repository={registry}/another", folder=tagged, env=PASSWORD, code=1)
    assert f"install.yaml does not name {registry}/another:{VERSION}" in another
    said = run(command, f"--publish={made}", f"--repository={repository}", folder=tagged, code=1)
    assert "an image that is published is signed" in said

    changed = tmp_path / "changed"
    shutil.copytree(made, changed)
    (changed / "crds.yaml").write_text("")
    words = [f"--publish={changed}", f"--key={key}", f"--repository={repository}"]
    assert "crds.yaml is not what was made" in run(command, *words, folder=tagged, env=PASSWORD, code=1)


def unpacked_bytes(archive: Path) -> int:
    """Return how many bytes the files of an image's layers have."""
    with tarfile.open(archive) as saved:
        (manifest,) = json.loads(saved.extractfile("manifest.json").read())  # type: ignore[union-attr]
        total = 0
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=saved.extractfile(layer)) as files:
                total += sum(entry.size for entry in files)
    return total


def test_without_rclone_and_ssh_it_has_no_more_bytes_than_is_said(tmp_path: Path) -> None:
    saved = tmp_path / "image.tar"
    builder = None if BUILDER == "buildah" else BUILDER
    build_image(builder, "localhost/volsync-py:without-remotes", saved, Version(VERSION, VERSION, 0), "REMOTES=")
    has = unpacked_bytes(saved)
    assert has <= MOST_BYTES, f"{has:,} bytes"
