"""The verification of a backup: when it is due, what it never does to one, and that it ends the same after any kill."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.movers.objects import source
from tests.unit.movers.seen import NOW, SETTINGS, created, decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, ProvenFacts, Report, SnapshotFacts
from volsync_py.contract.run_document import Run
from volsync_py.core.actions import Event
from volsync_py.core.labels import Annotation, Label
from volsync_py.core.result import Decision
from volsync_py.core.times import format_rfc3339
from volsync_py.movers.restic.verification_record import MOST_ATTEMPTS

NAME = "prove-volsync-n"
SNAPSHOT = "ab" * 32
BACKED_UP = Report(
    Outcome.SUCCEEDED, snapshot=SnapshotFacts(SNAPSHOT, "2026-11-24T11:00:00.5Z", bytes_processed=5 * 1024**3)
)
PROVEN = Report(Outcome.SUCCEEDED, proven=ProvenFacts(SNAPSHOT, "2026-11-24T11:00:00.5Z", 9, 800))


def failed(error_class: str, message: str = "why") -> Report:
    return Report(Outcome.FAILED, error_class, message, 1)


class Verified(Simulation):
    """A source whose first backup has ended well, some minutes ago."""

    def __init__(
        self, *, trigger: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **more: Any
    ) -> None:
        super().__init__(source())
        self.resource["spec"]["trigger"] = {"schedule": "0 0 * * *"} if trigger is None else trigger
        self.resource["spec"] |= more
        self.settle()
        self.end_job(BACKED_UP)
        if spec is not None:
            self.change({"verification": spec})
        self.now += timedelta(minutes=5)
        self.settle()

    def ask(self, token: str = "t") -> None:
        self.resource["metadata"]["annotations"] = {Annotation.PROVE_NOW.value: token}
        self._touch(self.resource)
        self.settle()

    @property
    def verifies(self) -> bool:
        """Whether its Job is there and has not ended."""
        job = self.job()
        return job is not None and job["metadata"]["name"] == NAME

    @property
    def on_record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.status["restic"].get("verification") or {}
        return found

    def left(self) -> list[str]:
        """Return what there is of a verification."""
        return [o["kind"] for o in self.objects if o["metadata"]["name"] == NAME]

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)
        self.settle()


def test_what_is_asked_for_is_done_once_and_leaves_nothing_but_its_proof() -> None:
    one = Verified()
    before = one.conditions()
    one.ask("first")
    assert one.job() is not None
    # No word of it before it has come to something: it costs no write.
    assert one.conditions() == before
    one.end_job(PROVEN)
    assert one.left() == []
    last = one.status["restic"]["lastVerified"]
    assert last == {
        "time": format_rfc3339(one.now),
        "snapshot": SNAPSHOT,
        "snapshotTime": "2026-11-24T11:00:00.5Z",
        "files": 9,
        "bytes": 800,
    }
    assert (one.on_record["lastProveNow"], one.on_record["result"]) == ("first", "Succeeded")
    assert one.conditions().pop("Verified")[:2] == ("True", "Succeeded")
    assert {k: v for k, v in one.conditions().items() if k != "Verified"} == before
    one.ask("first")
    assert not one.verifies
    one.ask("second")
    assert one.verifies


@pytest.mark.parametrize(("snapshot", "told"), [(SNAPSHOT, True), ("0" * 64, False)])
def test_what_the_backup_itself_lacks_is_said_beside_its_proof(snapshot: str, told: bool) -> None:
    one = Verified()
    one.resource["status"]["restic"]["lastSnapshot"] = {"id": snapshot, "filesFailed": 3}
    one.ask("first")
    one.end_job(PROVEN)
    assert ("; 3 items could not be read for this backup" in one.conditions()["Verified"][2]) is told


def decided(one: Verified) -> Decision:
    """Return what is decided when somebody asks."""
    one.resource["metadata"]["annotations"] = {Annotation.PROVE_NOW.value: "t"}
    return decision_on(copy.deepcopy(one.objects), one.now)


def brought_along(job: dict[str, Any]) -> dict[str, Any]:
    """Return the claim that a Job's pod brings along."""
    (data,) = (v for v in job["spec"]["template"]["spec"]["volumes"] if v["name"] == "data")
    found: dict[str, Any] = data["ephemeral"]["volumeClaimTemplate"]
    return found


