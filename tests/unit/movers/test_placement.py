"""A mover runs where the first of its volumes is that somebody else uses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.movers.objects import claim, pod_of, source


def user(name: str, node: str) -> list[dict[str, Any]]:
    """Return a pod that has a claim mounted, and its node."""
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": name}}
    spec = {"nodeName": node, "volumes": [volume], "tolerations": [{"key": node}]}
    meta = {"name": f"of-{name}", "namespace": "ns"}
    pod = {"kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": "Running"}}
    return [pod, {"kind": "Node", "metadata": {"name": node, "labels": {"kubernetes.io/hostname": node}}}]


def mounted(*names: str) -> list[dict[str, Any]]:
    return [{"mountPath": n, "volumeSource": {"persistentVolumeClaim": {"claimName": n}}} for n in names]


@pytest.mark.parametrize(
    ("method", "users", "node"),
    [
        ("Clone", [], None),
        ("Clone", [("data", "zero")], None),
        ("Clone", [("two", "b")], "b"),
        ("Clone", [("two", "b"), ("one", "a")], "a"),
        ("Direct", [("two", "b"), ("data", "zero")], "zero"),
        ("Direct", [("two", "b")], "b"),
    ],
)
def test_the_first_volume_in_use_decides(method: str, users: list[tuple[str, str]], node: str | None) -> None:
    using = [obj for one in users for obj in user(*one)]
    objects = source(claim("one"), claim("two"), *using, copyMethod=method, moverVolumes=mounted("one", "two"))
    pod = pod_of(objects)
    assert pod.get("nodeSelector") == (node and {"kubernetes.io/hostname": node})
    assert pod.get("tolerations") == (node and [{"key": node}])


def test_a_volume_that_many_nodes_may_mount_decides_nothing() -> None:
    shared = claim("one", accessModes=["ReadWriteMany"])
    objects = source(shared, *user("one", "a"), copyMethod="Clone", moverVolumes=mounted("one"))
    assert "nodeSelector" not in pod_of(objects)
