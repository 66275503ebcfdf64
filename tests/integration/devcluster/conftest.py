"""Fixtures of the development cluster's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.devcluster.controllers_harness import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Run the controllers over an empty registry."""
    made = Cluster(tmp_path)
    yield made
    made.stop()
