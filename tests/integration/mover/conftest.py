"""A mover with a repository in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.mover.harness import Mover


@pytest.fixture
def new_mover(tmp_path: Path) -> Mover:
    """A mover whose repository does not exist yet."""
    return Mover(tmp_path / "mover", str(tmp_path / "repository"))


@pytest.fixture
def mover(new_mover: Mover, empty_repository: Path) -> Mover:
    """A mover whose repository is empty."""
    shutil.copytree(empty_repository, new_mover.repository)
    return new_mover
