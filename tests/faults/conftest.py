"""What the long matrices share: a development cluster, an S3 server, a repository, and the tables of what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import DevCluster, S3Server
from tests.faults.telling import Tell, told
from tests.integration.mover import prepared


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let begin first what may take longest, so that nothing long is left over for one process in the end."""
    here = Path(__file__).parent
    items.sort(key=lambda item: -_most_seconds(item) if item.path.parent == here else 0)


def _most_seconds(item: pytest.Item) -> float:
    limit = item.get_closest_marker("timeout")
    return float(limit.args[0]) if limit else 0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have told, each kind in a table of its own."""
    for title, lines in told(terminalreporter).items():
        terminalreporter.write_line("")
        terminalreporter.write_line("\n".join([title, *sorted(lines)]))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Have a line printed in the end, below a title."""
    return lambda title, line: request.node.user_properties.append((title, line))


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
