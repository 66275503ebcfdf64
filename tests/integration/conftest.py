"""One development cluster with an S3 server and a manager, for all integration tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import DevCluster, Manager, S3Server
from tests.integration.mover import prepared
from tests.integration.world import NO_JOB_SHOWN, World


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """The development cluster, without a manager."""
    one = DevCluster(tmp_path_factory.mktemp("cluster"))
    yield one
    one.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server."""
    one = S3Server(tmp_path_factory.mktemp("s3"))
    yield one
    one.stop()


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository without snapshots, whose key opens at once."""
    return prepared.made(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="session")
def manager(cluster: DevCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager that leads; no test waits for the end of a Job that is shown to people."""
    one = Manager(tmp_path_factory.mktemp("manager"), cluster.kubeconfig, NO_JOB_SHOWN)
    one.leads()
    yield one
    one.stop()


@pytest.fixture
def new_world(cluster: DevCluster, s3: S3Server, manager: Manager, request: pytest.FixtureRequest) -> Iterator[World]:
    """A namespace of the test's own: a volume that holds files, the Secret of a repository that does not exist yet."""
    name = "t-" + re.sub("[^a-z0-9]+", "-", request.node.name.lower())[-50:].strip("-")
    one = World(cluster, s3, name)
    one.prepare()
    yield one
    one.end()


@pytest.fixture
def world(new_world: World, empty_repository: Path) -> World:
    """A namespace like that, with a repository that is empty."""
    new_world.put(empty_repository)
    return new_world


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[DevCluster]:
    """A cluster that no other test's manager looks at."""
    one = DevCluster(tmp_path / "own")
    yield one
    one.stop()
