"""What a user mounts into a mover, and where a mover goes because of its volumes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.movers.objects import claim, container_of, destination, pod_of, secret, source
from tests.unit.movers.seen import decision_on, status_of, words

# ---- moverVolumes


def test_mover_volumes_of_every_kind_are_mounted_in_their_order() -> None:
    of_secret = {"secretName": "s", "items": [{"key": "k", "path": "p", "mode": 256}], "defaultMode": 288}
    of_nfs = {"server": "10.0.0.1", "path": "/export"}
    volumes = [
        {"mountPath": "keys/a", "volumeSource": {"secret": of_secret}},
        {"mountPath": "export", "volumeSource": {"nfs": of_nfs}},
        {"mountPath": "/repo", "volumeSource": {"persistentVolumeClaim": {"claimName": "other", "readOnly": True}}},
    ]
    objects = [*source(claim("other"), moverVolumes=volumes), secret("s")]
    assert [o["kind"] for o in objects].count("Secret") == 2
    assert pod_of(objects)["volumes"][3:] == [
        {"name": "u-keys-a", "secret": of_secret},
        {"name": "u-export", "nfs": of_nfs},
        {"name": "u--repo", "persistentVolumeClaim": {"claimName": "other", "readOnly": True}},
    ]
    assert container_of(objects)["volumeMounts"][3:] == [
        {"name": "u-keys-a", "mountPath": "/mnt/keys/a"},
        {"name": "u-export", "mountPath": "/mnt/export"},
        {"name": "u--repo", "mountPath": "/mnt//repo"},
    ]


@pytest.mark.parametrize(
    ("source_", "text"),
    [
        ({"persistentVolumeClaim": {"claimName": "gone"}}, "PersistentVolumeClaim 'gone' not found"),
        ({"secret": {"secretName": "gone"}}, "Secret 'gone' not found"),
    ],
)
def test_what_a_mover_volume_names_must_be_there(source_: dict[str, Any], text: str) -> None:
    there = {"mountPath": "there", "volumeSource": {"secret": {"secretName": "repository"}}}
    decision = decision_on(source(moverVolumes=[there, {"mountPath": "a", "volumeSource": source_}]))
    assert words(decision) == ["status"]
    assert text in str(status_of(decision)["conditions"])


# ---- beside the pod that uses the volume


def pod(name: str, phase: str, node: str, **labels: str) -> dict[str, Any]:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    spec = {"nodeName": node, "volumes": volumes, "tolerations": [{"key": name}]}
    meta = {"name": name, "namespace": "ns", "labels": labels}
    return {"kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": phase}}


def node(name: str, hostname: str | None) -> dict[str, Any]:
    labels = {} if hostname is None else {"kubernetes.io/hostname": hostname}
    return {"kind": "Node", "metadata": {"name": name, "labels": labels}}


NODES = [node("one", "host-one"), node("two", "host-two")]
OURS = {"app.kubernetes.io/created-by": "volsync"}


@pytest.mark.parametrize(
    ("pods", "modes", "hostname", "toleration"),
    [
        ([], ["ReadWriteOnce"], None, None),
        ([pod("a", "Running", "one")], ["ReadWriteMany"], None, None),
        ([pod("a", "Pending", "one")], ["ReadWriteOnce"], "host-one", "a"),
        ([pod("a", "Pending", "one"), pod("b", "Running", "two")], ["ReadWriteOnce"], "host-two", "b"),
        ([pod("a", "Running", "one"), pod("b", "Pending", "two")], ["ReadWriteOnce"], "host-one", "a"),
        ([pod("a", "Succeeded", "one")], ["ReadWriteOnce"], None, None),
        ([pod("a", "Running", "one", **OURS)], ["ReadWriteOnce"], None, None),
        # Differs from VolSync, which looks for a node without a name.
        ([pod("a", "Pending", "")], ["ReadWriteOnce"], None, None),
    ],
)
@pytest.mark.parametrize("make", [source, destination])
def test_a_mover_goes_where_the_volume_is(
    make: Any, pods: list[Any], modes: list[str], hostname: str | None, toleration: str | None
) -> None:
    objects = [*make(), *pods, *NODES]
    objects[1]["status"]["accessModes"] = modes
    spec = pod_of(objects)
    assert spec.get("nodeSelector") == (None if hostname is None else {"kubernetes.io/hostname": hostname})
    assert spec.get("tolerations") == (None if toleration is None else [{"key": toleration}])


@pytest.mark.parametrize("nodes", [[], [node("one", None)]])
def test_a_node_without_a_host_name_is_an_error(nodes: list[dict[str, Any]]) -> None:
    decision = decision_on([*source(), pod("a", "Running", "one"), *nodes])
    assert words(decision) == ["status"]
    assert "unable to find kubernetes.io/hostname label from node" in str(status_of(decision)["conditions"])
