"""hack/release makes of a tagged clone what people download, and the same bytes from another clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from hack.processes import ROOT
from hack.tool_cache import prepare
from volsync_py.commands import table

pytestmark = pytest.mark.timeout(1200)
VERSION = "9.8.7"
PROGRAM = "kubectl-volsync_py"
GIT = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
# The image takes a registry, or a program that builds without one.
BUILDER = os.environ.get("VOLSYNC_PY_IMAGE_BUILDER", "")


def run(*command: str | Path, folder: Path, code: int = 0, env: dict[str, str] | None = None) -> str:
    """Run a program, and return what it printed and said."""
    words = [str(word) for word in command]
    given = {**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **(env or {})}
    done = subprocess.run(words, cwd=folder, env=given, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def clone(folder: Path) -> Path:
    run("git", "clone", "-q", ROOT, folder, folder=ROOT)
    return folder


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose last commit is what a maintainer tags."""
    folder = clone(tmp_path_factory.mktemp("release") / "tagged")
    page = folder / "CHANGELOG.md"
    page.write_text(page.read_text("utf-8").replace("## Unreleased", f"## {VERSION}", 1), encoding="utf-8")
    run(*GIT, "commit", "-qam", "release", folder=folder)
    run(*GIT, "tag", "-am", "release", f"v{VERSION}", folder=folder)
    return folder


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("key")
    run(prepare(["cosign"])["cosign"], "generate-key-pair", folder=folder, env={"COSIGN_PASSWORD": "one"})
    return folder / "cosign.key"


@pytest.fixture(scope="module")
def made(tagged: Path, key: Path) -> Path:
    """The folder that is made."""
    out = tagged.parent / "made"
    words = ["--repository=registry.example.org/volsync-py", "--download-url=https://example.org/files", f"--key={key}"]
    words += [f"--image-builder={BUILDER}"] if BUILDER else ["--no-image"]
    run(tagged / "hack" / "release", *words, f"--output={out}", folder=tagged, env={"COSIGN_PASSWORD": "one"})
    return out


def test_the_folder_has_all_that_people_download_and_the_sums_are_right(made: Path) -> None:
    image = {f"volsync-py-image-{VERSION}-amd64.tar", "volsync-py-image.cdx.json"} if BUILDER else set()
    assert {path.name for path in made.iterdir()} == image | {
        "RELEASE_NOTES.md",
        "SHA256SUMS",
        "SHA256SUMS.sigstore.json",
        "crds.yaml",
        "install.yaml",
        PROGRAM,
        f"{PROGRAM}-{VERSION}.tar.gz",
        f"{PROGRAM}.cdx.json",
        "volsync-py.yaml",
        f"volsync-{VERSION}.tgz",
        f"volsync_py-{VERSION}-py3-none-any.whl",
        f"volsync_py-{VERSION}.tar.gz",
    }
    checked = run("sha256sum", "--check", "--strict", "SHA256SUMS", folder=made)
    assert checked.count(": OK") == len(list(made.iterdir())) - 2


def test_the_sums_are_signed_and_a_changed_file_of_them_is_refused(made: Path, key: Path, tmp_path: Path) -> None:
    cosign = prepare(["cosign"])["cosign"]
    verify: list[str | Path] = [cosign, "verify-blob", f"--key={key.with_suffix('.pub')}", "--insecure-ignore-tlog"]
    verify.append(f"--bundle={made / 'SHA256SUMS.sigstore.json'}")
    assert "Verified OK" in run(*verify, made / "SHA256SUMS", folder=tmp_path)

    changed = tmp_path / "SHA256SUMS"
    changed.write_text((made / "SHA256SUMS").read_text().replace("0", "1"))
    assert "invalid signature" in run(*verify, changed, folder=tmp_path, code=1)


def test_wheel_and_sources_have_the_tags_version_types_and_no_tests(made: Path, tmp_path: Path) -> None:
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"volsync_py-{VERSION}.dist-info/METADATA").decode()
    assert {"volsync_py/py.typed", "volsync_py/_version.py"} <= set(names)
    for line in (f"Version: {VERSION}", "License: Apache-2.0", "Requires-Python: >=3.11"):
        assert line in metadata.splitlines()
    with tarfile.open(made / f"volsync_py-{VERSION}.tar.gz") as sources:
        names += [name.partition("/")[2] for name in sources.getnames()]
    assert not [name for name in names if name.startswith(("tests/", "hack/", ".ci/")) or "/test" in name]

    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", made / f"volsync_py-{VERSION}.tar.gz", folder=tmp_path)
    (of_sources,) = tmp_path.glob("*.whl")
    assert of_sources.name == wheel.name
    metric = (
        "from volsync_py.telemetry.metrics import Metrics; from prometheus_client import generate_latest;"
        "m = Metrics(); print(generate_latest(m.registry).decode())"
    )
    for one in (wheel, of_sources):
        said = run(sys.executable, "-P", "-c", metric, folder=tmp_path, env={"PYTHONPATH": str(one)})
        assert f'version="{VERSION}"' in said


