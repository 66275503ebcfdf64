"""The verification of a source's last backup, which goes on in the pauses between its runs.

What there is of it, a Job and a claim to be kept, says how far it is; without such a claim the record says that it was
begun. What it came to is on record, with the UIDs of both, so that none counts twice. A backup that is due ends it, and
it is begun again later. It takes no lock of the repository, has a volume and a cache of its own, and says nothing in
the conditions that others read of backups.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.bounded_json import number_of, text_of
from volsync_py.contract.report import LONGEST_MESSAGE, ErrorClass
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Event, EventType, delete
from volsync_py.core.condition_writer import REFUSED_SECONDS, VERIFIED
from volsync_py.core.conditions import get_condition
from volsync_py.core.merge import merged
from volsync_py.core.objects import Object, is_deleting, mapping
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.result import Beside, StepResult, Trouble, soonest
from volsync_py.core.times import format_rfc3339
from volsync_py.core.trigger import TriggerKind
from volsync_py.core.view import Kind, ReadKind, View
from volsync_py.movers.restic.job_state import JobState, Phase, delete_job, ended_at, has_ended, job_state, started
from volsync_py.movers.restic.masked import without_passwords
from volsync_py.movers.restic.outcome import ClusterError, is_terminal, known, next_attempt, trouble
from volsync_py.movers.restic.placement import place
from volsync_py.movers.restic.pods import pods_of
from volsync_py.movers.restic.preflight import check_preconditions, repository_of
from volsync_py.movers.restic.pull_secrets import ensure_copies
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.service_account import ensure_account
from volsync_py.movers.restic.slots import START_PATIENCE
from volsync_py.movers.restic.verification_job import (
    last_snapshot,
    scratch_claim,
    undisturbed,
    verification_job,
    with_cause,
)
from volsync_py.movers.restic.verification_record import (
    FIRST_FACTOR,
    LONGEST_FACTOR,
    MOST_ATTEMPTS,
    VerificationRecord,
    is_mended,
    stands,
)
from volsync_py.volumes.point_in_time import in_the_way

# Nobody is called for a slot who verifies, so that whoever backs up is always first; a free one is looked for so often.
_SLOT_SECONDS = 60.0
# Events bring every change; this look is for the case that one was missed.
_SAFETY_SECONDS = 300.0
# Which of both it was, cannot be seen any more.
_NO_JOB = "the Job of the verification is not there: it was deleted, or never made"
# What is on record of one that is not over.
_OF_ATTEMPTS = ("attempts", "nextAttemptTime", "triedProveNow", "observedGeneration", "waiting", "startTime")
# After these there is nothing on the volume that is worth a look.
_NOTHING_TO_SEE = ("", ErrorClass.INTERRUPTED, ClusterError.REFUSED)


class Verifier:
    """One pass over the verification of one source; `status` is what the pass has made of the status so far."""

    def __init__(self, replication: Replication, view: View, status: Object) -> None:
        self.replication, self.view, self.status = replication, view, status
        self.wanted = replication.verification
        self.record = VerificationRecord.of(status)
        name = names.verification_name(replication.name)
        self.job = view.objects.get(Kind.JOB, name)
        self.claim = view.objects.get(Kind.CLAIM, name)

    def decide(self, *, pause: bool) -> Beside:
        """Return what is to be done, and what the status says of it."""
        is_wanted = self.wanted.is_set or self.wanted.prove_now
        if self.wanted.trouble is not None:
            step = self._unusable(self.wanted.trouble)
        else:
            step = self._wanted(pause=pause) if is_wanted else self._unwanted()
        if self.wanted.is_set and not self.record.since:
            step = evolve(step, status=merged(step.status, self._kept(since=format_rfc3339(self.view.now))))
        said = get_condition(self.status.get("conditions") or [], VERIFIED)
        if self.wanted.is_set and step.verified is None and (said is None or is_mended(said, self.record)):
            step = evolve(step, verified=stands(self.status))
        return step

    def _unusable(self, cause: Trouble) -> Beside:
        """Return the end of what there is, and what is wrong with the section; who asks for a proof is told as well."""
        if self._is_asked():
            step = self._failed(ErrorClass.CONFIGURATION, cause.message, None)
        else:
            step = self._stopped(keep=self._is_kept())
        return evolve(step, verified=("False", cause.reason, cause.text))

    def refused(self, cause: Trouble) -> Beside:
        """Return the record of an attempt that the API server did not let begin; a refused deletion is none."""
        is_new = self.claim is None or self.claim["metadata"]["uid"] != self.record.claim
        if self.job is None and is_new and self._is_due():
            return self._failed(ClusterError.REFUSED, cause.message, None)
        event = Event(EventType.WARNING, cause.reason, "Verify", f"the verification is not removed: {cause.text}")
        return Beside((event,), requeue_after_seconds=REFUSED_SECONDS)

    def _unwanted(self) -> Beside:
        """Return the removal of all there is, and of what was said; the last proof, and what was served, stay."""
        there = mapping(self.status, "restic", "verification")
        forgotten = {key: None for key in there if key not in ("lastProveNow", "job", "claim")}
        return Beside(self._removal(), self._kept(**forgotten) if forgotten else {}, verified=())

    def _wanted(self, *, pause: bool) -> Beside:
        there = [obj for obj in (self.job, self.claim) if obj is not None]
        foreign = next((obj for obj in there if not is_controlled_by(obj, self.replication.uid)), None)
        if foreign is not None:
            return self._waits(in_the_way(foreign).text) if self._is_due() else Beside()
        if self.job is not None:
            return self._with(self.job, pause=pause)
        if self.claim is not None and (is_deleting(self.claim) or not self._is_kept()):
            return self._without_job(self.claim)
        return self._next(pause=pause) if not self.record.start_time else self._lost()

    # ---- the Job that is there

    def _with(self, job: Object, *, pause: bool) -> Beside:
        if is_deleting(job) or job["metadata"]["uid"] == self.record.job:
            return Beside(self._removal(keep=self._is_kept()))
        state = without_passwords(job_state(job, pods_of(self.view, job), self.view.server_now))
        if state.phase is Phase.SUCCEEDED:
            return self._succeeded(job, state)
        if state.phase is Phase.FAILED:
            return self._failed(state.error_class, state.message, job)
        if self.replication.paused or not self._is_due():
            return self._stopped()
        if not pause:
            return self._interrupted(job)
        since = started(job, self.view.server_now)
        state = with_cause(self.view, job, state)
        is_refused = state.error_class == ClusterError.REFUSED
        if state.error_class and (is_refused or self.view.server_now >= since + START_PATIENCE):
            return self._failed(state.error_class, state.message, job)
        look = state.look_again_at
        delay = None if look is None else max((look - self.view.server_now).total_seconds(), 0.0) + 1.0
        return Beside(requeue_after_seconds=soonest(delay, _SAFETY_SECONDS))

    def _succeeded(self, job: Object, state: JobState) -> Beside:
        proven = state.report.proven if state.report is not None else None
        if proven is None:
            return self._failed(ErrorClass.UNKNOWN, "the verification ended without saying what it found", job)
        now = format_rfc3339(self.view.now)
        found: Object = {"time": now, "snapshot": proven.id, "snapshotTime": proven.time or None}
        found |= {"files": proven.files, "bytes": proven.bytes}
        found["commandExitCode"] = proven.command_code if proven.command_ran else None
        told = f"snapshot {proven.id[:8]}: {proven.files} files and folders, {proven.bytes} bytes, came back whole"
        told += ", and the command exited with 0" if proven.command_ran else ""
        told += self._lacking(proven.id)
        ended = self._ended(job, result="Succeeded", lastError=None)
        restic = {"lastVerified": found, **ended["restic"]}
        return Beside(self._removal(), {"restic": restic}, verified=("True", "Succeeded", told))

    def _lacking(self, snapshot: str) -> str:
        """Return what is known to be missing in the backup itself, which no proof of it can find."""
        last = mapping(self.status, "restic", "lastSnapshot")
        failed = number_of(last, "filesFailed")
        return f"; {failed} items could not be read for this backup" if failed and last.get("id") == snapshot else ""

    def _interrupted(self, job: Object) -> Beside:
        """Return the end of a verification because of a backup: it is no sign of anything, unless it goes on so."""
        text = "ended because a backup was due, as often as it was begun; verify when backups are further apart"
        return self._failed(ErrorClass.INTERRUPTED, text, job, quiet=True)

    def _failed(self, error_class: str, message: str, job: Object | None, *, quiet: bool = False) -> Beside:
        """Return the record of an attempt that has failed; `quiet`: it is told only if it was the last one."""
        error_class, message = known(error_class), message[:LONGEST_MESSAGE]
        count = self.record.attempts + 1
        again = self._again(error_class, count)
        error = {"lastError": {"class": error_class, "message": message}}
        if again is None:
            status = self._ended(job, result="Failed", **error)
        else:
            record = RunRecord.of(job) if job is not None else RunRecord(prove_now=self.wanted.prove_now)
            tried = record.prove_now or None
            generation = record.generation or self.replication.generation
            next_at = {"nextAttemptTime": format_rfc3339(again), "attempts": count, "waiting": None, "startTime": None}
            status = self._kept(
                **self._uids(job), **error, **next_at, triedProveNow=tried, observedGeneration=generation
            )
        removal = self._removal(keep=self.wanted.keeps_failed and error_class not in _NOTHING_TO_SEE)
        delay = None if again is None else (again - self.view.now).total_seconds() + 0.1
        if quiet and again is not None:
            return Beside(removal, status, requeue_after_seconds=delay)
        told = trouble(error_class, message)
        event = Event(EventType.WARNING, told.reason, "Verify", f"the last backup is not verified: {told.text}")
        # What may pass is no word about the backup while it is tried again: somebody is woken by the condition.
        verified = ("False", told.reason, told.text) if again is None else None
        # The event is first, for a removal may be refused.
        return Beside((event, *removal), status, verified, delay)

    def _again(self, error_class: str, count: int) -> datetime | None:
        """Return when the next attempt may begin, None if there is none before the next one is asked for, or due."""
        if is_terminal(error_class) or count >= MOST_ATTEMPTS:
            return None
        settings = self.view.settings
        return next_attempt(
            error_class,
            count,
            self.view.now,
            uid=self.replication.uid,
            next_slot=None,
            first=settings.retry_first * FIRST_FACTOR,
            longest=settings.retry_longest * LONGEST_FACTOR,
        )

    # ---- what is left without a Job

    def _is_kept(self) -> bool:
        """Return whether the claim is what the last attempt has restored, and is kept for a look at it."""
        failed = self.record.error_class not in _NOTHING_TO_SEE
        return self.wanted.keeps_failed and failed and self._uids(None)["claim"] == self.record.claim

    def _without_job(self, claim: Object) -> Beside:
        """Return the removal of a claim whose Job has gone, or was never made; what is not on record was an attempt."""
        if is_deleting(claim):
            return Beside()
        if claim["metadata"]["uid"] == self.record.claim:
            return Beside(self._removal())
        return self._lost()

    def _lost(self) -> Beside:
        """Return the end of a verification that was begun, and whose Job somebody has taken away, or nobody has made.

        That it was begun is written first, and the manager may end, or have no answer, before it has made the Job.
        """
        if not self._is_due():
            return self._stopped()
        return self._failed(ErrorClass.INTERRUPTED, _NO_JOB, None, quiet=True)

    # ---- the next one

    def _is_due(self) -> bool:
        slot = self._slot()
        return self._is_asked() or (slot is not None and slot <= self.view.now)

    def _is_asked(self) -> bool:
        return self.wanted.prove_now not in ("", self.record.served)

    def _slot(self) -> datetime | None:
        slots = self.wanted.slots
        return None if slots is None else slots.slot_after(self.record.last(self.view.now))

    def _next(self, *, pause: bool) -> Beside:
        now, slot = self.view.now, self._slot()
        if not self._is_due():
            left = None if slot is None else max((slot - now).total_seconds(), 0.0) + 0.01
            return Beside(status=self._no_longer_waiting(), requeue_after_seconds=left)
        if not pause:
            endless = self.replication.trigger.kind is TriggerKind.ALWAYS
            return (
                self._waits("Waiting for a pause between backups: the source has no trigger") if endless else Beside()
            )
        again = self._pause_until()
        if again > now:
            return Beside(requeue_after_seconds=(again - now).total_seconds() + 0.1)
        why = self._waits_for()
        return self._waits(why) if why else self._begin()

    def _pause_until(self) -> datetime:
        """Return when the next attempt may begin; who asks anew, or has changed the spec, waits for nothing."""
        record = self.record
        fresh = self._is_asked() and self.wanted.prove_now != record.tried
        if not record.attempts or fresh or record.generation != self.replication.generation:
            return self.view.now
        return record.due_again(self.view.now, self.view.settings.retry_longest * LONGEST_FACTOR)

    def _waits_for(self) -> str:
        """Return what keeps a verification that is due from being begun, "" if nothing does."""
        if self.replication.paused:
            return "Waiting for the end of the pause: spec.paused is true"
        if not last_snapshot(self.status):
            return "Waiting for a backup: none is on record"
        trigger, now = self.replication.trigger, self.view.now
        slot, took = trigger.slot_after(now), timedelta(seconds=self.record.seconds)
        following = None if slot is None else trigger.slot_after(slot)
        # Where it takes longer than any pause between backups, there is no better time to wait for.
        if slot is not None and following is not None and slot - now < took < following - slot:
            return f"Waiting for the next backup: the last verification took {took}, and a backup is due before that"
        return ""

    def _begin(self) -> Beside:
        alone, view = undisturbed(self.replication), self.view
        claim = scratch_claim(self.replication, view)
        error = check_preconditions(alone, view, claim)
        if error is not None:
            return self._failed(error.reason, error.text, None)
        secret = view.read(ReadKind.SECRET, self.replication.restic.repository)
        if text_of(mapping(self.status, "restic"), "repositoryHash") not in ("", repository_of(view, secret)):
            return self._waits("Waiting for the next backup: the last one went to another repository")
        placement = place(alone, view, claim)
        if isinstance(placement, StepResult):
            text = placement.error.text if placement.error is not None else placement.waiting
            return self._failed(ErrorClass.CONFIGURATION, text, None)
        if self.claim is not None:
            # What was kept of the last one; its end calls for the next pass.
            return Beside(self._removal())
        if view.settings.max_movers and not view.read(ReadKind.SLOT):
            return evolve(self._waits("Waiting for a mover"), requeue_after_seconds=_SLOT_SECONDS)
        job = Create(verification_job(self.replication, view, secret, claim, placement), self.replication.uid)
        made = (*ensure_account(self.replication, view), *ensure_copies(self.replication, view))
        if self.wanted.keeps_failed:
            return Beside((Create(claim, self.replication.uid), *made, job), self._no_longer_waiting())
        # Nothing would outlive a Job that somebody deletes, and each pass would begin the next one.
        return Beside((*made, job), self._kept(startTime=format_rfc3339(view.now), waiting=None))

    # ---- what is written

    def _waits(self, text: str) -> Beside:
        return Beside(status=self._kept(waiting=text))

    def _stopped(self, *, keep: bool = False) -> Beside:
        """Return the end of one that has come to nothing, and counts for nothing."""
        return Beside(self._removal(keep=keep), self._kept(startTime=None) if self.record.start_time else {})

    def _no_longer_waiting(self) -> Object:
        return self._kept(waiting=None) if self.record.waiting else {}

    def _ended(self, job: Object | None, **more: object) -> Object:
        """Return the record of a verification that is over, whatever it came to."""
        server_now = self.view.server_now
        served = RunRecord.of(job).prove_now if job is not None else self.wanted.prove_now
        ended = ended_at(job, server_now) if job is not None else None
        seconds = int((ended - started(job, server_now)).total_seconds()) if job is not None and ended else 0
        return self._kept(
            **self._uids(job),
            lastTime=format_rfc3339(self.view.now),
            lastProveNow=served or self.record.served or None,
            seconds=max(seconds, 0) or self.record.seconds or None,
            **dict.fromkeys(_OF_ATTEMPTS),
            **more,
        )

    def _uids(self, job: Object | None) -> Object:
        found = {"job": job, "claim": self.claim}
        return {key: None if obj is None else obj["metadata"]["uid"] for key, obj in found.items()}

    def _kept(self, **record: object) -> Object:
        return {"restic": {"verification": record}}

    def _removal(self, *, keep: bool = False) -> tuple[Action, ...]:
        """Return the removal of what there is and is ours; `keep`: but for the volume."""
        found = [self.job, None if keep else self.claim]
        ours = [o for o in found if o is not None and is_controlled_by(o, self.replication.uid) and not is_deleting(o)]
        # Nothing waits for the end of what has ended; what runs makes room now. The claim stays until its pod has gone.
        runs = self.job is not None and not has_ended(self.job)
        gone = (delete_job(obj) if obj["kind"] == Kind.JOB else delete(obj) for obj in ours)
        return tuple(evolve(one, deferrable=not runs) for one in gone)
