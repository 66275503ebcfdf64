"""hack/release makes of a tagged clone what people download, and the same bytes from another clone."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from hack.tool_cache import TOOLS, prepare
from tests.release.making import BUILDER, GIT, PROGRAM, VERSION, clone_of, release, run

pytestmark = pytest.mark.timeout(1200)
# Of the Containerfile, too; test_arm64.py compares.
RESTIC = TOOLS["restic"].folder.removeprefix("restic-v")


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


def test_the_notes_are_what_the_changelog_says_of_the_version(made: Path, tagged: Path) -> None:
    page = (tagged / "CHANGELOG.md").read_text("utf-8")
    of_version = page.split(f"## {VERSION}\n", 1)[1].split("\n## ", 1)[0]
    assert (made / "RELEASE_NOTES.md").read_text("utf-8") == f"# volsync-py {VERSION}\n\n{of_version.strip()}\n"


def test_the_sums_are_signed_and_a_changed_file_of_them_is_refused(made: Path, key: Path, tmp_path: Path) -> None:
    cosign = prepare(["cosign"])["cosign"]
    verify: list[str | Path] = [cosign, "verify-blob", f"--key={key.with_suffix('.pub')}", "--insecure-ignore-tlog"]
    verify.append(f"--bundle={made / 'SHA256SUMS.sigstore.json'}")
    assert "Verified OK" in run(*verify, made / "SHA256SUMS", folder=tmp_path)

    changed = tmp_path / "SHA256SUMS"
    changed.write_text((made / "SHA256SUMS").read_text().replace("0", "1"))
    assert "invalid signature" in run(*verify, changed, folder=tmp_path, code=1)


def test_wheel_and_sources_have_the_tags_version_types_and_no_tests(made: Path) -> None:
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


def test_a_bill_of_materials_names_what_is_inside(made: Path) -> None:
    wanted = {f"{PROGRAM}.cdx.json": {"volsync-py", "kubernetes", "click", "urllib3"}}
    if BUILDER:
        of_image = {"volsync-py", "kubernetes", "libc6", "rclone", "openssh-client", "github.com/restic/restic"}
        wanted["volsync-py-image.cdx.json"] = of_image
    for name, packages in wanted.items():
        bill = json.loads((made / name).read_text("utf-8"))
        assert bill["bomFormat"] == "CycloneDX"
        found = {component["name"].replace("_", "-") for component in bill["components"]}
        assert packages <= found
        of_restic = [one for one in bill["components"] if one["name"] == "github.com/restic/restic"]
        assert [one["purl"] for one in of_restic] == (
            [f"pkg:golang/github.com/restic/restic@v{RESTIC}"] if "image" in name else []
        )
        assert found.isdisjoint({"aiohttp", "pip", "pytest"})


def test_another_clone_gives_the_same_bytes(made: Path, tagged: Path, repository: str) -> None:
    again, out = clone_of(tagged, tagged.parent / "again"), tagged.parent / "made-again"
    release(again, out, repository)

    # It was not signed again; a signature has a number in it that nobody may guess.
    names = {path.name for path in made.iterdir()} - {"SHA256SUMS.sigstore.json"}
    assert {path.name for path in out.iterdir()} == names
    assert [name for name in sorted(names) if (out / name).read_bytes() != (made / name).read_bytes()] == []


def test_what_is_not_ready_for_a_release_ends_in_a_sentence(tagged: Path, tmp_path: Path) -> None:
    one = clone_of(tagged, tmp_path / "one")
    command = one / "hack" / "release"

    (one / "README.md").unlink()
    assert "files are changed that no commit has" in run(command, folder=one, code=1)
    run(*GIT, "commit", "-qam", "more", folder=one)
    assert "this commit has 0 tags like v1.2.3" in run(command, folder=one, code=1)
    run(*GIT, "tag", "-am", "next", "v9.9.0", folder=one)
    assert "CHANGELOG.md has no part `## 9.9.0`" in run(command, folder=one, code=1)