def test_the_command_line_is_one_file_for_every_processor(made: Path, tmp_path: Path) -> None:
    with tarfile.open(made / f"{PROGRAM}-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    program = tmp_path / PROGRAM
    with zipfile.ZipFile(program) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".so", ".pyd"))]
    # Small enough to be fetched by whoever only wants to look.
    assert program.stat().st_size < 5_000_000
    # Its files are unpacked once, below this folder.
    env = {"SHIV_ROOT": str(tmp_path / "shiv")}

    assert run(program, "version", folder=tmp_path, env=env) == f"volsync-py {VERSION}\n"
    for name in table.COMMANDS:
        assert run(program, name, "--help", folder=tmp_path, env=env).lower().startswith("usage:"), name
    said = run(program, "status", "--kubeconfig=none", folder=tmp_path, code=1, env=env)
    assert "there is no such file" in said


def test_krew_takes_its_manifest(made: Path, tmp_path: Path) -> None:
    validate = prepare(["validate-krew-manifest"])["validate-krew-manifest"]
    said = run(validate, "-skip-install", "-manifest", made / "volsync-py.yaml", folder=tmp_path)
    assert "structural validation OK" in said

    plugin = yaml.safe_load((made / "volsync-py.yaml").read_text("utf-8"))
    (platform,) = plugin["spec"]["platforms"]
    assert f"{platform['sha256']}  {platform['uri'].rpartition('/')[2]}" in (made / "SHA256SUMS").read_text()


def test_chart_and_manifests_install_this_version(made: Path, tmp_path: Path) -> None:
    helm = prepare(["helm"])["helm"]
    chart = yaml.safe_load(run(helm, "show", "chart", made / f"volsync-{VERSION}.tgz", folder=tmp_path))
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)
    assert f"volsync-py:{VERSION}" in run(helm, "template", "volsync", made / f"volsync-{VERSION}.tgz", folder=tmp_path)

    objects = list(yaml.load_all((made / "install.yaml").read_text("utf-8"), yaml.CSafeLoader))
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.org/volsync-py:{VERSION}"


def test_a_bill_of_materials_names_what_is_inside(made: Path) -> None:
    wanted = {f"{PROGRAM}.cdx.json": {"volsync-py", "kubernetes", "click", "urllib3"}}
    if BUILDER:
        wanted["volsync-py-image.cdx.json"] = {"volsync-py", "kubernetes", "libc6", "github.com/restic/restic"}
    for name, packages in wanted.items():
        bill = json.loads((made / name).read_text("utf-8"))
        assert bill["bomFormat"] == "CycloneDX"
        found = {component["name"].replace("_", "-") for component in bill["components"]}
        assert packages <= found
        assert found.isdisjoint({"aiohttp", "pip", "pytest"})


def test_another_clone_gives_the_same_bytes(made: Path, tagged: Path) -> None:
    again = tagged.parent / "again"
    run("git", "clone", "-q", tagged, again, folder=tagged)
    out = tagged.parent / "made-again"
    words = ["--repository=registry.example.org/volsync-py", "--download-url=https://example.org/files", "--no-image"]
    run(again / "hack" / "release", *words, f"--output={out}", folder=again)

    signed = {"SHA256SUMS", "SHA256SUMS.sigstore.json"}
    differ = [p.name for p in out.iterdir() if p.name not in signed and p.read_bytes() != (made / p.name).read_bytes()]
    assert differ == []


def test_what_is_not_ready_for_a_release_ends_in_a_sentence(tagged: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    run("git", "clone", "-q", tagged, one, folder=tmp_path)
    release = one / "hack" / "release"

    (one / "README.md").unlink()
    assert "files are changed that no commit has" in run(release, folder=one, code=1)
    run(*GIT, "commit", "-qam", "more", folder=one)
    assert "this commit has 0 tags like v1.2.3" in run(release, folder=one, code=1)
    run(*GIT, "tag", "-am", "next", "v9.9.0", folder=one)
    assert "CHANGELOG.md has no part `## 9.9.0`" in run(release, folder=one, code=1)
    shutil.rmtree(one)
