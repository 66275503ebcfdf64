"""The version is the tag's, and there is one wherever a build may begin."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hack.processes import ROOT
from volsync_py import __version__

GIT = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
# As the Containerfile asks for it.
VERSION_OF_IMAGE = (sys.executable, str(ROOT / "hack" / "image" / "version.py"))


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def version_in(folder: Path) -> str:
    return run(sys.executable, "-m", "setuptools_scm", folder=folder)


def version_of_image(said: str) -> str:
    return run(*VERSION_OF_IMAGE, said, folder=ROOT)


def without_commit(version: str, checkout: Path) -> str:
    """Return a version without the last commit, which it has to name at its end."""
    release, _, commit = version.partition("+g")
    assert len(commit) >= 7
    assert run("git", "rev-parse", "HEAD", folder=checkout).startswith(commit)
    return release


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("pyproject.toml", ".git_archival.txt", ".gitattributes"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def checkout(sources: Path) -> Path:
    run(*GIT, "init", "-q", folder=sources)
    for number in ("one", "two"):
        (sources / number).touch()
        run(*GIT, "add", ".", folder=sources)
        run(*GIT, "commit", "-q", "-m", number, folder=sources)
    return sources


def test_a_folder_without_git_has_a_version(sources: Path) -> None:
    assert version_in(sources) == "0.0.0"


@pytest.mark.parametrize(("tag", "version"), [("v1.2.0", "1.2.0"), ("v1.3.0-rc1", "1.3.0rc1")])
def test_the_version_is_the_tags_in_a_checkout_a_shallow_one_and_an_archive(
    checkout: Path, tmp_path: Path, tag: str, version: str
) -> None:
    run(*GIT, "tag", "-a", "-m", tag, tag, folder=checkout)
    assert version_in(checkout) == version

    shallow = tmp_path / "shallow"
    run("git", "clone", "-q", "--depth=1", f"--branch={tag}", checkout.as_uri(), str(shallow), folder=tmp_path)
    assert version_in(shallow) == version

    archive = tmp_path / "archive"
    archive.mkdir()
    run("git", "archive", "--output=../archive.tar", tag, folder=checkout)
    shutil.unpack_archive(tmp_path / "archive.tar", archive, filter="data")
    assert version_in(archive) == version


def test_a_checkout_without_tags_or_behind_one_says_which_commit_it_is(checkout: Path, tmp_path: Path) -> None:
    # An older setuptools-scm calls the one after none 0.1.
    assert without_commit(version_in(checkout), checkout) in {"0.0.1.dev2", "0.1.dev2"}

    shallow = tmp_path / "shallow"
    run("git", "clone", "-q", "--depth=1", checkout.as_uri(), str(shallow), folder=tmp_path)
    assert without_commit(version_in(shallow), checkout) in {"0.0.1.dev1", "0.1.dev1"}

    run(*GIT, "tag", "-a", "-m", "v1.2.0", "v1.2.0", "HEAD~1", folder=checkout)
    assert without_commit(version_in(checkout), checkout) == "1.2.1.dev1"


def test_an_image_has_the_version_of_its_clone_or_says_that_it_does_not_know(checkout: Path) -> None:
    describe = ("git", "describe", "--tags", "--always")
    assert version_of_image("") == "0.0.0+unknown"
    assert without_commit(version_of_image(run(*describe, folder=checkout)), checkout) == "0.0.0"

    run(*GIT, "tag", "-a", "-m", "v1.3.0-rc.1", "v1.3.0-rc.1", "HEAD~1", folder=checkout)
    of_image = version_of_image(run(*describe, folder=checkout))
    of_clone = version_in(checkout)
    assert without_commit(of_image, checkout) == without_commit(of_clone, checkout) == "1.3.0rc2.dev1"

    run(*GIT, "tag", "-d", "v1.3.0-rc.1", folder=checkout)
    run(*GIT, "tag", "-a", "-m", "v1.3.0", "v1.3.0", folder=checkout)
    assert version_of_image(run(*describe, folder=checkout)) == version_in(checkout) == "1.3.0"


@pytest.mark.parametrize(
    ("said", "version"),
    [("1.2.0", "1.2.0"), ("1.2.0rc1", "1.2.0rc1"), ("0.0.1.dev7+gabcdef123", "0.0.1.dev7+gabcdef123")],
)
def test_an_image_has_the_version_that_a_release_says(said: str, version: str) -> None:
    assert version_of_image(said) == version


def test_an_image_of_no_version_is_refused_in_a_sentence() -> None:
    done = subprocess.run([*VERSION_OF_IMAGE, "main"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "VERSION=main is no version: say 1.2.0, or what `git describe --tags --always` prints\n"


def test_a_checkout_that_nobody_has_installed_has_a_version(tmp_path: Path) -> None:
    # Without the file that a build writes, wherever that is.
    script = "import sys; sys.modules['volsync_py._version'] = None; import volsync_py; print(volsync_py.__version__)"
    assert run(sys.executable, "-c", script, folder=ROOT) == "0.0.0"
    assert __version__
