"""A lock of a pod of VolSync's: who asks, who answers, and what the next mover is called."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.movers.objects import destination, secret, source
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, Report
from volsync_py.core.attempt import Attempt
from volsync_py.core.names import Role, earlier_host_name, mover_host_name
from volsync_py.core.times import format_rfc3339, parse_rfc3339
from volsync_py.movers.restic.lock_holder import MOST_ANSWERS, with_lock

POD = "volsync-src-backup-x7k2p"
OTHERS = "volsync-src-other-x7k2p"
OWN = "src-ns-backup-"


def locked(host: str, minutes: int = 20) -> Report:
    """Return what a mover says that has met a lock which nobody has renewed for so long."""
    text = f"repository is already locked by PID 7 on {host} by root"
    report = Report(Outcome.FAILED, ErrorClass.REPOSITORY_LOCKED, text, 11, lock_host=host)
    return evolve(report, lock_age_seconds=minutes * 60)


def pod(name: str, phase: str) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "ns"}, "spec": {}, "status": {"phase": phase}}


def event(name: str) -> dict[str, Any]:
    involved = {"kind": "Pod", "name": name}
    return {"kind": "Event", "metadata": {"name": "e"}, "involvedObject": involved, "message": "Started container"}


def simulation(*more: dict[str, Any], **status: Any) -> Simulation:
    one = Simulation([*source(secret()), *more])
    one.resource["metadata"]["name"] = "backup"
    one.resource["spec"]["trigger"] = {"manual": "one"}
    if status:
        one.resource["status"] = status
    one.settle()
    return one


def host_name(one: Simulation) -> str:
    job = one.job()
    assert job is not None
    return str(job["spec"]["template"]["spec"]["hostname"])


def lock_options(one: Simulation) -> dict[str, bool]:
    job = one.job()
    assert job is not None
    env = {e["name"]: e.get("value") for e in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    options: dict[str, bool] = json.loads(env["VOLSYNC_PY_RUN"].replace("$$", "$"))["locks"]
    return options


@pytest.mark.parametrize(
    ("host", "there", "is_removed"),
    [
        (POD, [], True),
        (POD, [pod(POD, "Failed")], True),
        (POD, [pod(POD, "Succeeded")], True),
        (POD, [pod(POD, "Running")], False),
        (POD, [pod(POD, "Pending")], False),
        (POD, [pod(POD, "Unknown")], False),
        (OTHERS, [], False),
        (OTHERS, [event(OTHERS)], True),
        (OTHERS, [event(POD)], False),
        (OTHERS, [event(OTHERS), pod(OTHERS, "Running")], False),
        ("volsync-dst-backup-x7k2p", [], False),
        (earlier_host_name("u"), [], True),
        (earlier_host_name("another"), [], False),
        ("volsync-src-backup-two-x7k2p", [], False),
    ],
)
def test_the_next_mover_takes_the_name_of_a_pod_that_has_gone_and_of_no_other(
    host: str, there: list[dict[str, Any]], is_removed: bool
) -> None:
    one = simulation(*there)
    assert host_name(one).startswith(OWN)
    one.end_job(locked(host))
    if is_removed:
        assert host_name(one) == host
        assert lock_options(one)["askAboutPods"]
        return
    assert one.job() is None
    assert host in one.conditions()["Healthy"][2]
    one.now += timedelta(minutes=1)
    one.settle()
    # It is waited for now, as any lock that may be of somebody who lives.
    assert host_name(one).startswith(OWN)
    assert lock_options(one) == {"askAboutPods": False, "lookFirst": False}


@pytest.mark.parametrize(("there", "minutes", "is_removed"), [([], 10, False), ([], 11, True), ([event(POD)], 0, True)])
def test_a_lock_that_a_mover_of_another_cluster_may_still_renew_is_left_alone(
    there: list[dict[str, Any]], minutes: int, is_removed: bool
) -> None:
    one = simulation(*there)
    one.end_job(locked(POD, minutes))
    job = one.job()
    assert (job is not None and host_name(one) == POD) is is_removed


@pytest.mark.parametrize("works", [True, False])
def test_two_movers_never_have_one_name(works: bool) -> None:
    one = simulation(event(OTHERS))
    # Another source of the repository has met the same lock, and its mover removes it now.
    third = copy.deepcopy(one.job())
    assert third is not None
    third["metadata"] |= {"name": "volsync-src-third", "uid": "third", "namespace": "elsewhere", "ownerReferences": []}
    third["spec"]["template"]["spec"]["hostname"] = OTHERS
    third["status"] = {} if works else {"conditions": [{"type": "Complete", "status": "True"}]}
    one.objects.append(third)
    one.end_job(locked(OTHERS))
    (job,) = (o for o in one.objects if o["kind"] == "Job" and o is not third)
    named = job["spec"]["template"]["spec"]["hostname"]
    assert named.startswith(OWN) if works else named == OTHERS


def test_the_name_is_kept_for_the_locks_that_were_made_under_it_and_given_back_after_a_success() -> None:
    one = simulation()
    one.end_job(locked(POD))
    one.end_job(Report(Outcome.FAILED, ErrorClass.UNREACHABLE, "connection refused"))
    one.now += timedelta(minutes=1)
    one.settle()
    assert host_name(one) == POD
    one.end_job(Report(Outcome.SUCCEEDED))
    one.change(trigger={"manual": "two"})
    one.settle()
    assert host_name(one).startswith(OWN)


def test_locks_of_several_pods_are_asked_about_one_after_the_other_and_not_for_ever() -> None:
    one = simulation()
    for number in range(MOST_ANSWERS):
        assert one.job() is not None, number
        one.end_job(locked(f"volsync-src-backup-{number:05}"))
    one.end_job(locked("volsync-src-backup-zzzzz"))
    assert one.job() is None
    one.now += timedelta(seconds=60)
    one.settle()
    assert one.job() is None


def test_the_pod_of_a_job_that_volsync_left_failed_gives_the_next_mover_its_name() -> None:
    one = simulation(event(POD))
    job = one.job()
    assert job is not None
    job["metadata"]["annotations"] = {}
    job["spec"]["template"]["spec"].pop("hostname")
    one.end_job(Report(Outcome.FAILED, ErrorClass.INTERRUPTED, "killed"))
    assert one.status["attempt"]["lockedBy"] == "pod"
    one.resource["status"]["attempt"]["lockedBy"] = POD
    one.now += timedelta(minutes=1)
    one.settle()
    assert host_name(one) == POD


def test_a_lock_is_as_old_as_it_was_known_to_be_when_its_holder_was_first_met() -> None:
    one = simulation()

    def meets(holder: str, seconds: int) -> dict[str, Any]:
        report = Report(Outcome.FAILED, ErrorClass.REPOSITORY_LOCKED, "it is locked", 11)
        one.end_job(evolve(report, lock_holder=holder, lock_age_seconds=seconds))
        attempt: dict[str, Any] = one.status["attempt"]
        one.now += timedelta(hours=1)
        one.settle()
        return attempt

    first = meets("process 7 on there", 90)
    failed = parse_rfc3339(first["lastFailureTime"])
    assert (first["lockHolder"], parse_rfc3339(first["lockedSince"])) == (
        "process 7 on there",
        failed - timedelta(seconds=90),
    )
    # It has been renewed since, and is the same.
    again = meets("process 7 on there", 10)
    assert (again["count"], again["lockedSince"]) == (2, first["lockedSince"])
    other = meets("process 8 on there", 10)
    assert parse_rfc3339(other["lockedSince"]) == parse_rfc3339(other["lastFailureTime"]) - timedelta(seconds=10)
    one.end_job(evolve(Report(Outcome.FAILED, ErrorClass.UNREACHABLE, "no"), lock_holder="process 8 on there"))
    assert one.status["attempt"].keys().isdisjoint({"lockHolder", "lockedSince"})


@pytest.mark.parametrize(
    ("holder", "minutes", "is_same"),
    [
        ("process 7 on there", 62, True),
        ("process 7 on there", 63, False),
        ("process 7 on volsync-src-other-x7k2p", 30, True),
        (f"process 15 on {mover_host_name(Role.SOURCE, 'ns', 'other', 'v')}", 30, False),
        (f"process 15 on {mover_host_name(Role.DESTINATION, 'n' * 60, 'other', 'v')}", 30, False),
        (f"process 15 on {earlier_host_name('v')}", 30, False),
    ],
)
def test_a_process_of_the_same_number_is_another_one_much_later_or_in_another_mover(
    holder: str, minutes: int, is_same: bool
) -> None:
    attempt = Attempt(1, ErrorClass.REPOSITORY_LOCKED, "locked", "2026-11-24T12:00:00Z")
    report = Report(Outcome.FAILED, lock_holder=holder, lock_age_seconds=20)
    before = with_lock(attempt, report, Attempt())
    assert before.locked_since == "2026-11-24T11:59:40Z"
    later = parse_rfc3339(attempt.failed_at) + timedelta(minutes=minutes)
    again = with_lock(evolve(attempt, count=2, failed_at=format_rfc3339(later)), report, before)
    own = format_rfc3339(later - timedelta(seconds=20))
    assert again.locked_since == (before.locked_since if is_same else own)


def test_the_name_of_a_holder_shows_no_password_and_stays_one_line() -> None:
    one = simulation()
    report = Report(Outcome.FAILED, ErrorClass.REPOSITORY_LOCKED, "it is locked", 11)
    one.end_job(evolve(report, lock_holder="process 7 on rest:http://me:canary@host/\x1b[2J\nHealthy"))
    assert one.status["attempt"]["lockHolder"] == r"process 7 on rest:http://me:***@host/\x1b[2J\nHealthy"


@pytest.mark.parametrize(
    ("status", "looks"),
    [
        ({}, False),
        ({"lastSyncTime": "2026-11-24T10:00:00Z", "lastManualSync": "zero"}, True),
        (
            {
                "lastSyncTime": "2026-11-24T10:00:00Z",
                "lastManualSync": "zero",
                "restic": {"lastSnapshot": {"id": "5ac1", "time": "2026-11-24T10:00:00Z"}},
            },
            False,
        ),
    ],
    ids=["new", "VolSync's", "ours"],
)
def test_the_first_backup_after_volsyncs_looks_for_locks_before_it(status: dict[str, Any], looks: bool) -> None:
    assert lock_options(simulation(**status)) == {"askAboutPods": True, "lookFirst": looks}


def test_a_restore_asks_too_and_never_looks_first() -> None:
    one = Simulation(destination(secret()))
    one.resource["status"] = {"lastSyncTime": "2026-11-24T10:00:00Z", "lastManualSync": "zero"}
    one.resource["spec"]["trigger"] = {"manual": "one"}
    one.settle()
    assert lock_options(one) == {"askAboutPods": True, "lookFirst": False}


@pytest.mark.parametrize("host", ["", "My-Host", "a.b", "x" * 64, "-a", "a b", 5, {"a": 1}])
def test_a_name_that_no_pod_can_have_is_nobodys(host: Any) -> None:
    one = simulation()
    one.end_job(locked("volsync-src-backup-x7k2p" if not isinstance(host, str) else host))
    one.resource["status"].setdefault("attempt", {})["lockedBy"] = host
    one.now += timedelta(hours=1)
    one.settle()
    if one.job() is not None:
        assert host_name(one).startswith((OWN, "volsync-src-backup-"))


@given(st.sampled_from(Role), st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True), st.text(min_size=1))
def test_a_host_name_is_a_label_of_at_most_63_characters(role: Role, namespace: str, name: str) -> None:
    host = mover_host_name(role, namespace, name, "uid")
    assert len(host) <= 63
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert host[0].isalpha()
    assert host[-1].isalnum()
    assert host != mover_host_name(role, namespace, name, "uid2")
