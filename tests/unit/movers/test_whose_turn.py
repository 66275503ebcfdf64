"""Who may initialise a repository, and prune it: nobody waits for a mover that does not run."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.unit.movers.neighbours import Neighbours
from tests.unit.movers.objects import source
from tests.unit.movers.seen import NOW, created, decision_on, words
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_grants import STARTED, grants, made_again_without_an_image, other
from tests.unit.movers.test_stuck_jobs import STUCK, UNSCHEDULED, suspend
from volsync_py.contract.report import ErrorClass, Outcome, Report, SnapshotFacts
from volsync_py.core.actions import Patch
from volsync_py.core.times import format_rfc3339
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.turns import is_paused_without_pod

MISSING = Report(Outcome.FAILED, ErrorClass.REPOSITORY_MISSING, "repository does not exist")
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))


def granted(one: Simulation) -> bool:
    job = one.job()
    assert job is not None
    return RunRecord.of(job).granted


def missed(job: dict[str, Any]) -> Simulation:
    """Return a source whose attempt has just missed the repository, beside another one's Job."""
    own = Simulation(source())
    own.settle()
    own.end_job(MISSING)
    one = Simulation([*source(), job], own.now)
    one.resource["status"] = copy.deepcopy(own.status)
    return one


def backs_up(both: Neighbours, name: str, seconds: float) -> int:
    """Let time pass until a source is backed up: without the grants there is no repository; return its Jobs."""
    one = both[name]
    while one.job() is None or not granted(one):
        if one.job() is not None:
            both.end(name, MISSING, seconds=1)
        both.settle()
        assert both.seconds < seconds
        both.wait(min(one.delay or 1, 5))
    both.end(name, BACKED_UP)
    return one.made.count("Job")


@pytest.mark.parametrize("error_class", STUCK)
def test_a_mover_that_does_not_start_keeps_nobody_from_the_first_backup(error_class: str) -> None:
    both = Neighbours.named("a", "b")
    both.settle("a")
    status = STUCK[error_class]
    if status is not None:
        both.pend("a", copy.deepcopy(status))
    if error_class == "JobSuspended":
        suspend(both["a"])
    both.settle("b")
    assert backs_up(both, "b", 120) <= 3
    assert both["b"].conditions()["Healthy"][:2] == ("True", "Succeeded")


def test_who_is_waited_for_is_named_and_no_job_is_made_meanwhile() -> None:
    both = Neighbours.named("a", "b")
    both.settle("a")
    both.pend("a", UNSCHEDULED)
    both.settle("b")
    both.end("b", MISSING)
    both.wait(40)
    both.settle("b")
    assert both["b"].job() is None
    text = "aiting for Job/volsync-src-a, which may initialise the repository"
    assert both["b"].conditions()["Synchronizing"] == ("True", "SyncInProgress", "W" + text)
    assert both["b"].conditions()["Healthy"] == (
        "False",
        "RepositoryMissing",
        f"repository does not exist – w{text}",
    )


def test_a_mover_of_another_namespace_is_named_for_who_may_look_there() -> None:
    one = missed(other(**STARTED, active=1))
    one.settle()
    message = one.conditions()["Synchronizing"][2]
    assert "a mover of another namespace (kubectl get jobs -A -l volsync-py/repository=" in message
    assert "other," not in message


def test_the_one_that_has_yielded_waits_on_and_initialises_when_nobody_else_did() -> None:
    both = Neighbours.named("a", "b")
    both.settle("a")
    both.pend("a", UNSCHEDULED)
    both.settle("b")
    backs_up(both, "b", 120)
    both.settle("a")
    assert not granted(both["a"])
    assert both["a"].made.count("Job") == 2
    assert both["a"].conditions()["Healthy"][:2] == ("Unknown", "NotYetRun")
    both.end("a", MISSING)
    both.wait(21)
    both.settle("a")
    assert granted(both["a"])


@pytest.mark.parametrize("ready", [True, False])
def test_a_mover_that_runs_keeps_its_grants_and_the_other_looks_less_and_less_often(ready: bool) -> None:
    both = Neighbours.named("a", "b")
    both.settle("a")
    both.start("a")
    first = both["a"].job()
    assert first is not None
    # As beside a side-car that is not ready.
    first["status"]["ready"] = int(ready)
    both.settle("b")
    looks = 0
    while both.seconds < 3600:
        both.settle()
        if both["b"].job() is not None:
            assert not granted(both["b"])
            both.end("b", MISSING, seconds=1)
        both.settle()
        both.wait(both["b"].delay or 60)
        looks += 1
    jobs = both["b"].made.count("Job")
    print(f"another one runs, ready={ready}: {jobs} Jobs, {looks} looks an hour")
    assert 2 <= jobs <= 12
    assert looks <= 100
    assert both["a"].job() is first
    assert granted(both["a"])


def test_a_job_that_does_not_start_is_asked_once() -> None:
    both = Neighbours.named("a", "b")
    both.settle("a")
    both.pend("a", UNSCHEDULED)
    both.settle("b")
    both.end("b", MISSING)
    both.wait(60)
    both.settle("b")
    first = both["a"].job()
    assert first is not None
    asked = first["metadata"]["annotations"]["volsync-py/turn-wanted"]
    both.wait(5)
    both.settle("b")
    assert first["metadata"]["annotations"]["volsync-py/turn-wanted"] == asked
    both.settle("a")
    assert both["a"].job() is not first


