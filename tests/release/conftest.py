"""One release for all tests, made of a tagged clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.processes import ROOT, free_port
from hack.tool_cache import prepare
from tests.release.making import GIT, PASSWORD, VERSION, clone_of, release, run


@pytest.fixture(scope="session")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose last commit is what a maintainer tags."""
    folder = clone_of(ROOT, tmp_path_factory.mktemp("release") / "tagged")
    page = folder / "CHANGELOG.md"
    page.write_text(page.read_text("utf-8").replace("## Unreleased", f"## {VERSION}", 1), encoding="utf-8")
    run(*GIT, "commit", "-qam", "release", folder=folder)
    run(*GIT, "tag", "-am", "release", f"v{VERSION}", folder=folder)
    return folder


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The maintainers' key."""
    return key_pair(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key of somebody else's."""
    return key_pair(tmp_path_factory.mktemp("other"))


def key_pair(folder: Path) -> Path:
    run(prepare(["cosign"])["cosign"], "generate-key-pair", folder=folder, env=PASSWORD)
    return folder / "cosign.key"


@pytest.fixture(scope="session")
def repository() -> str:
    """The name of the image, in a registry that may be there later."""
    return f"127.0.0.1:{free_port()}/volsync-py"


@pytest.fixture(scope="session")
def made(tagged: Path, key: Path, repository: str) -> Path:
    """The folder that is made."""
    out = tagged.parent / "made"
    release(tagged, out, repository, f"--key={key}")
    return out
