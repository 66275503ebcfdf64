"""What a cluster holds of VolSync and of this operator, as far as its reader may see it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from attrs import field, frozen

from volsync_py.commands.common.installation import Operator
from volsync_py.commands.common.spec_fields import other_mover
from volsync_py.core.objects import Object
from volsync_py.health.words import count, listed, plain

# Of so many resources that have one thing in common, the names are told; the others are counted.
_MOST_NAMES = 8


@frozen
class Seen:
    """What a cluster holds; what its reader may not read is empty, and `unread` says so."""

    # Of the server's clock.
    now: datetime
    sources: Sequence[Object] = ()
    destinations: Sequence[Object] = ()
    operators: Sequence[Operator] = ()
    # By the plural of their kind; what is not there is missing.
    definitions: Mapping[str, Object] = field(factory=dict)
    # Claims that name a destination as what they are filled from, and are not bound.
    filling: Sequence[Object] = ()
    services: Sequence[Object] = ()
    monitors: Sequence[Object] = ()
    populator: Object | None = None
    unread: Sequence[str] = ()

    @property
    def resources(self) -> list[Object]:
        """Sources and destinations."""
        return [*self.sources, *self.destinations]


def here(seen: Seen) -> Iterator[str]:
    """Return what is there of both operators."""
    for one in seen.operators:
        which = "this operator" if one.is_ours else "VolSync"
        of = [f"of the Helm release {one.release}"] if one.release else []
        of += [f"kept by {one.keeper}"] if one.keeper else []
        stopped = ["scaled to 0"] if not one.replicas else []
        yield ", ".join([f"{which}: Deployment {one.called} ({one.image})", *of, *stopped])
    if not seen.operators:
        yield "no operator: no Deployment of VolSync or of this operator is to be seen"
    if seen.definitions:
        whose = "this operator's" if all(map(is_ours, seen.definitions.values())) else "VolSync's"
        yield f"definitions: {whose}"
    restic = [obj for obj in seen.resources if not other_mover(obj)]
    sources = sum(obj["kind"] == "ReplicationSource" for obj in restic)
    others = len(seen.resources) - len(restic)
    also = f", and {count(others, 'resource')} of other movers" if others else ""
    yield f"of restic: {count(sources, 'source')}, {count(len(restic) - sources, 'destination')}{also}"
    for service in seen.services:
        yield f"metrics: Service {names([service])}" + "".join(
            f", ServiceMonitor {names([monitor])}" for monitor in seen.monitors
        )
    if seen.populator is not None:
        yield f"claims that name a destination are filled: VolumePopulator {plain(seen.populator['metadata']['name'])}"


def is_ours(definition: Object) -> bool:
    """Return whether a definition has our fields: VolSync's has no class of failure in its status."""
    status = _schema(definition, "status")
    return "attempt" in (status.get("properties") or {})


def _schema(definition: Object, part: str) -> Object:
    versions = (definition.get("spec") or {}).get("versions") or [{}]
    schema = (versions[0].get("schema") or {}).get("openAPIV3Schema") or {}
    found: Object = (schema.get("properties") or {}).get(part) or {}
    return found


def spec_schema(definition: Object) -> Object:
    """Return the schema of the specs of a definition."""
    return _schema(definition, "spec")


def theirs(seen: Seen) -> list[Operator]:
    """Return the Deployments of VolSync."""
    return [one for one in seen.operators if not one.is_ours]


def names(objects: Sequence[Object]) -> str:
    """Return who is meant, as namespace/name."""
    return listed([plain(f"{o['metadata'].get('namespace')}/{o['metadata']['name']}") for o in objects], _MOST_NAMES)
