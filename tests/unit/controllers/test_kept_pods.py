"""What a store keeps of a mover's pod: the little of its spec that decisions read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from volsync_py.controllers.watches import informers
from volsync_py.kube.client import Client
from volsync_py.kube.resources import PODS, Resource


def kept(**spec: Any) -> Any:
    ignored = cast(Callable[[Resource, Exception], None], lambda resource, error: None)
    store = informers(cast(Client, None), None, ignored)[PODS].store
    meta = {"name": "p", "namespace": "ns", "uid": "p", "resourceVersion": "1"}
    store.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {}})
    found = store.get("ns", "p")
    assert found is not None
    return found["spec"]


def test_of_a_pods_containers_their_images_are_kept_and_which_are_side_cars() -> None:
    long = {"command": ["sleep"], "env": [{"name": "A", "value": "b"}]}
    first = [{"name": "proxy", "restartPolicy": "Always", **long}, {"name": "sleeps", **long}]
    spec = kept(nodeName="one", containers=[{"name": "restic", "image": "mover:1", **long}], initContainers=first)
    assert spec == {
        "nodeName": "one",
        "containers": [{"image": "mover:1"}],
        "initContainers": [{"name": "proxy", "restartPolicy": "Always"}, {"name": "sleeps", "restartPolicy": None}],
    }


def test_a_pod_without_init_containers_takes_no_room_for_them() -> None:
    assert kept(containers=[{"image": "mover:1"}], volumes=[{"name": "data"}]) == {"containers": [{"image": "mover:1"}]}