def test_where_nothing_is_to_be_kept_the_pod_brings_its_volume_along() -> None:
    one = Verified()
    decision = decided(one)
    # No claim to make and to delete; that it was begun is on record instead.
    assert words(decision) == ["status", f"create Job/{NAME}"]
    record = status_of(decision)["restic"]["verification"]
    assert {key: value for key, value in record.items() if value} == {"startTime": format_rfc3339(one.now)}
    claim = brought_along(created(decision, "Job"))
    assert claim["metadata"]["labels"][Label.PURPOSE] == "verification"
    # VolSync's own clean-up finds it, and the API server takes no more of its metadata.
    assert claim["metadata"]["labels"][Label.CLEANUP] == "u"
    assert set(claim["metadata"]) == {"labels", "annotations"}
    # What is to be kept is as large, and of the same class.
    assert claim["spec"] == created(decided(Verified(spec={"keep": "OnFailure"})), "PersistentVolumeClaim")["spec"]


def test_its_objects_go_with_the_source_and_say_what_they_are_for() -> None:
    one = Verified(spec={"command": ["sh", "-c", "test -f a"], "keep": "OnFailure"})
    one.change({"cacheCapacity": "4Gi"})
    decision = decided(one)
    assert words(decision)[-2:] == [f"create PersistentVolumeClaim/{NAME}", f"create Job/{NAME}"]
    claim, job = created(decision, "PersistentVolumeClaim"), created(decision, "Job")
    for obj in (claim, job):
        assert obj["metadata"]["ownerReferences"][0]["uid"] == "u"
        assert obj["metadata"]["labels"][Label.CLEANUP] == "u"
        assert obj["metadata"]["labels"][Label.PURPOSE] == "verification"
    # Five GiB were backed up of a volume of three.
    assert claim["spec"]["resources"]["requests"]["storage"] == "6144Mi"
    assert (claim["spec"]["storageClassName"], claim["spec"]["accessModes"]) == ("fast", ["ReadWriteOnce"])
    pod = job["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["containers"]] == ["restic"]
    assert "initContainers" not in pod
    (container,) = pod["containers"]
    assert container["args"] == ["prove"]
    volumes = {v["name"]: v for v in pod["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": NAME}
    # The source's own cache may be what is damaged, and its volume may be on another node.
    assert volumes["cache"]["emptyDir"] == {"sizeLimit": "4Gi"}
    env = {e["name"]: e.get("value") for e in container["env"]}
    run = Run.from_json(str(env["VOLSYNC_PY_RUN"]).replace("$$", "$"))
    assert run.verification is not None
    assert (run.verification.snapshot, run.verification.snapshot_time) == (SNAPSHOT, "2026-11-24T11:00:00.5Z")
    assert run.verification.command == ("sh", "-c", "test -f a")
    assert not any((run.grants.init, run.grants.prune, run.grants.forget))
    # A prune of this repository asks nobody who takes no lock.
    assert Label.REPOSITORY not in job["metadata"]["labels"]


@pytest.mark.parametrize(
    ("modes", "wanted"),
    [(["ReadWriteMany"], ["ReadWriteMany"]), (["ReadOnlyMany"], ["ReadWriteOnce"]), ([], ["ReadWriteOnce"])],
)
def test_its_volume_can_be_written(modes: list[str], wanted: list[str]) -> None:
    one = Verified()
    next(o for o in one.objects if o["metadata"]["name"] == "data")["spec"]["accessModes"] = modes
    assert brought_along(created(decided(one), "Job"))["spec"]["accessModes"] == wanted


def test_a_schedule_has_its_own_slots_in_the_zone_of_the_trigger() -> None:
    one = Verified(trigger={"schedule": "0 0 * * *", "timeZone": "Asia/Tokyo"}, spec={"schedule": "30 22 * * *"})
    assert one.conditions()["Verified"][:2] == ("Unknown", "NotYetVerified")
    # 22:30 in Tokyo is 13:30 in UTC.
    assert one.delay is not None
    one.now += timedelta(seconds=one.delay)
    assert format_rfc3339(one.now) == "2026-11-24T13:30:00Z"
    one.settle()
    assert one.verifies
    one.end_job(PROVEN)
    one.pass_by(hours=1)
    assert not one.verifies


def test_slots_that_were_missed_are_one_late_verification() -> None:
    one = Verified(trigger={"manual": "m"}, spec={"schedule": "0 * * * *"})
    one.pass_by(days=9)
    assert one.verifies
    one.end_job(PROVEN)
    assert not one.verifies


# ---- backups come first


def during(one: Verified, event: str) -> None:
    if event == "slot":
        one.now += timedelta(days=1)
    elif event == "run-now":
        one.resource["metadata"]["annotations"] |= {Annotation.RUN_NOW.value: "now"}
        one._touch(one.resource)
    else:
        one.change(trigger={"manual": "new", "schedule": None})
    one.settle()


@pytest.mark.parametrize("event", ["slot", "run-now", "manual"])
def test_a_backup_that_is_due_ends_it_and_waits_for_nothing(event: str) -> None:
    one = Verified()
    one.ask()
    assert one.verifies
    during(one, event)
    job = one.job()
    assert job is not None
    assert (job["metadata"]["name"], one.left()) == ("volsync-src-n", [])
    # It is no sign of anything that it was ended.
    assert "Verified" not in one.conditions()
    assert (one.on_record["attempts"], one.on_record["lastError"]["class"]) == (1, "Interrupted")
    one.end_job(BACKED_UP)
    # Another spec is tried at once.
    assert one.verifies == (event == "manual")
    one.pass_by(minutes=5, seconds=1)
    assert one.verifies
    one.end_job(PROVEN)
    assert one.conditions()["Verified"][0] == "True"
    assert "attempts" not in one.on_record


def test_the_backup_is_begun_in_the_same_pass_and_first() -> None:
    one = Verified()
    one.ask()
    one.resource["metadata"]["annotations"] |= {Annotation.RUN_NOW.value: "now"}
    told = words(decision_on(copy.deepcopy(one.objects), one.now))
    assert told.index("create Job/volsync-src-n") < told.index(f"delete Job/{NAME}")


def test_none_begins_while_a_backup_runs_waits_or_fails() -> None:
    one = Verified()
    during(one, "slot")
    one.ask()
    assert not one.left()
    one.end_job(failed("Unreachable"))
    one.pass_by(seconds=5)
    assert not one.left()
    one.pass_by(seconds=20)
    one.end_job(BACKED_UP)
    assert one.verifies


def test_one_that_took_long_is_not_begun_just_before_a_backup() -> None:
    one = Verified()
    one.ask("a")
    one.end_job(PROVEN, seconds=3600)
    one.now = NOW.replace(hour=23, minute=30)
    one.ask("b")
    assert not one.left()
    assert one.on_record["waiting"].startswith("Waiting for the next backup")
    one.pass_by(minutes=31)
    one.end_job(BACKED_UP)
    assert one.verifies
    assert "waiting" not in one.on_record


def test_one_that_never_finds_its_time_is_given_up_and_says_so() -> None:
    one = Verified(trigger={"schedule": "*/10 * * * *"})
    one.ask()
    for _ in range(100):
        if "lastTime" in one.on_record:
            break
        one.pass_by(minutes=5)
        if one.job() is not None and not one.verifies:
            one.end_job(BACKED_UP)
    assert one.conditions()["Verified"][:2] == ("False", "Interrupted")
    assert "further apart" in one.conditions()["Verified"][2]
    assert (one.on_record["lastProveNow"], one.left()) == ("t", [])


@pytest.mark.parametrize("end", ["paused", "removed", "taken back"])
def test_it_ends_with_a_pause_and_when_nobody_wants_it_any_more(end: str) -> None:
    one = Verified(trigger={"manual": "m"}, spec={"schedule": "0 * * * *"})
    one.pass_by(hours=1)
    assert one.verifies
    if end == "paused":
        one.change(paused=True)
    else:
        one.change({"verification": None if end == "removed" else {"schedule": None}})
    one.settle()
    assert one.left() == []
    assert ("Verified" in one.conditions()) == (end != "removed")
    one.pass_by(days=1)
    assert one.left() == []
    one.change(paused=None, restic={"verification": {"schedule": "0 * * * *"}})
    one.settle()
    # What is set anew waits for a slot of its own.
    assert one.verifies == (end != "removed")
    if end == "removed":
        one.pass_by(hours=1)
        assert one.verifies


@pytest.mark.parametrize(
    ("change", "waits_for"),
    [
        (lambda one: one.change(paused=True), "spec.paused"),
        (lambda one: one.status["restic"].pop("lastSnapshot"), "none is on record"),
        (lambda one: one.status["restic"].update(repositoryHash="0" * 16), "another repository"),
    ],
)
def test_what_it_waits_for_is_said(change: Any, waits_for: str) -> None:
    one = Verified()
    change(one)
    one.ask()
    assert one.left() == []
    assert waits_for in one.on_record["waiting"]


def test_without_a_free_slot_it_waits_and_looks_again() -> None:
    one = Verified()
    one.resource["metadata"]["annotations"] = {Annotation.PROVE_NOW.value: "t"}
    limited = decide_with_slot(one, slot=False)
    assert words(limited) == ["status"]
    assert limited.requeue_after_seconds == 60
    assert status_of(limited)["restic"]["verification"]["waiting"] == "Waiting for a mover"
    assert f"create Job/{NAME}" in words(decide_with_slot(one, slot=True))


def decide_with_slot(one: Verified, *, slot: bool) -> Decision:
    return decision_on(copy.deepcopy(one.objects), one.now, evolve(SETTINGS, max_movers=1), slot=slot)


# ---- failures


def test_what_only_a_change_can_mend_is_not_tried_again_before_the_next_slot() -> None:
    one = Verified(trigger={"manual": "m"}, spec={"schedule": "0 0 * * *"})
    one.pass_by(hours=12)
    one.end_job(failed(ErrorClass.REPOSITORY_DAMAGED, "pack 1234 is damaged"))
    status, reason, message = one.conditions()["Verified"]
    assert (status, reason) == ("False", "RepositoryDamaged")
    assert "pack 1234" in message
    assert "restic check" in message
    assert (one.on_record["result"], "lastVerified" in one.status["restic"], one.left()) == ("Failed", False, [])
    # Nothing of it is said of the backups.
    assert one.conditions()["Healthy"][0] == "True"
    assert one.conditions()["Synchronizing"][1] == "WaitingForManual"
    one.pass_by(hours=23)
    assert not one.verifies
    one.pass_by(hours=2)
    assert one.verifies


def test_what_may_pass_is_tried_again_at_a_growing_pace_and_not_for_ever() -> None:
    one = Verified(trigger={"manual": "m"})
    one.ask()
    pauses = []
    for number in range(MOST_ATTEMPTS - 1):
        one.end_job(failed("Unreachable"))
        # Nobody is woken for what may have passed at the next attempt; it is on record.
        assert "Verified" not in one.conditions()
        assert (one.on_record["attempts"], one.on_record["lastError"]["class"]) == (number + 1, "Unreachable")
        assert one.delay is not None
        assert not one.verifies
        pauses.append(one.delay)
        one.pass_by(seconds=one.delay)
        assert one.verifies
    one.end_job(failed("Unreachable"))
    assert one.conditions()["Verified"][:2] == ("False", "Unreachable")
    one.pass_by(days=30)
    assert (one.verifies, one.left(), one.on_record["lastProveNow"]) == (False, [], "t")
    assert 240 <= pauses[0] <= 301
    assert sorted(pauses) == pauses
    # Who asks anew is served at once.
    one.ask("again")
    assert one.verifies


def test_who_asks_anew_or_changes_the_spec_does_not_wait_for_the_pause() -> None:
    for token, spec in (("other", None), ("t", {"keep": "Never"})):
        one = Verified(trigger={"manual": "m"})
        one.ask()
        one.end_job(failed("Unreachable"))
        if spec is not None:
            one.change({"verification": spec})
        one.ask(token)
        assert one.verifies


def test_a_proof_is_not_taken_back_by_a_failure_and_no_proof_is_one_without_its_facts() -> None:
    one = Verified()
    one.ask("a")
    one.end_job(PROVEN)
    proof = copy.deepcopy(one.status["restic"]["lastVerified"])
    one.ask("b")
    one.end_job(Report(Outcome.SUCCEEDED))
    assert one.conditions()["Verified"][:2] == ("True", "Succeeded")
    assert one.on_record["lastError"]["class"] == "Unknown"
    assert one.status["restic"]["lastVerified"] == proof
    one.ask("c")
    one.end_job(failed("NotAsBackedUp"))
    assert one.conditions()["Verified"][:2] == ("False", "NotAsBackedUp")
    assert one.status["restic"]["lastVerified"] == proof


def test_a_pod_that_does_not_start_is_given_ten_minutes() -> None:
    one = Verified(trigger={"manual": "m"})
    one.ask()
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    one.add_pod(containerStatuses=[{"name": "restic", **waiting}])
    one.pass_by(minutes=9)
    assert one.verifies
    one.pass_by(minutes=2)
    assert (one.verifies, one.left()) == (False, [])
    assert one.on_record["lastError"]["class"] == "ImageUnavailable"


REFUSAL = 'ephemeral volume data: create PVC pod-data: claims "pod-data" is forbidden: exceeded quota: q'
# As the scheduler says it of a pod, with whatever else it has tried.
NOT_CREATED = (
    "0/1 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "
    '"pod-data". preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.'
)


def told(one: Verified, regarding: dict[str, Any], reason: str, message: str, *, uid: str = "") -> None:
    """Have an event told of an object; later ones have names that come earlier."""
    number = len([o for o in one.objects if o["kind"] == "Event"])
    meta = {"name": f"event-{999 - number}", "namespace": "ns", "creationTimestamp": format_rfc3339(one.now)}
    of = {"name": regarding["metadata"]["name"], "uid": uid or regarding["metadata"]["uid"]}
    event = {"kind": "Event", "metadata": meta, "involvedObject": of, "reason": reason, "message": message}
    one.objects.append({**event, "lastTimestamp": format_rfc3339(one.now)})


def unscheduled(one: Verified, message: str) -> dict[str, Any]:
    """Give the Job a pod of which the scheduler says that."""
    waits = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return one.add_pod(conditions=[waits])


def test_a_volume_that_the_pod_may_not_bring_along_is_an_attempt_refused_with_its_cause() -> None:
    one = Verified(trigger={"manual": "m"})
    one.ask()
    pod = unscheduled(one, NOT_CREATED)
    told(one, pod, "FailedScheduling", NOT_CREATED)
    one.pass_by(minutes=3)
    assert one.verifies, "it may only not have been made yet"
    told(one, pod, "FailedBinding", "ephemeral volume data: create PVC pod-data: the webhook does not answer")
    one.now += timedelta(seconds=1)
    told(one, pod, "FailedBinding", REFUSAL)
    one.settle()
    assert (one.left(), one.on_record["lastError"]) == ([], {"class": "Refused", "message": REFUSAL})
    assert (one.on_record["attempts"], "startTime" in one.on_record) == (1, False)
    for _ in range(MOST_ATTEMPTS - 1):
        assert one.delay is not None
        one.pass_by(seconds=one.delay)
        told(one, unscheduled(one, NOT_CREATED), "FailedBinding", REFUSAL)
        one.pass_by(minutes=3)
    status, reason, message = one.conditions()["Verified"]
    assert (status, reason) == ("False", "Refused")
    assert "exceeded quota: q" in message
    assert "a quota that has room for a volume as large as the source's" in message
    assert one.conditions()["Healthy"][0] == "True"


@pytest.mark.parametrize(
    ("scheduler", "reason", "uid"),
    [
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "FailedBinding", ""),
        (NOT_CREATED, "FailedBinding", "of the pod before it"),
        (NOT_CREATED, "Evicted", ""),
    ],
    ids=["over", "of another pod", "for another reason"],
)
def test_what_a_pod_was_refused_ends_a_verification_only_while_that_is_what_it_waits_for(
    scheduler: str, reason: str, uid: str
) -> None:
    one = Verified(trigger={"manual": "m"})
    one.ask()
    told(one, unscheduled(one, scheduler), reason, REFUSAL, uid=uid)
    one.pass_by(minutes=9)
    assert one.verifies
    one.pass_by(minutes=2)
    assert (one.left(), one.on_record["lastError"]["class"]) == ([], "NotScheduled")


def test_a_pod_that_is_not_admitted_is_told_in_the_words_of_who_refuses_it() -> None:
    one = Verified(trigger={"manual": "m"})
    one.ask()
    job = one.job()
    assert job is not None
    told(one, job, "FailedCreate", 'pods "prove-volsync-n-" is forbidden: spec.volumes[0]: Invalid value: "ephemeral"')
    one.pass_by(minutes=11)
    assert (one.left(), one.on_record["lastError"]["class"]) == ([], "PodRejected")
    assert 'Invalid value: "ephemeral"' in one.on_record["lastError"]["message"]


@pytest.mark.parametrize("keep", ["Never", "OnFailure"])
def test_a_job_that_somebody_deletes_is_an_attempt_and_not_made_again_at_once(keep: str) -> None:
    one = Verified(trigger={"manual": "m"}, spec={"keep": keep})
    one.ask()
    for number in range(1, MOST_ATTEMPTS):
        happen(one, "job goes", 0)
        one.settle()
        assert (one.left(), one.on_record["attempts"]) == ([], number)
        assert one.on_record["lastError"]["class"] == "Interrupted"
        assert one.delay is not None
        one.pass_by(seconds=one.delay)
        assert one.verifies
    happen(one, "job goes", 0)
    one.pass_by(days=9)
    assert (one.left(), one.on_record["lastProveNow"]) == ([], "t")


@pytest.mark.parametrize("keep", ["Never", "OnFailure"])
def test_one_whose_job_was_never_made_is_an_attempt_that_nobody_is_blamed_for(keep: str) -> None:
    one = Verified(trigger={"manual": "m"}, spec={"keep": keep})
    one.resource["metadata"]["annotations"] = {Annotation.PROVE_NOW.value: "t"}
    # Killed between what says that it is begun, and the Job.
    happen(one, "kill", 1)
    assert not one.verifies
    one.settle()
    assert (one.left(), one.on_record["attempts"]) == ([], 1)
    text = "the Job of the verification is not there: it was deleted, or never made"
    assert one.on_record["lastError"] == {"class": "Interrupted", "message": text}
    assert one.delay is not None
    one.pass_by(seconds=one.delay)
    one.end_job(PROVEN)
    assert one.conditions()["Verified"][0] == "True"


@pytest.mark.parametrize("end", ["paused", "taken back", "unusable"])
def test_one_that_was_stopped_counts_for_nothing(end: str) -> None:
    one = Verified(trigger={"manual": "m"}, spec={"schedule": "0 * * * *"})
    one.pass_by(hours=1)
    assert one.on_record["startTime"] == format_rfc3339(one.now)
    spec: dict[str, Any] = {"schedule": None} if end == "taken back" else {"command": [""]}
    one.change(**({"paused": True} if end == "paused" else {"restic": {"verification": spec}}))
    one.settle()
    assert (one.left(), {"startTime", "attempts", "lastError"} & set(one.on_record)) == ([], set())
    one.change(paused=None, restic={"verification": {"schedule": "0 * * * *", "command": None}})
    one.pass_by(hours=1)
    assert one.verifies


@pytest.mark.parametrize(
    ("verification", "field"),
    [
        ({"schedule": "99 99 * * *"}, "spec.restic.verification.schedule"),
        ({"command": [""]}, "spec.restic.verification.command"),
        ({"command": ["a" * 4000] * 5}, "spec.restic.verification.command"),
    ],
)
def test_a_section_that_cannot_be_used_keeps_no_backup(verification: dict[str, Any], field: str) -> None:
    one = Verified(spec=verification)
    status, reason, message = one.conditions()["Verified"]
    assert (status, reason, message.startswith(f"{field}: ")) == ("False", "Configuration", True)
    before = one.conditions()
    during(one, "slot")
    job = one.job()
    assert job is not None
    assert job["metadata"]["name"] == "volsync-src-n"
    one.end_job(BACKED_UP)
    assert one.conditions() == before
    # Who asks is told, and nothing is begun.
    one.ask()
    assert (one.left(), one.on_record["lastProveNow"], one.on_record["result"]) == ([], "t", "Failed")
    assert one.conditions() == before


def test_a_section_that_is_mended_leaves_no_word_of_what_was_wrong() -> None:
    one = Verified(spec={"command": [""]})
    one.change({"verification": {"command": ["true"]}})
    one.settle()
    assert one.conditions()["Verified"][:2] == ("Unknown", "NotYetVerified")
    one.ask()
    one.end_job(PROVEN)
    for command, status in (([""], "False"), (["true"], "True")):
        one.change({"verification": {"command": command}})
        one.settle()
        assert one.conditions()["Verified"][0] == status
    one.ask("next")
    one.end_job(failed("NotAsBackedUp"))
    for command, reason in (([""], "Configuration"), (["true"], "NotAsBackedUp")):
        one.change({"verification": {"command": command}})
        one.settle()
        assert one.conditions()["Verified"][:2] == ("False", reason)


def test_one_that_runs_ends_when_its_section_cannot_be_used_any_more() -> None:
    one = Verified()
    one.ask()
    one.change({"verification": {"command": [""]}})
    one.settle()
    assert one.left() == []
    assert one.conditions()["Healthy"][0] == "True"


def test_a_start_that_cannot_be_made_is_told_and_makes_nothing() -> None:
    one = Verified(trigger={"manual": "m"})
    one.objects = [o for o in one.objects if o["kind"] != "Secret"]
    one.ask()
    assert (one.left(), one.conditions()["Verified"][:2]) == ([], ("False", "Configuration"))
    assert one.on_record["lastProveNow"] == "t"


@pytest.mark.parametrize(
    ("keep", "report", "stays"),
    [
        ("OnFailure", failed("NotAsBackedUp"), ["PersistentVolumeClaim"]),
        ("OnFailure", PROVEN, []),
        ("Never", failed("NotAsBackedUp"), []),
    ],
)
def test_a_volume_is_kept_for_a_look_only_if_that_is_wanted_and_until_the_next_one(
    keep: str, report: Report, stays: list[str]
) -> None:
    one = Verified(trigger={"manual": "m"}, spec={"keep": keep})
    one.ask()
    one.end_job(report)
    assert one.left() == stays
    first = [o["metadata"]["uid"] for o in one.objects if o["metadata"]["name"] == NAME]
    one.ask("next")
    assert one.verifies
    now = [o["metadata"]["uid"] for o in one.objects if o["metadata"]["name"] == NAME]
    assert not set(first) & set(now)
    one.end_job(report)
    one.change({"verification": {"keep": "Never"}})
    one.settle()
    assert one.left() == []


@pytest.mark.parametrize(("before", "after"), [("Never", "OnFailure"), ("OnFailure", "Never")])
def test_one_that_runs_while_keep_is_changed_leaves_at_most_what_it_was_begun_with(before: str, after: str) -> None:
    one = Verified(trigger={"manual": "m"}, spec={"keep": before})
    one.ask()
    begun = one.left()
    one.change({"verification": {"keep": after}})
    one.settle()
    assert one.left() == begun
    one.end_job(failed("NotAsBackedUp"))
    assert one.left() == []
    one.ask("next")
    assert one.left() == [kind for kind in ("PersistentVolumeClaim", "Job") if kind == "Job" or after == "OnFailure"]


def test_a_backup_lets_a_kept_volume_stay() -> None:
    one = Verified(spec={"keep": "OnFailure"})
    one.ask()
    one.end_job(failed("NotAsBackedUp"))
    during(one, "slot")
    one.end_job(BACKED_UP)
    assert one.left() == ["PersistentVolumeClaim"]


def test_what_is_not_ours_is_left_alone() -> None:
    one = Verified()
    foreign = one.create(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": NAME, "namespace": "ns"}, "spec": {}}
    )
    one.ask()
    assert foreign in one.objects
    assert "PersistentVolumeClaim" in one.on_record["waiting"]
    during(one, "slot")
    assert one.job() is not None


def test_a_source_that_is_being_deleted_verifies_nothing_more() -> None:
    one = Verified()
    one.resource["metadata"] |= {
        "deletionTimestamp": format_rfc3339(one.now),
        "annotations": {Annotation.PROVE_NOW.value: "t"},
    }
    assert words(decision_on(copy.deepcopy(one.objects), one.now)) == []


def test_an_event_tells_of_a_failure_and_none_of_a_proof() -> None:
    one = Verified()
    one.ask()
    told: list[str] = []
    plain = one._carry_out

    def heard(action: Any) -> None:
        if isinstance(action, Event):
            told.append(f"{action.reason}: {action.note}")
        plain(action)

    object.__setattr__(one, "_carry_out", heard)
    one.end_job(PROVEN)
    assert told == []
    one.ask("b")
    one.end_job(failed("NotAsBackedUp", "8 files came back"))
    (only,) = told
    assert only.startswith("NotAsBackedUp: the last backup is not verified: 8 files came back")


# ---- whenever it is killed


@pytest.mark.parametrize("report", [PROVEN, failed("Unreachable"), failed("NotAsBackedUp")])
def test_one_that_is_on_record_counts_once(report: Report) -> None:
    one = Verified(trigger={"manual": "m"})
    one.ask()
    end_only(one, report)
    # Killed after its first write, which is the status'; the Job is still there.
    happen(one, "kill", 1)
    told = copy.deepcopy(one.on_record)
    one.pass_by(seconds=60)
    assert (one.on_record, one.left()) == (told, [])


EVENTS = ["pass", "kill", "prove", "fail", "slot", "pause", "resume", "job goes", "claim goes", "unset", "set", "wait"]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["Never", "OnFailure"]),
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 6)), max_size=12),
)
def test_whatever_happens_in_whatever_order_it_comes_to_the_same_end(keep: str, story: list[tuple[str, int]]) -> None:
    one = Verified(spec={"command": ["true"], "keep": keep})
    one.resource["metadata"]["annotations"] = {Annotation.PROVE_NOW.value: "t"}
    for event, number in story:
        happen(one, event, number)
        running = {o["metadata"]["name"] for o in one.objects if o["kind"] == "Job" and not o.get("status")}
        assert event != "pass" or len(running) < 2, "a backup runs, and so does a verification"
    for event in ("resume", "set"):
        happen(one, event, 0)
    # A proof for a token that was never asked about before: whatever was given up, this is done.
    one.resource["metadata"]["annotations"] = {Annotation.PROVE_NOW.value: "last"}
    for _ in range(60):
        one.settle()
        if one.job() is not None:
            one.end_job(PROVEN if one.verifies else BACKED_UP)
        if one.on_record.get("lastProveNow") == "last":
            break
        one.now += timedelta(minutes=20)
    one.settle()
    assert one.on_record["result"] == "Succeeded"
    assert (one.left(), one.conditions()["Verified"][0]) == ([], "True")
    assert not {"attempts", "nextAttemptTime", "waiting", "lastError", "startTime"} & set(one.on_record)


