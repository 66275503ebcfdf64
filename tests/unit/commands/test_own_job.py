"""The Job of a command's pod ends soon after the command, whether its pod has started or not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import click
import pytest
from attrs import define, field

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.repository.own_job import OwnJob
from volsync_py.kube.errors import Forbidden, KubeError, NotFound, ServerError, Unreachable

AWAY = Unreachable("refused")


@define
class Server:
    """The part of a client that it needs; `answers` are what requests end in, the last one again and again."""

    answers: list[KubeError | None] = field(factory=lambda: [None])
    deadlines: list[int] = field(factory=list)
    deleted: list[str] = field(factory=list)

    def _answer(self) -> None:
        error = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if error is not None:
            raise error

    def create(self, resource: Any, obj: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        return obj

    def patch(self, resource: Any, name: str, changes: dict[str, Any], namespace: str) -> None:
        self.deadlines.append(changes["spec"]["activeDeadlineSeconds"])
        self._answer()

    def delete(self, resource: Any, name: str, namespace: str) -> None:
        self.deleted.append(name)
        self._answer()


@define
class Made:
    """A Job, the server that has it, a clock, and what somebody was told."""

    server: Server
    now: float = 1000.0
    told: list[str] = field(factory=list)
    job: OwnJob = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.job = OwnJob(Cluster(self.server, "ns"), {"metadata": {"name": "j"}}, self.told.append, lambda: self.now)

    def wait(self, seconds: int) -> None:
        """Wait for the pod, as often as a command looks."""
        for _ in range(4 * seconds):
            self.now += 0.25
            self.job.waits()


def test_who_waits_moves_the_end_on_so_that_it_stays_a_minute_away_at_most() -> None:
    one = Made(Server())
    one.wait(59)
    assert one.server.deadlines == [20 + 60, 40 + 60]


def test_a_renewal_that_gets_lost_is_followed_by_another_one_before_the_end() -> None:
    one = Made(Server([AWAY, ServerError(500, "", "no leader"), None]))
    one.wait(60)
    assert one.server.deadlines == [80, 100, 120]
    assert one.told == []


def test_a_pod_that_runs_has_a_day_for_its_answers() -> None:
    one = Made(Server())
    one.job.runs()
    assert one.server.deadlines == [24 * 3600]


def test_who_waits_for_a_job_that_has_gone_is_told_so() -> None:
    one = Made(Server([NotFound(404, "NotFound", "", {"name": "j"})]))
    with pytest.raises(click.ClickException, match="has gone; try once more"):
        one.wait(20)
    # What has gone meanwhile is seen when it is asked.
    one.job.runs()


def test_who_may_not_patch_jobs_is_told_once_how_long_the_pod_has() -> None:
    said = (
        'jobs.batch "j" is forbidden: User "u" cannot patch resource "jobs" in API group "batch" in the namespace "ns"'
    )
    one = Made(Server([Forbidden(403, "Forbidden", said)]))
    one.wait(50)
    one.job.runs()
    (told,) = one.told
    assert told.startswith("the pod that asks has 60 s, and no longer: you (u) may not patch jobs.batch")
    assert one.server.deadlines == [80, 24 * 3600]


@pytest.mark.parametrize(
    ("answers", "deleted"),
    [
        ([None], ["j"]),
        # Nobody knows whether it was made.
        ([AWAY, None], ["j"]),
        ([ServerError(504, "Timeout", ""), None], ["j"]),
        ([Forbidden(403, "Forbidden", ""), None], []),
        # What cannot be removed ends by itself.
        ([None, Forbidden(403, "Forbidden", "")], ["j"]),
        ([None, AWAY], ["j"]),
    ],
)
def test_what_may_have_been_made_is_removed(answers: list[KubeError | None], deleted: list[str]) -> None:
    one = Made(Server(answers))
    with suppress(KubeError):
        one.job.create()
    one.job.remove()
    assert one.server.deleted == deleted
