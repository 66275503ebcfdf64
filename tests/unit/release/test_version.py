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


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def version_in(folder: Path) -> str:
    return run(sys.executable, "-m", "setuptools_scm", folder=folder)


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
    shutil.unpack_archive(tmp_path / "archive.tar", archive)
    assert version_in(archive) == version


def test_a_checkout_without_tags_or_behind_one_says_which_commit_it_is(checkout: Path, tmp_path: Path) -> None:
    commit = run("git", "rev-parse", "--short=9", "HEAD", folder=checkout)
    assert version_in(checkout) == f"0.0.1.dev2+g{commit}"

    shallow = tmp_path / "shallow"
    run("git", "clone", "-q", "--depth=1", checkout.as_uri(), str(shallow), folder=tmp_path)
    assert version_in(shallow) == f"0.0.1.dev1+g{commit}"

    run(*GIT, "tag", "-a", "-m", "v1.2.0", "v1.2.0", "HEAD~1", folder=checkout)
    assert version_in(checkout) == f"1.2.1.dev1+g{commit}"


def test_a_checkout_that_nobody_has_installed_has_a_version(tmp_path: Path) -> None:
    # Without the file that a build writes, wherever that is.
    script = "import sys; sys.modules['volsync_py._version'] = None; import volsync_py; print(volsync_py.__version__)"
    assert run(sys.executable, "-c", script, folder=ROOT) == "0.0.0"
    assert __version__
