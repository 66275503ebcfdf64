"""Which resources an event calls for where they share a claim, or the claim is somebody's own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, cast

import pytest

from tests.unit.movers.objects import claim, source
from volsync_py.controllers.watches import connect, informers
from volsync_py.core.merge import merged
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Result
from volsync_py.kube.resources import PVCS, REPLICATION_SOURCES, Resource

Object = dict[str, Any]
OPERATOR = {"apiVersion": "postgres.example/v1", "kind": "Cluster", "name": "db", "uid": "c", "controller": True}


class Calls:
    """The sources that the watches of a manager call for."""

    def __init__(self) -> None:
        ignored = cast(Callable[[Resource, Exception], None], lambda resource, error: None)
        self._informers = informers(cast(Client, None), None, ignored)
        self._controller = Controller("tests", lambda request, enqueued_at: Result())
        self._versions = count(1)
        connect(self._informers, REPLICATION_SOURCES, self._controller)

    def of(self, resource: Resource, obj: Object, word: str = "MODIFIED") -> list[str]:
        """Return the names of the sources that an event calls for."""
        version = {"metadata": {"resourceVersion": str(next(self._versions))}}
        kind = {"apiVersion": resource.api_version, "kind": resource.kind}
        self._informers[resource].take({"type": word, "object": {**merged(obj, version), **kind}})
        found = []
        while len(self._controller.queue):
            request = self._controller.queue.get()
            assert request is not None
            self._controller.queue.done(request)
            found.append(request.name)
        return sorted(found)


def named(name: str, **restic: Any) -> Object:
    made: Object = source(copyMethod="Snapshot", **restic)[0]
    return merged(made, {"metadata": {"name": name, "uid": name, "generation": 1}})


@pytest.fixture
def calls() -> Calls:
    made = Calls()
    for name in ("a", "b"):
        made.of(REPLICATION_SOURCES, named(name), "ADDED")
    return made


@pytest.mark.parametrize("owners", [[], [OPERATOR]])
def test_the_word_of_a_claims_owner_calls_for_its_sources_whoever_controls_the_claim(
    calls: Calls, owners: list[Object]
) -> None:
    data = merged(claim("data"), {"metadata": {"uid": "d", "ownerReferences": owners}})
    uses = {"metadata": {"annotations": {"volsync.backube/use-copy-trigger": ""}}}
    assert calls.of(PVCS, data, "ADDED") == ["a", "b"]
    assert calls.of(PVCS, merged(data, uses)) == ["a", "b"]
    word = {"metadata": {"annotations": {"volsync.backube/copy-trigger": "T"}}}
    assert calls.of(PVCS, merged(merged(data, uses), word)) == ["a", "b"]


def test_a_source_that_goes_or_changes_its_mind_calls_for_the_others_of_its_claim(calls: Calls) -> None:
    other = merged(named("a"), {"metadata": {"generation": 2}, "spec": {"sourcePVC": "other"}})
    assert calls.of(REPLICATION_SOURCES, other) == ["a", "b"]
    assert calls.of(REPLICATION_SOURCES, other, "DELETED") == ["a"]
    assert calls.of(REPLICATION_SOURCES, named("a"), "ADDED") == ["a"]
    assert calls.of(REPLICATION_SOURCES, named("a"), "DELETED") == ["a", "b"]


def test_what_is_written_into_a_status_calls_for_no_other_source(calls: Calls) -> None:
    assert calls.of(REPLICATION_SOURCES, merged(named("a"), {"status": {"lastSyncDuration": "1s"}})) == ["a"]
