"""Servers on a bad day: a slow one is not lost, one error ends nothing, and what cannot be made is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.mover.backends import Server, Trouble, no_bucket, rest_server
from tests.integration.mover.harness import Mover

CONTACT_SECONDS = 6


@pytest.fixture
def serve(tmp_path: Path, mover: Mover) -> Iterator[Callable[[Trouble], None]]:
    """Return what lets a troubled server take the place of the one before."""
    running: list[Server] = []

    def start(trouble: Trouble) -> None:
        running.append(rest_server(tmp_path / "repository", trouble))
        mover.repository = f"rest:http://127.0.0.1:{running[-1].port}/"

    mover.run["deadlines"] = {"contactSeconds": CONTACT_SECONDS}
    yield start
    for server in running:
        server.stop()


def test_a_server_that_answers_late_is_waited_for(mover: Mover, serve: Callable[[Trouble], None]) -> None:
    serve(Trouble())
    mover.write(a="a")
    assert mover("backup").code == 0
    # Longer than a third of the deadline, and less than the whole of it.
    serve(Trouble(late="GET /index/.", seconds=CONTACT_SECONDS * 0.6))
    ran = mover("backup", "prune")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert "returned error" not in ran.log


def test_one_error_ends_no_command_that_lasts_longer_than_the_deadline(
    mover: Mover, serve: Callable[[Trouble], None]
) -> None:
    serve(Trouble())
    mover.write(a="a")
    assert mover("backup").code == 0
    # Two answers that come late, and together later than the deadline.
    late = Trouble(failing="GET /snapshots", failures=1, late="GET /(index|locks)/", seconds=CONTACT_SECONDS * 0.6)
    serve(late)
    ran = mover("prune")
    assert "operation successful after 1 retries" in ran.log
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log


def test_a_server_that_never_answers_is_unreachable_in_time(mover: Mover, serve: Callable[[Trouble], None]) -> None:
    serve(Trouble(late=".", seconds=60))
    mover.write(a="a")
    ran = mover("backup")
    assert (ran.code, ran.report.error_class) == (130, "Unreachable")


@pytest.mark.parametrize("first", [False, True], ids=["a repository", "no repository yet"])
def test_uploads_that_are_answered_after_the_contact_deadline_are_waited_for(
    request: pytest.FixtureRequest, serve: Callable[[Trouble], None], tmp_path: Path, first: bool
) -> None:
    mover: Mover = request.getfixturevalue("mover")
    if first:
        shutil.rmtree(tmp_path / "repository")
    serve(Trouble(late="POST ", seconds=4))
    mover.run["deadlines"] = {"contactSeconds": 2}
    mover.write(a="a")
    ran = mover("backup")
    assert (ran.code, ran.report.error_class, ran.report.initialized) == (0, "", first), ran.log
    assert "returned error" not in ran.log


def test_a_server_that_hangs_later_on_ends_the_run(mover: Mover, serve: Callable[[Trouble], None]) -> None:
    serve(Trouble(late="POST ", seconds=60))
    mover.run["deadlines"] = {"contactSeconds": 2, "stallSeconds": 4, "killSeconds": 2}
    mover.write(a="a")
    assert mover("backup").report.error_class == "Stalled"


@pytest.mark.parametrize(
    ("known", "failures", "expected"),
    [(True, 1, ""), (True, 1000, "AccessDenied"), (False, 1, "AccessDenied")],
    ids=["granted before, refused once", "granted before, refused again", "never granted"],
)
def test_a_refusal_of_what_was_granted_before_is_believed_when_it_is_repeated(
    mover: Mover, serve: Callable[[Trouble], None], known: bool, failures: int, expected: str
) -> None:
    identity = json.loads("".join(mover.restic("cat", "config", "--no-lock")))["id"]
    serve(Trouble(failing="/config", failures=failures, status=403))
    mover.run["deadlines"] = {"contactSeconds": 3}
    if known:
        mover.run["history"] = {"repositoryID": identity}
    mover.write(a="a")
    ran = mover("backup")
    assert ran.report.error_class == expected, ran.log
    assert ran.log.count("refuses what it has granted before") == known


def test_a_bucket_that_cannot_be_made_is_a_matter_of_configuration(mover: Mover) -> None:
    server = no_bucket()
    mover.repository = f"s3:http://127.0.0.1:{server.port}/bucket/path"
    mover.environ |= {"AWS_ACCESS_KEY_ID": "canary-access", "AWS_SECRET_ACCESS_KEY": "canary-secret"}
    mover.write(a="a")
    ran = mover("backup")
    server.stop()
    assert (ran.report.error_class, ran.report.steps[-1].name) == ("Configuration", "init"), ran.log
    assert "the bucket does not exist and cannot be created" in ran.report.message
    assert ran.log.count("the bucket does not exist yet") == 1
    assert "returned error, retrying" not in ran.log
