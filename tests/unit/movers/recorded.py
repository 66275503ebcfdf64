"""What VolSync's own manager leaves, state by state, as objects that were stored; and what a cluster makes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import BACKED_UP, RESTORED
from volsync_py.contract.report import Report
from volsync_py.core.times import format_rfc3339, parse_rfc3339

FOLDER = Path(__file__).parents[1] / "golden" / "volsync-objects"
STATES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
CUSTOM = ("ReplicationSource", "ReplicationDestination")
CLEANUP = "volsync.backube/cleanup"
# What a mover of VolSync's prints.
LOG = "using parent snapshot fe230e2d\nsnapshot 23177ce7 saved\nRestic completed in 2s"
_TIMES = ("lastTransitionTime", "creationTimestamp", "lastSyncStartTime", "lastSyncTime", "finishedAt")
# Steps of a run, and retries of it; more is a run that does not end.
_MOST_STEPS = 12


def load(name: str) -> tuple[list[dict[str, Any]], datetime]:
    """Return the objects, and a time a few seconds after all that they tell of."""
    objects = copy.deepcopy(_stored(name))
    return objects, max(map(parse_rfc3339, times_in(objects))) + timedelta(seconds=12)


@cache
def _stored(name: str) -> list[dict[str, Any]]:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    # What is told of a state is not of it.
    return [o for o in yaml.load_all(text, yaml.CSafeLoader) if o and o["kind"] != "Event"]


def times_in(value: Any) -> Iterator[str]:
    """Iterate over the times at which something was made, or has changed."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _TIMES and isinstance(inner, str):
                yield inner
            yield from times_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from times_in(inner)


def left_by_volsync(name: str) -> Simulation:
    """Return a cluster in that state."""
    return Simulation(*load(name))


def uids(one: Simulation, *kinds: str, lasting: bool = False) -> dict[str, str]:
    """Return the UIDs of objects by kind and name; `lasting` leaves those out that go with their run."""
    found = (o for o in one.objects if o["kind"] in kinds)
    return {
        f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["uid"]
        for o in found
        if not (lasting and CLEANUP in (o["metadata"].get("labels") or {}))
    }


def wait(one: Simulation) -> None:
    """Let happen what is waited for: snapshots get ready, claims get their volumes, the mover ends well."""
    for obj in one.objects:
        if obj["kind"] == "VolumeSnapshot":
            obj["status"]["readyToUse"] = True
        elif obj["kind"] == "PersistentVolumeClaim" and obj["status"]["phase"] == "Pending":
            obj["spec"]["volumeName"], obj["status"]["phase"] = "pv", "Bound"
    job = one.job()
    if job is None:
        one.now += timedelta(seconds=one.delay or 1)
    else:
        ours = "volsync-py/run" in (job["metadata"].get("annotations") or {})
        proof = BACKED_UP if one.resource["kind"] == "ReplicationSource" else RESTORED
        end(one, proof if ours else None)


def end(one: Simulation, report: Report | None = None, *, code: int = 0) -> None:
    """End the mover: one of ours with its report, one of VolSync's with a log."""
    job = one.job()
    assert job is not None
    one.now += timedelta(seconds=5)
    kind, count, phase = ("Failed", "failed", "Failed") if code else ("Complete", "succeeded", "Succeeded")
    ended = {"type": kind, "status": "True", "lastTransitionTime": format_rfc3339(one.now)}
    job.setdefault("status", {}).update({"active": None, count: 8 if code else 1, "conditions": [ended]})
    message = {"message": report.to_json()} if report is not None else {}
    state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", **message}}
    status = {"phase": phase, "containerStatuses": [{"name": "restic", "state": state}]}
    _pod(one, job).update({"status": status, "log": "" if report is not None else LOG})


def _pod(one: Simulation, job: dict[str, Any]) -> dict[str, Any]:
    """Return the pod of a Job that has not ended, made if there is none."""
    name, space = job["metadata"]["name"], job["metadata"]["namespace"]
    pods = (o for o in one.objects if o["kind"] == "Pod" and o["metadata"]["labels"]["job-name"] == name)
    found = next((p for p in pods if p["status"]["phase"] in ("Pending", "Running")), None)
    if found is not None:
        return found
    meta = {"name": f"{name}-abcde", "namespace": space, "labels": {"job-name": name}}
    meta["creationTimestamp"] = format_rfc3339(one.now)
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}}
    made["status"] = {"phase": "Running"}
    one.objects.append(made)
    return made


def finish(one: Simulation) -> None:
    """Have our manager end the run that is under way."""
    for _ in range(_MOST_STEPS):
        one.settle()
        if not one.status.get("lastSyncStartTime"):
            # The ended Job was still to be seen.
            one.now += timedelta(seconds=16)
            one.settle()
            return
        wait(one)
    raise AssertionError(f"the run does not end: {one.status}")