@pytest.mark.parametrize("value", ["", "soon", "9999-12-31T23:59:59Z"])
def test_whatever_somebody_writes_as_the_question_ends_in_another_attempt(value: str) -> None:
    one = missed(other(**STARTED, active=1, age=3600))
    one.objects[-1]["metadata"]["annotations"]["volsync-py/turn-wanted"] = value
    one.now += timedelta(seconds=115)
    assert "create Job/volsync-src-n" in words(decision_on(one.objects, one.now))


def test_a_job_that_is_going_counts_until_it_has_gone() -> None:
    job = other(**STARTED, active=1, age=3600)
    job["metadata"]["deletionTimestamp"] = format_rfc3339(NOW)
    assert grants([*source(), job]) == (False, True)


def going(**changes: Any) -> dict[str, Any]:
    """Return a Job that has not begun and that is being deleted, maybe for ever."""
    job = other(**STARTED, active=1, age=3600)
    job["metadata"] |= {"deletionTimestamp": format_rfc3339(NOW - timedelta(minutes=50)), **changes}
    return job


def test_a_job_that_goes_for_ever_keeps_nobody_from_his_attempts() -> None:
    one = missed(going())
    one.now += timedelta(seconds=30)
    assert "create Job/volsync-src-n" in words(decision_on(one.objects, one.now))


def test_an_answer_that_never_comes_keeps_nobody_from_his_attempts_for_long() -> None:
    # Whoever takes the question away again and again is waited for again and again.
    one = missed(other(**STARTED, active=1, age=3600))
    one.now += timedelta(minutes=29)
    assert "create Job/volsync-src-n" not in words(decision_on(one.objects, one.now))
    one.now += timedelta(minutes=2)
    assert "create Job/volsync-src-n" in words(decision_on(one.objects, one.now))


def test_who_is_paused_asks_nobody_for_a_turn_that_he_would_not_use() -> None:
    one = missed(other(**STARTED, active=1, age=3600))
    asks = "patch Job/other"
    assert asks in words(decision_on(one.objects, one.now))
    one.resource["spec"]["paused"] = True
    assert asks not in words(decision_on(one.objects, one.now))


# ---- prune and check


def due(*jobs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a source whose prune is due."""
    objects = [*source(), *jobs]
    objects[0]["status"] = {"restic": {"lastPruned": format_rfc3339(NOW - timedelta(days=8))}}
    return objects


@pytest.mark.parametrize(
    ("job", "upkeep"),
    [
        pytest.param(other(**STARTED, active=1, ready=1, age=600), False, id="it runs"),
        pytest.param(other(**STARTED, active=1, age=59), False, id="it is about to"),
        pytest.param(other(**STARTED, active=1, age=60), True, id="it does not start"),
        pytest.param(going(), True, id="it does not start, and goes for ever"),
    ],
)
def test_upkeep_waits_for_no_mover_that_does_not_start_and_leaves_it_its_job(job: dict[str, Any], upkeep: bool) -> None:
    decision = decision_on(due(job))
    assert RunRecord.of(created(decision, "Job")).args == (("backup", "prune") if upkeep else ("backup",))
    assert not [a for a in decision.actions if isinstance(a, Patch)]


def test_a_run_of_an_attempt_that_could_not_be_started_has_its_upkeep() -> None:
    again = made_again_without_an_image(Simulation(due()))
    assert (RunRecord.of(again).args, RunRecord.of(again).granted) == (("backup", "prune"), False)


# ---- never two

EVENTS = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["pend", "start", "missing", "good", "pause", "suspend", "change", "wait"]),
)


@settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(EVENTS, max_size=40))
def test_no_two_movers_ever_may_initialise(events: list[tuple[str, str]]) -> None:
    several = Neighbours.named("a", "b", "c")
    for name, event in events:
        happen(several, name, event)
        several.settle(name)
        several.wait(7)
        alive = [one.job() for one in several.by_name.values()]
        holding = [
            job for job in alive if job is not None and not is_paused_without_pod(job) and RunRecord.of(job).granted
        ]
        assert len(holding) <= 1


def happen(several: Neighbours, name: str, event: str) -> None:
    one = several[name]
    if event == "wait":
        several.wait(60)
    elif event == "pause":
        one.change(paused=not one.resource["spec"].get("paused"))
    elif event == "change":
        one.change({"cacheCapacity": f"{len(one.made)}Gi"})
    job = one.job()
    if job is None or job["spec"].get("parallelism") == 0:
        return
    if event == "suspend":
        job["spec"]["suspend"] = not job["spec"].get("suspend")
    elif event == "pend" and not one.of_kind("Pod"):
        several.pend(name, copy.deepcopy(UNSCHEDULED))
    elif event == "start":
        several.start(name)
    elif event in ("missing", "good") and any(o["kind"] == "Pod" for o in one.objects):
        one.objects = [o for o in one.objects if o["kind"] != "Pod"]
        several.end(name, MISSING if event == "missing" else BACKED_UP)
