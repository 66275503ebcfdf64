"""What the way back to VolSync means for a cluster, touch point by touch point. Pure.

The page for people is docs/takeover.md; here is only what applies to what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.commands.common.both_operators import Seen, here, names, theirs
from volsync_py.commands.common.spec_fields import unknown_to_volsync
from volsync_py.commands.takeover.changeover import Changeover, Finding, unread
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import HEALTHY, MAINTAINED
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, annotations_of, mapping, status_of
from volsync_py.core.stored_times import time_in
from volsync_py.health.state import condition

# What VolSync does instead, where somebody has to know; of all the others it does what it does without the field.
_INSTEAD = {
    "trigger.timeZone": "the schedule is read in the zone of the manager",
    "trigger.jitter": "all of one schedule begin at the same minute",
    "restic.retain.keepTags": "its forget removes the snapshots that were kept by their tags",
    **{
        f"restic.retain.within{unit}": "its forget removes the snapshots that were kept by it"
        for unit in ("Hourly", "Daily", "Weekly", "Monthly", "Yearly")
    },
    "restic.verification": "nothing proves the backups any more",
    "restic.exclude": "what was left out is backed up",
    "restic.include": "all of the snapshot is restored",
    "restic.snapshot": "the newest snapshot is restored",
    "restic.host": "snapshots are made and looked for as those of the host volsync",
    "restic.subPath": "the whole snapshot is restored",
    "restic.check": "the repository is not checked",
}
_WITHOUT = "it is ignored"


def going_back(seen: Seen) -> Changeover:
    """Return what is told before VolSync comes back."""
    touched = [
        *unread(seen.unread),
        *_operators(seen),
        *_retention(seen),
        *_fields(seen),
        *_asked_for(seen),
        *_under_way(seen),
        *_left(seen),
    ]
    return Changeover.of(list(here(seen)), touched, _steps(seen))


def _operators(seen: Seen) -> Iterator[Finding]:
    running = [one for one in theirs(seen) if one.replicas]
    if running and any(one.is_ours and one.replicas for one in seen.operators):
        listed = ", ".join(one.called for one in running)
        step = " and ".join(f"kubectl -n {one.namespace} scale deployment {one.name} --replicas=0" for one in running)
        yield Finding("two operators at once", f"VolSync runs already, beside this operator: {listed}", step)
    for one in seen.operators:
        if one.is_ours and one.keeper:
            yield Finding("GitOps", f"{one.keeper} keeps the Deployment {one.called}: make the change where it is kept")


def _fields(seen: Seen) -> Iterator[Finding]:
    using: dict[str, list[Object]] = {}
    for obj in seen.resources:
        for path in unknown_to_volsync(obj):
            using.setdefault(path, []).append(obj)
    for path, objects in sorted(using.items()):
        yield Finding(
            f"spec.{path}",
            f"VolSync does not know it, so {_INSTEAD.get(path, _WITHOUT)}: {names(objects)}",
            "take it out where the resources are kept, or live with that",
        )


def _retention(seen: Seen) -> Iterator[Finding]:
    """Tell of sources of whose retention VolSync knows nothing: it then keeps the newest snapshot alone."""
    lost = []
    for obj in seen.resources:
        set_ones = {
            f"restic.retain.{name}" for name, value in mapping(obj, "spec", "restic", "retain").items() if value
        }
        if set_ones and set_ones <= set(unknown_to_volsync(obj)):
            lost.append(obj)
    if lost:
        yield Finding(
            "one snapshot is left",
            f"VolSync knows no field of their retention, and its first run keeps one snapshot: {names(lost)}",
            "set hourly, daily, weekly, monthly, yearly, last or within beside them before",
        )


def _asked_for(seen: Seen) -> Iterator[Finding]:
    waiting = [obj for obj in seen.resources if _pending(obj)]
    if waiting:
        yield Finding(
            "runs that were asked for",
            f"VolSync never makes them: {names(waiting)}",
            f"wait for their end, or take the annotation {Annotation.RUN_NOW} away",
        )


def _pending(obj: Object) -> bool:
    token = annotations_of(obj).get(Annotation.RUN_NOW)
    return bool(token) and token != status_of(obj).get("lastRunNow")


def _under_way(seen: Seen) -> Iterator[Finding]:
    running = [obj for obj in seen.resources if time_in(status_of(obj), "lastSyncStartTime") is not None]
    tried_again = [obj for obj in seen.resources if obj not in running and Attempt.of(status_of(obj)).count]
    if running:
        text = f"are made once more, with the same copy: {names(running)}; what is saved already adds nothing"
        yield Finding("runs under way", text)
    if tried_again:
        yield Finding("runs that wait for their next attempt", f"begin at once: {names(tried_again)}")
    if seen.filling:
        text = f"are filled from the same images through the same temporary claims: {names(seen.filling)}"
        yield Finding("claims that are being filled", text)


def _left(seen: Seen) -> Iterator[Finding]:
    if any(condition(status_of(obj), kind) for obj in seen.resources for kind in (HEALTHY, MAINTAINED)):
        text = "stay as they are now, and nobody changes them any more: silence alerts that ask for them"
        yield Finding("the conditions Healthy and Maintained", text)
    yield Finding(
        "definitions",
        "VolSync works with ours, too; with its own, fields that only we have go with the next write. Never delete "
        "them: every source goes with them",
    )


def _steps(seen: Seen) -> list[str]:
    look = "Look at each; with VolSync, `status` knows less of it:\nvolsync-py status -A --all"
    ours = [one for one in seen.operators if one.is_ours]
    if not ours:
        return [look]
    one = ours[0]
    if one.release:
        back = f"helm history {one.release} --namespace {one.namespace}\n"
        back += f"helm rollback {one.release} --namespace {one.namespace}"
        return [f"Go back to the revision that was VolSync's:\n{back}", look]
    gone = f"kubectl -n {one.namespace} delete deployment {one.name}"
    return [f"End this operator, then apply VolSync's own manifests, definitions included:\n{gone}", look]
