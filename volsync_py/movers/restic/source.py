"""The mover of a source: copy the volume, back the copy up, keep the repository in order."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from volsync_py.contract.report import ErrorClass, Outcome, Report
from volsync_py.contract.run_document import Check, Grants
from volsync_py.core import names
from volsync_py.core.actions import Action, Event, EventType, delete
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import MAINTAINED
from volsync_py.core.conditions import get_condition
from volsync_py.core.labels import Annotation, Label
from volsync_py.core.objects import Object, annotations_of, labels_of
from volsync_py.core.result import Beside, StepResult, Success, Trouble
from volsync_py.core.times import format_rfc3339, instant, past
from volsync_py.core.view import Kind
from volsync_py.movers.restic.cache_volume import replaces, small_cache
from volsync_py.movers.restic.job_environment import Variables, forget_options
from volsync_py.movers.restic.job_state import JobState, delete_job
from volsync_py.movers.restic.lock_holder import lock_options
from volsync_py.movers.restic.maintained import maintained, passing, postponed
from volsync_py.movers.restic.mover import ResticMover
from volsync_py.movers.restic.new_job import deadlines_for, record_of, variables_for
from volsync_py.movers.restic.outcome import trouble
from volsync_py.movers.restic.preflight import check_preconditions, named_claim, repository_of
from volsync_py.movers.restic.repository_on_record import checked, facts, history, is_damaged, size, subset_due
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.triggered_copy import told_of_copies, when_triggered
from volsync_py.movers.restic.verification import Verifier
from volsync_py.volumes.claims import is_read_only, is_temporary
from volsync_py.volumes.image import delete_or_release
from volsync_py.volumes.point_in_time import Copy, CopyMethod, CopyOptions, ensure_copy

_HALF_RESTORED = "HalfRestored"
_PAUSED = "Waiting for the end of the pause: spec.paused is true, and no copy of the volume is made before"


class SourceMover(ResticMover):
    """A backup."""

    def first(self) -> tuple[Action, ...]:
        """Return what the claim is to say of the copies that were made of it."""
        return told_of_copies(self.replication, self.view)

    def beside(self, status: Object, *, pause: bool) -> Beside:
        """Return what becomes of the verification of the last backup."""
        return Verifier(self.replication, self.view, status).decide(pause=pause)

    def refused(self, status: Object, trouble: Trouble) -> Beside:
        """Return what becomes of a verification of which the API server has refused something."""
        return Verifier(self.replication, self.view, status).refused(trouble)

    def prepare(self) -> tuple[Object | None, StepResult]:
        """Return the claim to read, and the copies to be made before it can be read."""
        source = named_claim(self.view, "spec.sourcePVC", self.spec.source_claim)
        if isinstance(source, StepResult):
            return None, source
        if Annotation.HALF_RESTORED in annotations_of(source):
            return None, StepResult(error=_half_restored(source))
        options = self._copy_options()
        stale = () if options.method.is_direct else self._without_stale_copies()
        if stale:
            return None, StepResult(actions=stale)
        if self.replication.paused and not options.method.is_direct and not self._copies():
            # Differs from VolSync: a copy is made when it can be used, not kept for the time of a pause.
            return None, StepResult(waiting=_PAUSED)
        copy = when_triggered(self.replication, self.view, self._copy(source))
        if copy.waiting is not None:
            return None, self._checked_first(copy.waiting, source)
        return copy.claim, StepResult(actions=copy.actions)

    def _copy_options(self) -> CopyOptions:
        one, method = self.spec, CopyMethod(self.spec.copy_method)
        return CopyOptions(method, one.capacity, one.storage_class, one.access_modes, one.snapshot_class)

    def _copy(self, source: Object) -> Copy:
        name = names.copy_name(self.replication.name)
        return ensure_copy(self.owner, name, source, self._copy_options(), self.view.objects, self.view.server_now)

    def is_outdated(self, data: Object) -> bool:
        """Return whether a volume of the Job would be made anew, as a copy into which the source no longer fits."""
        source = self.view.objects.get(Kind.CLAIM, self.spec.source_claim)
        waiting = self._copy(source).waiting if source is not None else None
        return super().is_outdated(data) or (waiting is not None and replaces(waiting))

    def _checked_first(self, waiting: StepResult, source: Object) -> StepResult:
        """Make no copy for a run that cannot be started."""
        if not waiting.actions:
            return waiting
        error = check_preconditions(self.replication, self.view, source)
        return StepResult(error=error) if error is not None else waiting

    def _copies(self) -> list[Object]:
        name = names.copy_name(self.replication.name)
        found = (self.view.objects.get(kind, name) for kind in (Kind.SNAPSHOT, Kind.CLAIM))
        return [obj for obj in found if obj is not None]

    def _without_stale_copies(self) -> tuple[Action, ...]:
        """Return the removal of copies that an earlier slot was tried with: each slot has data of its own time.

        A copy that no attempt has been made with is none of them, however long it takes to become ready.
        """
        actions: list[Action | None] = []
        for copy in self._copies():
            if not is_temporary(copy, self.uid) or copy["metadata"].get("deletionTimestamp"):
                continue
            if self._is_set_aside() or self._was_tried_before_the_slot(copy):
                actions.append(delete_or_release(self.owner, copy) if copy["kind"] == Kind.SNAPSHOT else delete(copy))
        return tuple(a for a in actions if a is not None)

    def _was_tried_before_the_slot(self, copy: Object) -> bool:
        failed = Attempt.of(self.replication.status).failed_at
        if not failed:
            return False
        tried, now = instant(failed, self.view.server_now), self.view.now
        made = past(copy["metadata"]["creationTimestamp"], self.view.server_now)
        # A time that has not come yet is no record of when it was tried.
        slot = self.replication.trigger.slot_after(tried if tried <= self.view.server_now else made)
        return slot is not None and slot <= now and made <= tried

    def _is_set_aside(self) -> bool:
        """Return whether the volume is being restored in place: a copy of it holds what is replaced now."""
        return self.replication.paused and Annotation.PAUSED_FOR in annotations_of(self.replication.object)

    def _running(self, job: Object, pods: list[Object], state: JobState) -> StepResult:
        # Later, it would make the newest backup of what was there before.
        if self._is_set_aside() and not RunRecord.of(job).is_direct:
            return StepResult(actions=(delete_job(job),))
        return super()._running(job, pods, state)

    def _read_only(self, claim: Object) -> bool:
        return is_read_only(claim)

    def _pruned_before(self) -> timedelta:
        """Return the time since the last prune, or since the beginning."""
        last = (self.replication.status.get("restic") or {}).get("lastPruned")
        return self.view.now - past(last or self.owner["metadata"]["creationTimestamp"], self.view.now)

    def prune_due(self) -> bool:
        """Return whether the interval since the last prune, or since the beginning, is over."""
        return self._pruned_before() > timedelta(days=self.spec.prune_interval_days)

    def _prune_overdue(self) -> bool:
        """Return whether a prune has had a whole interval, and a day at least, to find its turn."""
        days = self.spec.prune_interval_days
        return self._pruned_before() > timedelta(days=days + max(days, 1))

    @property
    def _on_record(self) -> Object:
        """What the status has on record of the repository."""
        return self.replication.status.get("restic") or {}

    def _damaged(self) -> bool:
        """Return whether damage was found; the word of a check that is no longer wanted does not count."""
        return bool(self.spec.check.interval_days) and is_damaged(self._on_record)

    def check_due(self) -> bool:
        """Return whether a check is due; a damaged repository is looked at every day until it is mended."""
        days = self.spec.check.interval_days
        return bool(days) and self._checked_before() > timedelta(days=1 if self._damaged() else days)

    def _checked_before(self) -> timedelta:
        """Return the time since the last check, or since the beginning."""
        last = self._on_record.get("lastChecked")
        return self.view.now - past(last or self.owner["metadata"]["creationTimestamp"], self.view.now)

    def _overdue(self) -> set[str]:
        """Return what of the upkeep has been due for a second interval; retention is due with each run."""
        overdue = {"prune"} if self._prune_overdue() else set()
        days = self.spec.check.interval_days
        if days and self._checked_before() > timedelta(days=2 * days):
            overdue.add("check")
        said = get_condition(self.replication.status.get("conditions") or [], MAINTAINED) or {}
        return {*overdue, "forget"} if str(said.get("message") or "").startswith("forget: ") else overdue

    def unlock_due(self) -> bool:
        """Return whether an unlock was asked for that has not been done."""
        done = (self.replication.status.get("restic") or {}).get("lastUnlocked") or ""
        return bool(self.spec.unlock) and self.spec.unlock != done

    def job_options(self, secret: Object, grants: Grants) -> tuple[list[str], Variables, RunRecord]:
        """Return arguments, environment, and record of a backup."""
        grants = evolve(grants, forget=not self._damaged())
        unlock = self.unlock_due()
        due = {"prune": self.prune_due() and grants.forget, "check": self.check_due()}
        prune, check = (wanted and grants.prune for wanted in due.values())
        subset = ""
        if check:
            subset = subset_due(self.spec.check.read_data, self._on_record)
        args = [*(["unlock"] if unlock else []), "backup", *(["prune"] if prune else [])]
        document = evolve(
            self.spec.run,
            grants=grants,
            check=Check(subset) if check else None,
            history=history(self._on_record, repository_of(self.view, secret)),
            deadlines=deadlines_for(self.view),
            locks=lock_options(self.replication, self.view),
        )
        options = forget_options(self.spec.retain)
        variables = variables_for(self.replication, self.view, secret, document, forget_options=options)
        record = record_of(
            self.replication,
            secret,
            grants,
            prune=prune,
            check=check,
            check_subset=subset,
            unlock=self.spec.unlock if unlock else "",
            postponed="" if grants.prune else " and ".join(name for name, wanted in due.items() if wanted),
            damaged=not grants.forget,
        )
        return args, variables, record

    def succeeded(self, job: Object, state: JobState, record: RunRecord) -> StepResult:
        """Return what a finished backup sets in the status."""
        report = state.report
        restic = {**self._upkeep(state, record), **record.shown_image()}
        if report is not None:
            place = str(labels_of(job).get(Label.REPOSITORY) or "")
            restic |= facts(report, record, self._on_record, place)
            restic |= size(report, self._on_record, place, format_rfc3339(self.view.now))
            if self.spec.check.interval_days:
                restic |= checked(report, record, self._on_record, format_rfc3339(self.view.now))
        overdue = self._overdue()
        kept, waits = maintained(report, record, overdue), postponed(record, overdue="prune" in overdue)
        if waits is not None and "prune" in overdue and not isinstance(kept, Trouble):
            kept = waits
        warning = (_warning(report) if report is not None else None) or small_cache(self.replication, self.view)
        success = Success(
            status={"restic": restic, "latestMoverStatus": self.mover_status(state, successful=True)},
            warning=warning,
            maintained=kept,
            postponed=passing(report) or waits,
            run_now=record.run_now,
            manual=record.manual if record.is_ours else None,
        )
        return StepResult(actions=_event(warning), success=success)

    def _upkeep(self, state: JobState, record: RunRecord) -> Object:
        """Return what becomes of `lastPruned` and `lastUnlocked`: nothing without a sign that it was done."""
        report = state.report
        upkeep: Object = {}
        if report is not None:
            pruned = any(s.name == "prune" and s.outcome == Outcome.SUCCEEDED for s in report.steps)
        else:
            # Differs from VolSync: its mover ends without a prune, and successfully, when there is nothing to back up.
            pruned = not record.is_ours and "Directory is empty" not in self.log_of(state)
        if record.prune and pruned:
            upkeep["lastPruned"] = format_rfc3339(self.view.now)
        # VolSync makes its Job again when the field changes, so that is what its Job was made for.
        unlocked = record.unlock or (self.spec.unlock if "unlock" in record.args else "")
        if unlocked or not self.spec.unlock:
            upkeep["lastUnlocked"] = unlocked or None
        return upkeep


def _warning(report: Report) -> Trouble | None:
    """Return what of a success deserves a look."""
    if report.skipped_empty:
        text = "the source volume is empty, so nothing was backed up"
        return Trouble(
            ErrorClass.SOURCE_EMPTY, text, "find out why, unless it is to be; emptySource says what it means"
        )
    # A repository without the earlier backups; unreadable files, or a repository that lacks what is referred to.
    found = next((s for name in ("history", "backup") for s in report.steps if s.name == name and s.error_class), None)
    return trouble(found.error_class, found.message) if found else None


def _event(warning: Trouble | None) -> tuple[Action, ...]:
    """Return the event of a warning that the next run takes back although nothing has become better."""
    if warning is None or warning.reason != ErrorClass.BACKUPS_GONE:
        return ()
    return (Event(EventType.WARNING, warning.reason, "Synchronize", warning.text),)


def _half_restored(claim: Object) -> Trouble:
    name = claim["metadata"]["name"]
    text = f"spec.sourcePVC: a restore in place into PersistentVolumeClaim {name!r} has begun and has not ended well"
    step = "restore it again with volsync-py restore --in-place; if its data are right, remove the claim's annotation "
    return Trouble(_HALF_RESTORED, text, step + Annotation.HALF_RESTORED)
