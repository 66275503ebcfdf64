"""What is pushed and signed is what was made, under the name that its manifests have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.processes import ROOT
from hack.release_parts import Failed, Version
from hack.release_signing import Key, publish_image, write_sums
from hack.releasing import build_image
from hack.tool_cache import TOOLS

REPOSITORY = "registry.example.org/volsync-py"
KEY = Key(Path("cosign.key"))
# Stands for a program that pushes or signs: writes down how it is called, and with which password.
PROGRAM = """#!/bin/sh
echo "${0##*/} $1 ${COSIGN_PASSWORD-none}" >> "$TOLD"
"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder as one that was made."""
    folder = tmp_path / "1.2.0"
    folder.mkdir()
    (folder / "volsync-py-image-1.2.0-amd64.tar").write_bytes(b"image")
    (folder / "volsync-py-image.cdx.json").write_text("{}")
    (folder / "install.yaml").write_text(f"          image: {REPOSITORY}:1.2.0\n")
    write_sums(folder)
    return folder


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that has a line of each call of what pushes and signs."""
    told = tmp_path / "told"
    told.touch()
    monkeypatch.setenv("TOLD", str(told))
    monkeypatch.setenv("VOLSYNC_PY_TOOLS", str(tmp_path / "tools"))
    for name in ("crane", "cosign"):
        path = tmp_path / "tools" / TOOLS[name].folder / name
        path.parent.mkdir(parents=True)
        path.write_text(PROGRAM, encoding="utf-8")
        path.chmod(0o755)
    return told


def changed(folder: Path) -> None:
    (folder / "volsync-py-image-1.2.0-amd64.tar").write_bytes(b"another")


def without_image(folder: Path) -> None:
    (folder / "volsync-py-image-1.2.0-amd64.tar").unlink()
    (folder / "SHA256SUMS").unlink()
    write_sums(folder)


def not_listed(word: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        sums = folder / "SHA256SUMS"
        lines = sums.read_text().splitlines(keepends=True)
        sums.write_text("".join(line for line in lines if word not in line))

    return do


def of_another_name(folder: Path) -> None:
    (folder / "install.yaml").write_text(f"          image: {REPOSITORY}:1.2.0-rc.1\n")
    (folder / "SHA256SUMS").unlink()
    write_sums(folder)


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (changed, "volsync-py-image-1.2.0-amd64.tar is not what was made: SHA256SUMS has another sum of it"),
        (without_image, "lists 0 images, not one"),
        (not_listed("amd64.tar"), "lists 0 images, not one"),
        (not_listed("cdx.json"), "SHA256SUMS does not list volsync-py-image.cdx.json"),
        (not_listed("install.yaml"), "SHA256SUMS does not list install.yaml"),
        (of_another_name, f"install.yaml does not name {REPOSITORY}:1.2.0"),
    ],
)
def test_a_folder_that_does_not_fit_is_not_pushed(
    made: Path, told: Path, do: Callable[[Path], None], said: str
) -> None:
    do(made)
    with pytest.raises(Failed, match=said):
        publish_image(made, REPOSITORY, KEY)
    assert told.read_text() == ""


def test_what_is_listed_and_is_not_there_ends_it_before_the_push(made: Path, told: Path) -> None:
    (made / "volsync-py-image.cdx.json").unlink()
    with pytest.raises(FileNotFoundError):
        publish_image(made, REPOSITORY, KEY)
    assert told.read_text() == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--publish=FOLDER"], "hack/release: an image that is published is signed: say --key\n"),
        (["--publish=FOLDER/none", "--key=k"], "hack/release: FOLDER/none/SHA256SUMS is not there\n"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(made: Path, words: list[str], said: str) -> None:
    command = [sys.executable, "-m", "hack.releasing", *(word.replace("FOLDER", str(made)) for word in words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, said.replace("FOLDER", str(made)))


def test_only_who_signs_gets_the_password_of_the_key(made: Path, told: Path) -> None:
    words = [f"--publish={made}", f"--repository={REPOSITORY}", "--key=cosign.key"]
    env = {**os.environ, "COSIGN_PASSWORD": "secret"}
    command = [sys.executable, "-m", "hack.releasing", *words]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert told.read_text().splitlines() == [
        *("crane push none", "cosign signing-config none", "cosign trusted-root none"),
        *("cosign sign secret", "cosign attest secret"),
    ]


def test_what_is_installed_for_a_release_does_not_get_the_password(made: Path, told: Path) -> None:
    python = made / "python"
    python.write_text('#!/bin/sh\n[ "$2" = venv ] || exit 0\nmkdir -p "$4/bin"\ncp "$PROGRAM" "$4/bin/pip"\n')
    python.chmod(0o755)
    stand_in = str(TOOLS["crane"].path)
    env = {**os.environ, "COSIGN_PASSWORD": "secret", "PYTHON": str(python), "PROGRAM": stand_in}
    subprocess.run([ROOT / "hack" / "release"], env=env, capture_output=True, timeout=60, check=False)
    assert told.read_text() == "pip install none\n"


def test_a_builder_is_told_what_gives_the_same_bytes(tmp_path: Path) -> None:
    builder, told = tmp_path / "builder", tmp_path / "told"
    builder.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" "$SOURCE_DATE_EPOCH" > {told}\n')
    builder.chmod(0o755)
    saved = tmp_path / "image.tar"
    build_image(str(builder), f"{REPOSITORY}:1.2.0", saved, Version("1.2.0", "1.2.0", 1_700_000_000), "REMOTES=")

    same = ["--no-cache", "--format=oci", "--timestamp=1700000000"]
    assert told.read_text().splitlines() == [
        *(str(ROOT), f"{REPOSITORY}:1.2.0", str(saved)),
        *(*same, "VERSION=1.2.0", "REMOTES=", "1700000000"),
    ]
