"""Decisions on plain objects: what is in the cluster goes in, the actions come out, told in short words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from attrs import evolve

from volsync_py.api.spec import Replication, parse
from volsync_py.controllers.observe import messages
from volsync_py.core.actions import Action, Create, Delete, Event, Patch, PatchStatus
from volsync_py.core.result import Decision
from volsync_py.core.view import Kind, MoverSettings, Objects, Read, ReadKind, View
from volsync_py.movers.restic.decide import decide

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTINGS = MoverSettings(image="mover:1", cluster_id="cluster", pull_secrets_namespace="volsync-system")
_KINDS = {kind.value for kind in Kind}
REASONS = {
    ReadKind.FAILED_CREATE_EVENTS: ("Job", "FailedCreate"),
    ReadKind.FAILED_BINDING_EVENTS: ("Pod", "FailedBinding"),
}
_CUSTOM = ("ReplicationSource", "ReplicationDestination")


def decision_on(
    objects: Iterable[dict[str, Any]], now: datetime = NOW, settings: MoverSettings = SETTINGS, *, slot: bool = True
) -> Decision:
    """Decide about the first custom resource among the objects."""
    listed = list(objects)
    resource = next(o for o in listed if o["kind"] in _CUSTOM)
    replication = parse(resource, ZoneInfo("UTC"))
    nothing: dict[str, Any] = {"metadata": {}}
    namespace = next((o for o in listed if o["kind"] == "Namespace"), nothing)
    view = View(
        now=now,
        settings=settings,
        objects=Objects.of(
            resource["metadata"]["namespace"], (o for o in listed if o["kind"] in _KINDS and not foreign(o))
        ),
        namespace_labels=namespace["metadata"].get("labels") or {},
        namespace_annotations=namespace["metadata"].get("annotations") or {},
    )

    def read(needs: Iterable[Read]) -> dict[Read, Any]:
        return {need: slot if need.kind is ReadKind.SLOT else answer(need, listed, replication) for need in needs}

    decision = decide(replication, view, read)
    # What is done before the lock is held has not been done: all of it is decided.
    decision = decide(replication, view, read, held=decision.lock) if decision.lock else decision
    return evolve(decision, actions=(*decision.actions, *decision.beside), beside=())


def foreign(obj: dict[str, Any]) -> bool:
    """Return whether a pod is somebody else's: no store holds it."""
    return obj["kind"] == "Pod" and "job-name" not in (obj["metadata"].get("labels") or {})


def answer(need: Read, objects: list[dict[str, Any]], replication: Replication) -> Any:
    """Answer a read from the objects."""
    if need.kind is ReadKind.PULL_SECRET:
        objects = [o for o in objects if o["metadata"].get("namespace") == SETTINGS.pull_secrets_namespace]
    named = {
        ReadKind.SECRET: "Secret",
        ReadKind.PULL_SECRET: "Secret",
        ReadKind.PULL_SECRET_COPY: "Secret",
        ReadKind.CONFIG_MAP: "ConfigMap",
        ReadKind.SERVICE_ACCOUNT: "ServiceAccount",
        ReadKind.NODE: "Node",
        ReadKind.STORAGE_CLASS: "StorageClass",
    }
    if need.kind in named:
        found = (o for o in objects if o["kind"] == named[need.kind] and o["metadata"]["name"] == need.name)
        return next(found, None)
    if need.kind is ReadKind.PODS:
        return [o for o in objects if foreign(o)]
    if need.kind is ReadKind.JOBS_OF_REPOSITORY:
        label = "volsync-py/repository"
        jobs = (o for o in objects if o["kind"] == "Job")
        return [j for j in jobs if (j["metadata"].get("labels") or {}).get(label) == need.name]
    if need.kind is ReadKind.SOURCES_OF_CLAIM:
        sources = (o for o in objects if o["kind"] == "ReplicationSource")
        return [o for o in sources if o["spec"].get("sourcePVC") == need.name]
    if need.kind is ReadKind.POD:
        pods = (o for o in objects if o["kind"] == "Pod" and o["metadata"]["name"] == need.name)
        return next(pods, None)
    if need.kind in REASONS:
        kind, reason = REASONS[need.kind]
        told = next(o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, need.name))
        return messages((e for e in events_of(need.name, objects) if e["reason"] == reason), told["metadata"]["uid"])
    if need.kind is ReadKind.POD_EVENTS:
        return [o["message"] for o in events_of(need.name, objects)]
    if need.kind is ReadKind.POD_LOG:
        return next(
            (o.get("log", "") for o in objects if o["kind"] == "Pod" and o["metadata"]["name"] == need.name), ""
        )
    return []


def events_of(name: str, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events about what has that name, as a list has them."""
    events = (o for o in objects if o["kind"] == "Event" and o["involvedObject"]["name"] == name)
    return sorted(events, key=lambda o: str(o["metadata"]["name"]))


def words(decision: Decision) -> list[str]:
    """Tell the actions in short."""
    return [_word(action) for action in decision.actions]


def _word(action: Action) -> str:
    if isinstance(action, PatchStatus):
        return "status"
    if isinstance(action, Create):
        return f"create {action.object['kind']}/{action.object['metadata']['name']}"
    if isinstance(action, Patch):
        return f"patch {action.ref}"
    if isinstance(action, Delete):
        return f"delete {action.ref}"
    assert isinstance(action, Event)
    return f"event {action.reason}"


def status_of(decision: Decision) -> dict[str, Any]:
    """Return the changes of the status."""
    return next((a.changes for a in decision.actions if isinstance(a, PatchStatus)), {})


def created(decision: Decision, kind: str, name: str = "") -> dict[str, Any]:
    """Return the object of a kind, and of a name if one is given, that is created."""
    made = (a.object for a in decision.actions if isinstance(a, Create) and a.object["kind"] == kind)
    (found,) = (obj for obj in made if name in ("", obj["metadata"]["name"]))
    return found
