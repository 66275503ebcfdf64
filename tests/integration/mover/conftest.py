"""A mover with a repository in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.mover.harness import Mover


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    """A mover whose repository does not exist yet."""
    return Mover(tmp_path / "mover", str(tmp_path / "repository"))
