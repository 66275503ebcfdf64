"""A mover with a repository in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.mover.forge import quicken
from tests.integration.mover.harness import PASSWORD, Mover


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository without snapshots, whose key opens at once."""
    folder = tmp_path_factory.mktemp("empty")
    mover = Mover(folder / "mover", str(folder / "repository"))
    mover.restic("init")
    quicken(folder / "repository", PASSWORD)
    return folder / "repository"


@pytest.fixture
def new_mover(tmp_path: Path) -> Mover:
    """A mover whose repository does not exist yet."""
    return Mover(tmp_path / "mover", str(tmp_path / "repository"))


@pytest.fixture
def mover(new_mover: Mover, empty_repository: Path) -> Mover:
    """A mover whose repository is empty."""
    shutil.copytree(empty_repository, new_mover.repository)
    return new_mover
