"""How copies of pull Secrets are read and written: once for all namespaces, and never over what was not read."""

from __future__ import annotations

from typing import Any, cast

import pytest
from attrs import evolve, field, frozen

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.test_guards import execute
from tests.unit.movers.objects import source
from tests.unit.movers.seen import SETTINGS
from volsync_py.controllers.observe import Observer
from volsync_py.controllers.refusals import REFUSALS, trouble_of
from volsync_py.controllers.rights import NotGranted
from volsync_py.core.actions import Create
from volsync_py.core.view import Read, ReadKind
from volsync_py.kube.client import Client
from volsync_py.kube.errors import AlreadyExists, Forbidden, NotFound
from volsync_py.kube.resources import Resource

Object = dict[str, Any]
ORIGINAL, COPY = Read(ReadKind.PULL_SECRET, "registry"), Read(ReadKind.PULL_SECRET_COPY, "volsync-pull-cda81d0a")


def secret(owner: str) -> Object:
    meta: Object = {"name": COPY.name, "namespace": "ns", "labels": {}, "ownerReferences": [{"uid": owner}]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"owner": owner}}


class Refusing(LateCluster):
    """A cluster whose API server forbids to create anything."""

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        raise Forbidden(403, "Forbidden", 'cannot create resource "secrets"')


def test_a_copy_that_somebody_else_has_just_made_is_decided_about_anew() -> None:
    cluster = LateCluster([*source(), secret("v")], [])
    with pytest.raises(AlreadyExists) as error:
        execute(cluster, Create(secret("u"), owner_uid=""))
    # No refusal, which is told and comes again after a minute: the pass comes again at once.
    assert not isinstance(error.value, REFUSALS)
    assert cluster.objects["Secret", COPY.name]["data"] == {"owner": "v"}


def test_a_missing_right_is_told_with_the_manifests_that_grant_it() -> None:
    with pytest.raises(NotGranted) as error:
        execute(Refusing(source(), []), Create(secret("u"), owner_uid="", rights="manifests/some"))
    told = trouble_of(error.value)
    assert told.reason == "Refused"
    assert 'cannot create resource "secrets"' in told.text
    assert "manifests/some" in told.text
    with pytest.raises(Forbidden):
        execute(Refusing(source(), []), Create(secret("u"), owner_uid=""))


@frozen
class Secrets:
    """A client that has no Secrets, or may read none, and notes what it is asked for."""

    refusal: Exception | None = None
    asked: list[str] = field(factory=list)

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        self.asked.append(f"{namespace}/{name}")
        raise self.refusal or NotFound(404, "NotFound", "it is not there")


def read(client: Secrets, *namespaces: str) -> list[Any]:
    """Make both reads in passes over resources of these namespaces that were called for at the same time."""
    observer = Observer(cast(Client, client), {}, evolve(SETTINGS, pull_secrets=("registry",)))
    passes = [observer.reads(namespace, 0.0, lambda: True) for namespace in namespaces]
    return [one.make([ORIGINAL, COPY])[ORIGINAL] for one in passes]


def test_an_original_is_the_managers_and_read_once_for_all_and_each_reads_its_own_copy() -> None:
    client = Secrets()
    assert read(client, "one", "one", "two") == [None, None, None]
    assert sorted(client.asked) == [
        f"one/{COPY.name}",
        f"one/{COPY.name}",
        f"two/{COPY.name}",
        "volsync-system/registry",
    ]


def test_where_an_original_may_not_be_read_the_manifests_are_named() -> None:
    with pytest.raises(NotGranted) as error:
        read(Secrets(Forbidden(403, "Forbidden", "no")), "one")
    assert error.value.rights == "manifests/overlays/pull-secrets"
