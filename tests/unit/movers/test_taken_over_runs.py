"""A run that VolSync began is brought to its end by our manager: none is lost, none is made twice, no volume anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.recorded import LOG, STATES, end, finish, left_by_volsync, load, uids, wait
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import BACKED_UP
from volsync_py.core.durations import parse_go_duration
from volsync_py.core.times import parse_rfc3339

KEEP = "volsync.backube/do-not-delete"
CLAIM, SNAPSHOT, JOB = "PersistentVolumeClaim", "VolumeSnapshot", "Job"
# A user's word is waited for, or the end of a pause.
HELD = ["08a-source-paused-in-run", "14a-source-copy-trigger-waiting"]
RUNNING = [n for n in STATES if load(n)[0][0]["status"].get("lastSyncStartTime") and n not in HELD]
IDLE = [n for n in STATES if not load(n)[0][0]["status"].get("lastSyncStartTime")]
# What is made for the run: a copy of what was a snapshot only, and proofs of restores, because VolSync has none.
MADE = {
    "02a-source-snapshot-being-made": [CLAIM, JOB],
    "05d-destination-job-complete-unnoticed": [JOB, SNAPSHOT],
    "10a-destination-restoring-first": [JOB, SNAPSHOT],
    "10b-destination-restoring-again": [JOB, SNAPSHOT],
}
SLOT = timedelta(days=1)


def job_of(one: Simulation) -> dict[str, Any]:
    job = one.job()
    assert job is not None
    return job


def healthy(one: Simulation) -> tuple[str, str]:
    status, reason, _ = one.conditions()["Healthy"]
    return status, reason


@pytest.mark.parametrize("name", RUNNING)
def test_a_run_that_volsync_began_ends_once_and_with_its_own_volumes(name: str) -> None:
    one = left_by_volsync(name)
    lasting, image = uids(one, CLAIM, lasting=True), one.status.get("latestImage")
    begun = parse_rfc3339(one.status["lastSyncStartTime"])
    finish(one)
    assert one.made == MADE.get(name, [])
    assert one.status["lastManualSync" if one.resource["spec"]["trigger"].get("manual") else "nextSyncTime"]
    # From its beginning with VolSync: a second mover makes no second run.
    took = parse_rfc3339(one.status["lastSyncTime"]) - begun
    assert abs(parse_go_duration(one.status["lastSyncDuration"]) - took) < timedelta(seconds=1)
    assert one.status["latestMoverStatus"]["result"] == "Successful"
    assert healthy(one) == ("True", "Succeeded")
    assert uids(one, CLAIM) == lasting
    assert uids(one, JOB) == {}
    # An earlier image goes when there is another one, and not before.
    published = one.status.get("latestImage")
    assert list(uids(one, SNAPSHOT)) == ([f"{SNAPSHOT}/{published['name']}"] if published else [])
    assert published is None or published != image


@pytest.mark.parametrize("name", RUNNING)
def test_while_it_runs_everything_that_volsync_made_for_it_stays(name: str) -> None:
    one = left_by_volsync(name)
    kinds = (CLAIM, SNAPSHOT, "Pod") if name.startswith("05") else (CLAIM, SNAPSHOT, "Pod", JOB)
    before = uids(one, *kinds)
    one.settle()
    if not name.startswith("05"):
        assert uids(one, *kinds) == before
        assert one.made == []


@pytest.mark.parametrize("name", [n for n in RUNNING if "job-running" in n])
def test_the_result_of_volsyncs_mover_is_recorded(name: str) -> None:
    one = left_by_volsync(name)
    one.settle()
    end(one)
    one.settle()
    assert one.status["latestMoverStatus"] == {"result": "Successful", "logs": LOG}
    assert one.status["lastSyncTime"] == f"{one.now:%Y-%m-%dT%H:%M:%SZ}"
    assert "lastSyncStartTime" not in one.status


def test_a_job_of_volsyncs_that_gives_up_is_followed_by_one_of_ours_with_the_same_copy() -> None:
    one = left_by_volsync("04-source-job-failed-some-times")
    copies = uids(one, CLAIM, SNAPSHOT)
    one.settle()
    end(one, code=3)
    one.settle()
    assert healthy(one) == ("False", "Unknown")
    assert (one.status["attempt"]["count"], one.job()) == (1, None)
    one.now += timedelta(seconds=(one.delay or 0))
    one.settle()
    assert one.made == [JOB]
    assert uids(one, CLAIM, SNAPSHOT) == copies
    volumes = job_of(one)["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["persistentVolumeClaim"]["claimName"] == "volsync-backup-src"
    end(one, BACKED_UP)
    one.settle()
    assert healthy(one) == ("True", "Succeeded")


@pytest.mark.parametrize("name", IDLE)
def test_what_was_idle_stays_so_and_keeps_what_volsync_said(name: str) -> None:
    one = left_by_volsync(name)
    said = {key: value for key, value in one.status.items() if key != "conditions"}
    lasting = uids(one, CLAIM, SNAPSHOT, lasting=True)
    one.settle()
    assert one.made == []
    assert {key: one.status.get(key) for key in said} == said
    assert uids(one, CLAIM, SNAPSHOT, JOB) == lasting
    assert one.conditions()["Synchronizing"][1] in ("WaitingForSchedule", "WaitingForManual")


def test_a_paused_run_stays_paused_and_goes_on_as_it_was() -> None:
    one = left_by_volsync("08a-source-paused-in-run")
    copies = uids(one, CLAIM, SNAPSHOT, JOB)
    for _ in range(3):
        one.settle()
        one.now += SLOT
    assert job_of(one)["spec"]["parallelism"] == 0
    assert uids(one, CLAIM, SNAPSHOT, JOB) == copies
    one.change(paused=False)
    one.settle()
    assert job_of(one)["spec"]["parallelism"] == 1
    finish(one)
    assert one.made == []


def test_a_paused_source_makes_nothing_when_its_slot_comes() -> None:
    one = left_by_volsync("08b-source-paused-idle")
    one.settle()
    one.now += SLOT
    one.settle()
    assert one.made == []
    one.change(paused=False)
    finish(one)
    assert one.made == [SNAPSHOT, CLAIM, JOB]


def test_a_copy_that_waits_for_its_users_word_waits_on_and_is_made_for_the_next_one() -> None:
    one = left_by_volsync("14a-source-copy-trigger-waiting")
    (claim,) = (o for o in one.objects if o["kind"] == CLAIM)
    said = dict(claim["metadata"]["annotations"])
    one.settle()
    assert one.made == []
    # VolSync counts the ten minutes from there, too.
    assert {key: claim["metadata"]["annotations"][key] for key in said} == said
    claim["metadata"]["annotations"]["volsync.backube/copy-trigger"] = "first"
    finish(one)
    assert [kind for kind in one.made if kind != "ServiceAccount"] == [SNAPSHOT, CLAIM, CLAIM, JOB]
    assert claim["metadata"]["annotations"]["volsync.backube/latest-copy-status"] == "Completed"
    assert claim["metadata"]["annotations"]["volsync.backube/latest-copy-trigger"] == "first"


def test_a_word_that_volsync_has_copied_for_is_not_served_again() -> None:
    one = left_by_volsync("14b-source-copy-trigger-completed")
    one.change(trigger={"manual": "two"})
    one.settle()
    assert one.made == []
    (claim,) = (o for o in one.objects if o["metadata"]["name"] == "data" and o["kind"] == CLAIM)
    claim["metadata"]["annotations"]["volsync.backube/copy-trigger"] = "second"
    finish(one)
    assert one.made == [SNAPSHOT, CLAIM, JOB]


def test_neither_unlock_nor_prune_is_done_again_before_it_is_due() -> None:
    one = left_by_volsync("15-source-unlock-prune-done")
    one.change({"pruneIntervalDays": 7}, trigger={"manual": "two"})
    one.settle()
    assert job_of(one)["spec"]["template"]["spec"]["containers"][0]["args"] == ["backup"]
    end(one, BACKED_UP)
    one.settle()
    assert one.status["restic"]["lastUnlocked"] == "first"
    assert one.status["restic"]["lastPruned"] == "2026-11-23T08:59:22Z"


@pytest.mark.parametrize("name", [n for n in IDLE if "source" in n and "paused" not in n and "copy-trigger" not in n])
def test_the_next_run_after_it_has_the_cache_that_volsync_filled(name: str) -> None:
    one = left_by_volsync(name)
    one.settle()
    lasting = uids(one, CLAIM)
    one.change(trigger={"manual": "next"})
    one.settle()
    (cache,) = (v for v in job_of(one)["spec"]["template"]["spec"]["volumes"] if v["name"] == "cache")
    assert cache["persistentVolumeClaim"]["claimName"] == "volsync-src-backup-cache"
    finish(one)
    assert uids(one, CLAIM) == lasting


@pytest.mark.parametrize("name", [n for n in STATES if any(o["kind"] == SNAPSHOT for o in load(n)[0])])
def test_a_snapshot_that_its_user_keeps_outlives_whatever_state_it_is_found_in(name: str) -> None:
    one = left_by_volsync(name)
    (kept,) = (o for o in one.objects if o["kind"] == SNAPSHOT)
    uid = one.resource["metadata"]["uid"]
    kept["metadata"]["labels"][KEEP] = ""
    one.change(paused=None)
    finish(one)
    # So that the next run, too, has come and gone; a source says that the name is taken.
    if one.resource["kind"] == "ReplicationDestination":
        one.change(trigger={"manual": "next"})
        one.settle()
        wait(one)
        finish(one)
    assert kept in one.objects
    assert {"volsync.backube/cleanup", "app.kubernetes.io/created-by"}.isdisjoint(kept["metadata"]["labels"])
    assert uid not in {owner["uid"] for owner in kept["metadata"].get("ownerReferences") or []}
