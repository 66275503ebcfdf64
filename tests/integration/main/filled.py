"""Claims that are filled from a destination, in the development cluster."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hack.processes import wait_until
from tests.integration.world import World

SNAPSHOTS = "apis/snapshot.storage.k8s.io/v1"
EVENTS = "apis/events.k8s.io/v1"
IMAGE: dict[str, Any] = {"copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
LONG = "a-claim-whose-name-is-longer-than-any-label-can-be-" + "x" * 40


def populated(world: World, name: str, **spec: Any) -> None:
    """Create a claim that is to be filled from the destination `restore`."""
    source = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "restore"}
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "dataSourceRef": source}
    world.create("persistentvolumeclaims", {"metadata": {"name": name}, "spec": {**wanted, **spec}})


def told(world: World, name: str) -> Counter[str]:
    """Return the reasons of our events about a claim, each with the number of its event objects."""
    events = world.cluster.get(world.path("events", group=EVENTS))["items"]
    ours = (e for e in events if e["reason"].startswith("VolSyncPopulator") and e["regarding"]["name"] == name)
    return Counter(e["reason"].removeprefix("VolSyncPopulator") for e in ours)


def image_of(world: World) -> Any:
    name = world.status("replicationdestinations", "restore")["latestImage"]["name"]
    return world.cluster.get(world.path("volumesnapshots", name, SNAPSHOTS))


def settled(world: World, *claims: str) -> None:
    """Wait until claims are bound, and nothing is left of how they were filled."""
    wait_until("bound claims", lambda: all(world.claim_of(name)["spec"].get("volumeName") for name in claims))
    wait_until("the end of temporary claims", lambda: not any(map(is_temporary, world.names("persistentvolumeclaims"))))


def phase_of(world: World, pod: str) -> str:
    return str(world.cluster.get(world.path("pods", pod))["status"]["phase"])


def is_temporary(name: str) -> bool:
    return name.startswith("vs-prime-")


def done_by_the_manager(world: World) -> Counter[str]:
    """Return what the manager has asked for and got; what met a version that was just made comes twice."""
    asked = world.cluster.admin("requests")["requests"]
    ours = (r for r in asked if r["agent"].startswith("volsync-py") and r["code"] < 400)
    seen = (r for r in ours if r["verb"] != "watch" and r["resource"] != "leases")
    return Counter(f"{r['verb']} {r['resource']}" for r in seen)


def refused_changes(world: World) -> int:
    """Return how many changes of a snapshot met a version that the manager had not seen."""
    asked = world.cluster.admin("requests")["requests"]
    wanted = {"verb": "patch", "resource": "volumesnapshots", "code": 409}
    return sum(wanted.items() <= one.items() and one["agent"].startswith("volsync-py") for one in asked)
