"""Which events of the cluster an observer reads: those of one object that is there, under one reason."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.unit.movers.seen import NOW, SETTINGS
from volsync_py.controllers.observe import Observer
from volsync_py.core.times import format_rfc3339
from volsync_py.core.view import Read, ReadKind
from volsync_py.kube.client import Client
from volsync_py.kube.resources import CORE_EVENTS, JOBS, PODS, Resource
from volsync_py.kube.store import Store

Object = dict[str, Any]


class Events:
    """An API server with events, and with field selectors."""

    def __init__(self, *events: Object) -> None:
        self.events = events

    def list_all(self, resource: Resource, namespace: str, *, field_selector: str) -> list[Object]:
        assert (resource, namespace) == (CORE_EVENTS, "ns")
        wanted = [one.partition("=") for one in field_selector.split(",")]
        return [e for e in self.events if all(_field(e, path) == value for path, _, value in wanted)]


def _field(obj: Any, path: str) -> Any:
    for key in path.split("."):
        obj = obj[key]
    return obj


def event(reason: str, message: str, uid: str = "this") -> Object:
    meta = {"name": message, "creationTimestamp": format_rfc3339(NOW)}
    return {"metadata": meta, "involvedObject": {"name": "n", "uid": uid}, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("kind", "resource", "reason"),
    [(ReadKind.FAILED_CREATE_EVENTS, JOBS, "FailedCreate"), (ReadKind.FAILED_BINDING_EVENTS, PODS, "FailedBinding")],
)
def test_events_are_those_of_the_object_that_is_there_and_of_one_reason(
    kind: ReadKind, resource: Resource, reason: str
) -> None:
    events = Events(event(reason, "refused"), event("Another", "other"), event(reason, "earlier", uid="before"))
    stores = {JOBS: Store(), PODS: Store()}
    observer = Observer(cast(Client, events), stores, SETTINGS)
    need = Read(kind, "n")

    def read() -> Any:
        return observer.reads("ns", 0.0, lambda: True).make([need])[need]

    assert read() == []
    meta = {"name": "n", "namespace": "ns", "uid": "this", "resourceVersion": "1"}
    stores[resource].put({"kind": resource.kind, "metadata": meta})
    assert read() == ["refused"]
