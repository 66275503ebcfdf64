"""Copies of a claim whose owner says when they may be made: see `volumes.copy_trigger`."""

from __future__ import annotations

from datetime import UTC

from attrs import evolve

from volsync_py.api.spec import Replication, parse
from volsync_py.core import names
from volsync_py.core.actions import Action, Create
from volsync_py.core.condition_writer import HEALTHY, SYNCHRONIZING
from volsync_py.core.conditions import get_condition
from volsync_py.core.labels import COPY_PART_PREFIX
from volsync_py.core.objects import is_deleting, status_of
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.replication import running_since
from volsync_py.core.result import StepResult
from volsync_py.core.view import Kind, ReadKind, View
from volsync_py.movers.restic.job_state import has_succeeded
from volsync_py.volumes.copy_trigger import TIMED_OUT, CopyTrigger, is_used, part_keys
from volsync_py.volumes.point_in_time import Copy, CopyMethod
from volsync_py.volumes.snapshots import waiting_for_snapshot

_RECORDING = "Waiting until the claim says which copies were made of it"


def told_of_copies(replication: Replication, view: View) -> tuple[Action, ...]:
    """Return what the claim is to say of the copies that were made of it."""
    trigger = _copy_trigger(replication, view)
    return trigger.after(copied=_is_copied(replication, view)) if trigger is not None else ()


def when_triggered(replication: Replication, view: View, copy: Copy) -> Copy:
    """Return the copy, or the wait for the word of the claim's owner if it is still to be made."""
    trigger = _copy_trigger(replication, view)
    actions = copy.waiting.actions if copy.waiting is not None else copy.actions
    begins = any(isinstance(action, Create) and action.object["kind"] == _kind(replication) for action in actions)
    if trigger is None or not begins:
        return copy
    if told_of_copies(replication, view):
        # Both would change the claim in one pass, and the copy relies on its own change.
        return Copy(waiting=StepResult(waiting=_RECORDING))
    if not trigger.may_copy():
        healthy = get_condition(replication.status.get("conditions") or [], HEALTHY) or {}
        started = running_since(replication.status) or view.now
        return Copy(waiting=trigger.wait(view.now, started, told=healthy.get("reason") == TIMED_OUT))
    actions = (*trigger.beginning(), *actions)
    if copy.waiting is None:
        return evolve(copy, actions=actions)
    return evolve(copy, waiting=evolve(copy.waiting, actions=actions))


def _copy_trigger(replication: Replication, view: View) -> CopyTrigger | None:
    """Return the copy triggers of the claim, None if its copies need none."""
    claim = view.objects.get(Kind.CLAIM, replication.restic.source_claim)
    if claim is None or not is_used(claim) or not _makes_copies(replication):
        return None
    sources = [replication]
    if any(key != COPY_PART_PREFIX + replication.uid for key in part_keys(claim)):
        found = view.read(ReadKind.SOURCES_OF_CLAIM, replication.restic.source_claim)
        sources += [parse(one, UTC) for one in found if one["metadata"]["uid"] != replication.uid]
    copying = (one for one in sources if running_since(one.status) is not None and _makes_copies(one))
    running = {one.uid: _may_begin(one) for one in copying}
    return CopyTrigger(claim, replication.uid, running)


def _may_begin(source: Replication) -> bool:
    """Return whether a source that makes copies and runs makes one as soon as it may."""
    said = get_condition(source.status.get("conditions") or [], SYNCHRONIZING) or {}
    return not (source.paused or said.get("reason") == "Error" or is_deleting(source.object))


def _makes_copies(source: Replication) -> bool:
    return source.restic.copy_method in (CopyMethod.CLONE, CopyMethod.SNAPSHOT)


def _kind(source: Replication) -> Kind:
    """Return the kind of what holds the data of one moment."""
    return Kind.CLAIM if source.restic.copy_method == CopyMethod.CLONE else Kind.SNAPSHOT


def _is_copied(replication: Replication, view: View) -> bool:
    """Return whether the data is in a copy of the source's own, whatever becomes of the claim from now on."""
    copy = view.objects.get(_kind(replication), names.copy_name(replication.name))
    if copy is None or is_deleting(copy) or not is_controlled_by(copy, replication.uid):
        return False
    if _kind(replication) == Kind.CLAIM:
        # The watch may tell of the end of its Job first, and the copy goes with that.
        return status_of(copy).get("phase") == "Bound" or _is_backed_up(replication, view)
    return waiting_for_snapshot(copy, view.server_now, need_ready=False) is None


def _is_backed_up(replication: Replication, view: View) -> bool:
    """Return whether the run's Job has ended well."""
    job = view.objects.get(Kind.JOB, names.job_name(replication.role, replication.name))
    return job is not None and is_controlled_by(job, replication.uid) and has_succeeded(job)
