"""Many claims at once are filled from one destination, bound by the real volume controller; a real cluster only.

What a filled claim costs is in docs/populator.md: it is counted here, in the API server's audit log.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.cluster.lent import Cluster
from tests.cluster.machine import Machine, processes_of
from tests.cluster.test_audited_rights import MANAGER
from tests.cluster.tree import DESCRIBE, FILL, described
from volsync_py.kube.client import Client
from volsync_py.kube.resources import (
    JOBS,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
    Resource,
)

VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
IMAGE: dict[str, Any] = {"copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
# One binds a claim at once, the other when a pod that uses it has a node.
CLASSES = {"now": "csi-dir", "later": "csi-dir-wait"}
EACH = 25
# Describes every volume that a pod has.
DESCRIBE_ALL = f"""
import os
every = []
for name in sorted(os.listdir(".")):
    os.chdir(os.path.join("/volumes", name))
    exec({DESCRIBE!r})
    every.append(text)
with open("/dev/termination-log", "w") as file:
    file.write(json.dumps([len(every), sorted(set(every))]))
"""


def populated(cluster: Cluster, name: str, storage_class: str) -> None:
    """Create a claim that is to be filled from the destination `restore`."""
    source = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "restore"}
    size = {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": size, "storageClassName": storage_class}
    cluster.create(PVCS, {"metadata": {"name": name}, "spec": {**spec, "dataSourceRef": source}})


def reader(cluster: Cluster, name: str, claims: list[str]) -> None:
    """Create a Job whose pod tells what it finds in many claims."""
    container: dict[str, Any] = {"name": "main", "image": cluster.image, "imagePullPolicy": "IfNotPresent"}
    container |= {"command": ["python3", "-c", DESCRIBE_ALL], "workingDir": "/volumes"}
    container["volumeMounts"] = [{"name": one, "mountPath": f"/volumes/{one}"} for one in claims]
    volumes = [{"name": one, "persistentVolumeClaim": {"claimName": one}} for one in claims]
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    cluster.create(JOBS, {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}})


def read(cluster: Cluster, name: str) -> tuple[int, list[dict[str, list[Any]]]]:
    """Return how many volumes a pod has read, and everything different that it has found in them."""
    cluster.wait(f"the end of {name}", lambda: cluster.condition(JOBS, name, "Complete"))
    (pod,) = cluster.objects(PODS, f"job-name={name}")
    count, found = json.loads(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"])
    return count, [described(one) for one in found]


def ask_for_all(cluster: Cluster, prefix: str) -> list[str]:
    """Create all claims at once, and a pod for those of each class; return their names."""
    names = [f"{prefix}-{kind}-{number:02}" for kind in CLASSES for number in range(EACH)]
    for name in names:
        populated(cluster, name, CLASSES[name.split("-")[1]])
    for kind in CLASSES:
        reader(cluster, f"{prefix}-{kind}", [one for one in names if f"-{kind}-" in one])
    return names


def bound(cluster: Cluster, names: list[str]) -> dict[str, str]:
    """Return the volumes of those claims that are bound, by the claim's name."""
    claims = {c["metadata"]["name"]: c for c in cluster.objects(PVCS)}
    found = {name: claims[name] for name in names if claims[name]["status"].get("phase") == "Bound"}
    return {name: str(claim["spec"]["volumeName"]) for name, claim in found.items()}


def nothing_is_left(cluster: Cluster) -> bool:
    """Return whether temporary claims are gone, and the one image is its destination's alone, without a label."""
    images = cluster.objects(VOLUME_SNAPSHOTS)
    owners = [one["kind"] for image in images for one in image["metadata"]["ownerReferences"]]
    labels = [key for image in images for key in image["metadata"]["labels"]]
    is_as_before = (owners, labels) == (["ReplicationDestination"], ["app.kubernetes.io/created-by"])
    return is_as_before and not any(name.startswith("vs-prime-") for name in cluster.names(PVCS))


def asked(machine: Machine, cluster: Cluster, volumes: set[str]) -> Iterator[tuple[str, str, int]]:
    """Return verb, resource and answer of what the manager asked for about the namespace and these volumes."""
    for line in machine.audit():
        if MANAGER not in line or (cluster.namespace not in line and not any(one in line for one in volumes)):
            continue
        event = json.loads(line)
        if event["stage"] == "ResponseComplete" and event["verb"] != "watch":
            yield event["verb"], event["objectRef"]["resource"], event["responseStatus"]["code"]


def manager(client: Client) -> dict[str, Any]:
    """Return the manager's pod."""
    pods = client.list_all(PODS, "volsync-system", label_selector="control-plane=volsync-controller")
    (pod,) = (one for one in pods if not one["metadata"].get("deletionTimestamp"))
    return pod


def test_many_claims_at_once_are_filled_and_what_each_costs_is_small_and_a_killed_manager_changes_nothing(
    cluster: Cluster, client: Client, machine: Machine
) -> None:
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    wanted = described(cluster.run("describe", "data", DESCRIBE))
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Snapshot")
    cluster.replicated(REPLICATION_SOURCES, "backup")
    cluster.replicate(REPLICATION_DESTINATIONS, "restore", **IMAGE)
    cluster.replicated(REPLICATION_DESTINATIONS, "restore")
    cluster.wait("the image alone", lambda: nothing_is_left(cluster))
    before = Counter(asked(machine, cluster, set()))

    names = ask_for_all(cluster, "first")
    for kind in CLASSES:
        assert read(cluster, f"first-{kind}") == (EACH, [wanted])
    volumes = bound(cluster, names)
    assert len(set(volumes.values())) == len(names)
    cluster.wait("the end of what was made for them", lambda: nothing_is_left(cluster))
    costs = Counter(asked(machine, cluster, set(volumes.values()))) - before
    # As docs/populator.md has it; what the CSI driver's side-cars change meets a version of ours now and then.
    assert costs[("patch", "volumesnapshots", 200)] == 3 * len(names)
    assert costs[("patch", "volumesnapshots", 409)] <= len(names)

    names = ask_for_all(cluster, "second")
    cluster.wait("the first of them", lambda: bound(cluster, names))
    for process in processes_of(manager(client)["metadata"]["uid"]):
        os.kill(process, signal.SIGKILL)
    assert len(bound(cluster, names)) < len(names)
    for kind in CLASSES:
        assert read(cluster, f"second-{kind}") == (EACH, [wanted])
    assert len(set(bound(cluster, names).values())) == len(names)
    cluster.wait("the end of what was made for them", lambda: nothing_is_left(cluster))
    restarts = manager(client)["status"]["containerStatuses"][0]["restartCount"]
    assert restarts >= 1