def happen(one: Verified, event: str, number: int) -> None:
    """Let one thing happen; a kill is a pass that ends after so many of its writes."""
    if event in ("pass", "kill"):
        actions = decision_on(copy.deepcopy(one.objects), one.now).actions
        for action in actions if event == "pass" else actions[:number]:
            one._carry_out(action)
    elif event in ("prove", "fail") and one.job() is not None:
        report = BACKED_UP if not one.verifies else PROVEN if event == "prove" else failed("Unreachable")
        end_only(one, report)
    elif event == "slot":
        one.now += timedelta(days=1)
    elif event in ("pause", "resume"):
        one.change(paused=True if event == "pause" else None)
    elif event in ("job goes", "claim goes"):
        kind = "Job" if event == "job goes" else "PersistentVolumeClaim"
        for obj in [o for o in one.objects if (o["kind"], o["metadata"]["name"]) == (kind, NAME)]:
            one.remove(obj)
    elif event in ("unset", "set"):
        one.change({"verification": None if event == "unset" else {"command": ["true"]}})
    elif event == "wait":
        one.now += timedelta(minutes=number)


def end_only(one: Verified, report: Report) -> None:
    """End the Job without a pass."""
    passes, one.settle = one.settle, lambda: None  # type: ignore[method-assign]
    try:
        one.end_job(report)
    finally:
        one.settle = passes  # type: ignore[method-assign]
