"""Work by hand is followed to its end, whoever has started it, and whatever becomes of its log."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import define, evolve, field

from tests.integration.commands.asking import command
from tests.integration.kube.peer import Asked, Say, peer, status
from tests.integration.main.scripted import source
from volsync_py.api.spec import parse
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.repository.work import work
from volsync_py.contract.report import Outcome, Report
from volsync_py.contract.run_document import Check
from volsync_py.core.labels import Label
from volsync_py.movers.restic.question_job import labels_of_questions

WELL = Report(outcome=Outcome.SUCCEEDED).to_json()
PLAIN = labels_of_questions(parse(source("db"), UTC), ("check",), ("", ""))
OTHERS: dict[str, Any] = {
    "metadata": {"name": "volsync-ask-db-1", "namespace": "ns", "uid": "j", "labels": PLAIN},
    "spec": {},
    "status": {},
}
RUNNING: dict[str, Any] = {"running": {}}
LOG = [b"one\n", b"two\n"]
# What a kubelet says that has no inotify left, and then the log is at its end.
CUT = b"failed to create fsnotify watcher: too many open files\n"


@define
class World:
    """A source, the Job of somebody else if there is one, and a pod that ends when its log was read so often."""

    jobs: list[dict[str, Any]] = field(factory=list)
    state: dict[str, Any] = field(factory=lambda: RUNNING)
    ends_after: int = 1
    restic: dict[str, Any] = field(factory=dict)
    read: int = 0
    changes: list[tuple[str, Any]] = field(factory=list)

    def __call__(self, asked: Asked) -> Say:
        if asked.method in {"POST", "PATCH", "DELETE"}:
            self.changes.append((asked.method, (asked.body or {}).get("spec")))
        match asked.path.rsplit("/", 2)[-2:]:
            case _, "jobs" if asked.method == "POST":
                self.jobs.append(asked.body)
                return Say(asked.body, 201)
            case _, "jobs":
                return Say({"items": self.jobs})
            case "jobs", name if [job for job in self.jobs if job["metadata"]["name"] == name]:
                return Say(self.jobs[0])
            case _, "pods":
                return Say({"items": [self.pod()]})
            case _, "log":
                self.read += 1
                return Say(lines=[*LOG, CUT] if self.read < self.ends_after else [*LOG, b"three\n"])
            case "replicationsources", "db":
                return Say(source("db", restic={"moverImage": "i", **self.restic}))
            case plural, name:
                return Say({**status(404, "NotFound"), "details": {"name": name, "kind": plural}}, 404)
        raise AssertionError(asked.path)

    def pod(self) -> dict[str, Any]:
        state = {"terminated": {"exitCode": 0, "message": WELL}} if self.read >= self.ends_after else self.state
        return {
            "metadata": {"name": "p", "namespace": "ns", "creationTimestamp": "2026-11-24T00:00:00Z"},
            "spec": {},
            "status": {"phase": "Running", "containerStatuses": [{"name": "restic", "state": state}]},
        }


def check(world: World, folder: Path, subset: str = "", image: str = "") -> int:
    run = evolve(parse(source("db"), UTC).restic.run, check=Check(subset))
    with peer(world) as server:
        return work(Cluster(server.client(folder), "ns"), "db", "check", image, "1m", run)


def test_work_whose_log_was_cut_off_goes_on_and_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(ends_after=2)
    assert check(world, tmp_path) == 0
    out, err = capsys.readouterr()
    assert out == "db: check ended well\n"
    assert [err.count(word) for word in ("one\n", "two\n", "three\n", "it is opened again")] == [1, 1, 1, 1]
    # Nothing is deleted that might run: an ended Job goes soon, and one that has not ended stays.
    (made, _), kept = world.changes
    assert (made, kept) == ("POST", ("PATCH", {"ttlSecondsAfterFinished": 5}))


def test_who_follows_reads_the_same_end_and_removes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World([OTHERS])
    assert check(world, tmp_path) == 0
    assert capsys.readouterr().out == "db: check ended well\n"
    assert world.changes == []


def test_only_who_started_it_gives_it_up(tmp_path: Path) -> None:
    waits = {"waiting": {"reason": "InvalidImageName", "message": "no image"}}
    others, own = World([OTHERS], waits), World([], waits)
    with pytest.raises(click.ClickException, match="kubectl delete job volsync-ask-db-1 -n ns gives it up"):
        check(others, tmp_path)
    with pytest.raises(click.ClickException, match="has not started, and is given up"):
        check(own, tmp_path)
    assert [method for method, _ in others.changes] == []
    assert [method for method, _ in own.changes] == ["POST", "DELETE"]


@pytest.mark.parametrize("options", [{"subset": "100%"}, {"image": "another"}])
def test_another_check_is_not_taken_for_the_one_that_was_asked_for(options: dict[str, str], tmp_path: Path) -> None:
    world = World([OTHERS])
    with pytest.raises(click.ClickException, match="another check of db is under way, with other options"):
        check(world, tmp_path, **options)
    assert world.changes == []


def test_what_was_asked_for_is_followed_and_other_work_is_no_hindrance(tmp_path: Path) -> None:
    asked = labels_of_questions(parse(source("db"), UTC), ("check",), ("100%", "another"))
    same = {**OTHERS, "metadata": {**OTHERS["metadata"], "labels": asked}}
    followed = World([same])
    assert check(followed, tmp_path, "100%", "another") == 0
    assert followed.changes == []
    unlocking = {**OTHERS, "metadata": {**OTHERS["metadata"], "labels": {str(Label.ASKED_HOW): "unlock-1"}}}
    beside = World([unlocking])
    assert check(beside, tmp_path) == 0
    assert [method for method, _ in beside.changes] == ["POST", "PATCH"]


def test_what_is_known_to_be_damaged_is_not_pruned(tmp_path: Path) -> None:
    world = World(restic={"lastCheckResult": "RepositoryDamaged"})
    with peer(world) as server:
        server.client(tmp_path)
        ended = command(tmp_path / "kubeconfig", "prune", "db", "-n", "ns")
    assert (ended.returncode, ended.stdout, world.changes) == (1, "", [])
    assert "volsync-py check db -n ns says what is wrong, restic repair mends it" in ended.stderr
