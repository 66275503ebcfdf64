"""What the pages tell people to type is typed here, in the order of the pages, and shows what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import DevCluster, S3Server
from tests.integration.docs.pages import DOCS, Reader
from tests.integration.mover.harness import PASSWORD
from tests.integration.mover.prepared import put
from tests.markdown import blocks

# Commands for a machine that has what this one lacks, and who runs them instead.
ELSEWHERE = {
    "pip install '.[cli]'": "tests/integration/commands/test_wheel.py",
    "docker build -t volsync-py:tutorial -f Containerfile .": ".ci/e2e",
    "kind load docker-image volsync-py:tutorial": "kind's own; .ci/e2e loads it into another cluster",
}


# Several blocks, each of which has a deadline of its own that says what did not come.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody with a cluster of their own, in which nothing is installed."""
    one = Reader(DevCluster(tmp_path_factory.mktemp("reader")), tmp_path_factory.mktemp("folder"))
    yield one
    one.end()


@pytest.fixture(scope="module")
def user(reader: Reader, s3: S3Server, empty_repository: Path) -> Reader:
    """Who has done the tutorial, and backs up to S3 since; they have read no other page."""
    reader.installs()
    for folder in ("howto/notes", "velero/restic/notes"):
        put(empty_repository, s3, folder)
    reader.instead |= {
        "s3:https://s3.example.com/": f"s3:http://127.0.0.1:{s3.port}/",
        "long-and-written-down": PASSWORD,
        "access-key": s3.ACCESS,
        "secret-key": s3.SECRET,
    }
    return reader


def test_the_tutorial_goes_from_nothing_to_a_restored_volume(reader: Reader) -> None:
    reader.reads("tutorial.md")


def test_a_secret_for_each_storage_is_one_that_the_api_server_takes(user: Reader) -> None:
    user.begins("storages")
    user.reads("backends.md")


def test_each_command_that_is_not_run_here_is_run_elsewhere() -> None:
    told = [block.text for page in DOCS.glob("*.md") for block in blocks(page) if block.language == "sh"]
    assert {line for text in told for line in text.splitlines() if line} == set(ELSEWHERE)
