"""Fixtures of the development cluster's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import DevCluster
from tests.integration.devcluster.controllers_harness import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Run the controllers over an empty registry."""
    made = Cluster(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """Run the whole cluster as a process of its own."""
    one = DevCluster(tmp_path_factory.mktemp("server"))
    yield one
    one.stop()
