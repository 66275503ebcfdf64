"""What the long matrices share: one development cluster and one S3 server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hack.processes import DevCluster, S3Server


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
