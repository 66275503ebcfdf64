"""What the change from VolSync to this operator means for a cluster, touch point by touch point. Pure.

The page for people is docs/takeover.md; here is only what applies to what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from volsync_py.commands.common.both_operators import Seen, here, is_ours, names, theirs
from volsync_py.commands.common.installation import release_of
from volsync_py.commands.common.spec_fields import OTHER_MOVERS, other_mover, unknown_to_schema
from volsync_py.commands.takeover.changeover import Changeover, Finding, unread
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.core.stored_times import time_in
from volsync_py.health.state import State, health_of
from volsync_py.health.words import count, plain

# The name that alerts ask for, and that ours has whatever the release is called.
SCRAPE_JOB = "volsync-metrics"
_APPLY = "volsync-py manifests --image REGISTRY/volsync-py:TAG | kubectl apply --server-side --force-conflicts -f -"


def going_over(seen: Seen, schemas: Mapping[str, Object]) -> Changeover:
    """Return what is told before the change; `schemas` are of our definitions' specs, by kind."""
    touched = [
        *unread(seen.unread),
        *_operators(seen),
        *_other_movers(seen),
        *_pruned(seen, schemas),
        *_under_way(seen),
        *_zones(seen),
        *_scraping(seen),
        *_definitions(seen),
        *_unwell(seen),
    ]
    return Changeover.of(list(here(seen)), touched, _steps(seen), _instead(seen))


def _operators(seen: Seen) -> Iterator[Finding]:
    running = [one for one in seen.operators if one.replicas]
    if len(running) > 1:
        listed = ", ".join(one.called for one in running)
        yield Finding(
            "two operators at once",
            f"{listed} run; in different namespaces nothing keeps them from serving the same resources",
            "leave one of them: "
            + " or ".join(f"kubectl -n {one.namespace} scale deployment {one.name} --replicas=0" for one in running),
        )
    for one in theirs(seen):
        if one.by_catalogue:
            yield Finding(
                "the operator's catalogue",
                f"the Deployment {one.called} is made again by the operator lifecycle manager",
                "delete its Subscription and its ClusterServiceVersion; definitions and resources stay",
            )
        elif one.keeper:
            yield Finding("GitOps", f"{one.keeper} keeps the Deployment {one.called}: make the change where it is kept")


def _other_movers(seen: Seen) -> Iterator[Finding]:
    for mover in OTHER_MOVERS:
        using = [obj for obj in seen.resources if other_mover(obj) == mover]
        if using:
            yield Finding(
                f"the mover {mover}",
                f"{count(len(using), 'resource')} that nobody serves after the change: {names(using)}",
                "back the volumes up with restic instead, or delete these resources; what they wrote stays",
            )


def _pruned(seen: Seen, schemas: Mapping[str, Object]) -> Iterator[Finding]:
    using: dict[str, list[Object]] = {}
    for obj in seen.resources:
        schema = schemas.get(str(obj["kind"]))
        for path in sorted(set(unknown_to_schema(obj.get("spec") or {}, schema))) if schema else ():
            using.setdefault(path, []).append(obj)
    for path, objects in using.items():
        yield Finding(
            f"spec.{plain(path)}",
            f"is no field of our definitions, so it goes with the next write: {names(objects)}",
            "take it out where the resources are kept",
        )


def _under_way(seen: Seen) -> Iterator[Finding]:
    running = [obj for obj in seen.resources if time_in(status_of(obj), "lastSyncStartTime") is not None]
    sources = [obj for obj in running if obj["kind"] == "ReplicationSource"]
    restores = [obj for obj in running if obj["kind"] != "ReplicationSource"]
    if sources:
        yield Finding("backups under way", f"are gone on with, undisturbed: {names(sources)}")
    if restores:
        text = f"come to their end, and are made once more before their images are published: {names(restores)}"
        yield Finding("restores under way", text)
    if seen.filling:
        text = f"are filled from the same images through the same temporary claims: {names(seen.filling)}"
        yield Finding("claims that are being filled", text)
    paused = [obj for obj in seen.resources if (obj.get("spec") or {}).get("paused") is True]
    if paused:
        yield Finding("paused", f"stay so: {names(paused)}")


def _zones(seen: Seen) -> Iterator[Finding]:
    for one in theirs(seen):
        bare = [obj for obj in seen.resources if _has_bare_schedule(obj)]
        if one.zone and bare:
            where = f"the file that is mounted at {one.zone}" if one.zone.startswith("/") else one.zone
            text = (
                f"{count(len(bare), 'schedule')} without a zone of {'its' if len(bare) == 1 else 'their'} own run by "
            )
            yield Finding("the zone of schedules", f"{text}{where} of the Deployment: keep that, ours reads it, too")


def _has_bare_schedule(obj: Object) -> bool:
    trigger = (obj.get("spec") or {}).get("trigger") or {}
    schedule = trigger.get("schedule") if isinstance(trigger, dict) else None
    return isinstance(schedule, str) and "TZ=" not in schedule and not trigger.get("timeZone")


def _scraping(seen: Seen) -> Iterator[Finding]:
    jobs = {str(service["metadata"]["name"]) for service in seen.services}
    for monitor in seen.monitors:
        label = (monitor.get("spec") or {}).get("jobLabel")
        jobs |= {str(labels_of(service)[label]) for service in seen.services if label in labels_of(service)}
    other = sorted(plain(job) for job in jobs - {SCRAPE_JOB})
    if other:
        text = f"{' and '.join(other)} becomes {SCRAPE_JOB}: change alerts and dashboards that ask for the old name"
        yield Finding("the scrape job", text)


def _definitions(seen: Seen) -> Iterator[Finding]:
    if seen.definitions and not all(map(is_ours, seen.definitions.values())):
        text = (
            "ours replace VolSync's in place, and change no object; whoever applies VolSync's again takes fields away"
        )
        yield Finding("definitions", text)


def _unwell(seen: Seen) -> Iterator[Finding]:
    failing = [
        obj for obj in seen.resources if not other_mover(obj) and health_of(obj, seen.now).state is State.FAILING
    ]
    if failing:
        text = f"already, with VolSync: {names(failing)}; do not take the change for the cause"
        yield Finding("failing", text)


def _instead(seen: Seen) -> str:
    """Return what is said where no VolSync runs, "" where one does."""
    if theirs(seen):
        return ""
    if seen.operators:
        return "no VolSync to switch from: this operator serves already"
    return "no VolSync to switch from: install this operator"


def _steps(seen: Seen) -> list[str]:
    present = theirs(seen)
    look = "See that all is well; schedules go on with their next slot:\nvolsync-py status -A"
    if not present:
        if any(one.is_ours for one in seen.operators):
            return [look]
        return [f"Install this operator:\nkubectl create namespace volsync-system\n{_APPLY}", look]
    one = present[0]
    if not one.release:
        gone = f"kubectl -n {one.namespace} delete deployment {one.name}"
        return [f"Exchange the operator; movers go on without a manager:\n{gone}\n{_APPLY}", look]
    take = any(release_of(definition) != one.release for definition in seen.definitions.values())
    end = "" if one.elects_leader else f"\nkubectl -n {one.namespace} scale deployment {one.name} --replicas=0"
    upgrade = (
        f'helm upgrade {one.release} "$(volsync-py chart)" --namespace {one.namespace} --reset-then-reuse-values '
        "--set image.repository=REGISTRY/volsync-py --set image.tag= --set image.image= --set restic=null"
    )
    return [f"Exchange the chart and the image:{end}\n{upgrade}{' --take-ownership' if take else ''}", look]
