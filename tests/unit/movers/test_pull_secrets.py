"""Secrets with which the mover's image is pulled: copied beside the mover, and nobody else's is touched."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve

from tests.unit.movers.objects import destination, source
from tests.unit.movers.seen import NOW, SETTINGS, answer, created, decision_on, status_of, words
from volsync_py.api.spec import parse
from volsync_py.core.actions import Create, Delete, Patch
from volsync_py.core.result import Decision
from volsync_py.core.view import Objects, Read, View
from volsync_py.movers.restic.decide import decide

ASKED = evolve(SETTINGS, pull_secrets=("registry", "second"))
NAME = f"volsync-pull-{crc32(b'registry'):08x}"
SECOND = f"volsync-pull-{crc32(b'second'):08x}"
JSON, OLD = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"
OURS = {"app.kubernetes.io/created-by": "volsync"}
MINE = {"apiVersion": "volsync.backube/v1alpha1", "kind": "ReplicationSource", "name": "n", "uid": "u"}
OTHERS = {"apiVersion": "volsync.backube/v1alpha1", "kind": "ReplicationDestination", "name": "m", "uid": "v"}


def original(name: str = "registry", text: str = "{}", **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "volsync-system", "labels": {"own": "label"}}
    data = {".dockerconfigjson": base64.b64encode(text.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": JSON, "data": data, **more}


def copied(*owners: dict[str, Any], labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Return a copy of `original()` as it is in the cluster."""
    meta: dict[str, Any] = {"name": NAME, "namespace": "ns", "uid": "copy", "resourceVersion": "5"}
    meta |= {"labels": OURS if labels is None else labels, "ownerReferences": list(owners)}
    return {**original(), "metadata": meta, **more}


def account(*named: str) -> dict[str, Any]:
    meta = {"name": "volsync-src-n", "namespace": "ns", "uid": "account", "resourceVersion": "3"}
    listed = [{"name": name} for name in named]
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "imagePullSecrets": listed}


def decided(*more: dict[str, Any], settings: Any = ASKED, **restic: Any) -> Decision:
    repository = source()[2]
    return decision_on(source(repository, *copy.deepcopy(more), **restic), NOW, settings)


def written(decision: Decision) -> list[Any]:
    """Return what is done to Secrets."""
    return [a for a in decision.actions if isinstance(a, Create | Patch | Delete) and kind_of(a) == "Secret"]


def kind_of(action: Create | Patch | Delete) -> str:
    return str(action.object["kind"]) if isinstance(action, Create) else action.ref.kind


def test_where_nobody_asks_for_it_nothing_is_copied_named_or_read() -> None:
    decision = decided(original(), settings=SETTINGS)
    assert written(decision) == []
    assert "imagePullSecrets" not in created(decision, "ServiceAccount")


def test_an_original_is_copied_before_the_job_is_made() -> None:
    decision = decided(original())
    found = created(decision, "Secret")
    assert found["metadata"] == {"name": NAME, "namespace": "ns", "labels": OURS, "ownerReferences": [MINE]}
    assert (found["type"], found["data"]) == (JSON, original()["data"])
    told = words(decision)
    assert told.index(f"create Secret/{NAME}") < told.index("create Job/volsync-src-n")
    assert told.index("create ServiceAccount/volsync-src-n") < told.index("create Job/volsync-src-n")


def test_the_account_names_all_copies_also_those_whose_original_is_missing() -> None:
    decision = decided(original("second"))
    assert [a.object["metadata"]["name"] for a in written(decision)] == [SECOND]
    assert created(decision, "ServiceAccount")["imagePullSecrets"] == [{"name": NAME}, {"name": SECOND}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), (NAME, SECOND)),
        (("openshift",), ("openshift", NAME, SECOND)),
        ((SECOND, "openshift"), (SECOND, "openshift", NAME)),
        ((NAME, SECOND), None),
    ],
)
def test_an_account_is_told_of_what_it_lacks_and_keeps_the_others(before: Any, after: Any) -> None:
    changes = [a for a in decided(account(*before)).actions if isinstance(a, Patch) and a.ref.kind == "ServiceAccount"]
    if after is None:
        assert changes == []
        return
    (change,) = changes
    assert change.changes["imagePullSecrets"] == [{"name": name} for name in after]
    assert change.changes["metadata"] == {"resourceVersion": "3"}


def test_a_copy_that_is_as_its_original_costs_no_write() -> None:
    assert written(decided(original(), copied(MINE), account(NAME, SECOND))) == []


def test_a_copy_follows_its_original() -> None:
    stale = copied(MINE, data={".dockerconfigjson": "b2xk", "more": "bW9yZQ=="})
    (change,) = written(decided(original(), stale))
    assert change.changes == {"data": {**original()["data"], "more": None}, "metadata": {"resourceVersion": "5"}}
    assert change.uid == "copy"


def test_two_resources_of_a_namespace_own_one_copy_together() -> None:
    (change,) = written(decided(original(), copied(OTHERS)))
    # With the version that was read: the list is written as a whole.
    assert change.changes == {"metadata": {"ownerReferences": [OTHERS, MINE], "resourceVersion": "5"}}


def test_a_copy_whose_original_has_another_type_is_made_anew_for_all_its_owners() -> None:
    gone, made = written(decided(original(), copied(OTHERS, type=OLD, data={".dockercfg": "e30="})))
    assert (gone.ref.name, gone.uid) == (NAME, "copy")
    assert made.object["metadata"]["ownerReferences"] == [OTHERS, MINE]
    assert (made.object["type"], made.object["data"]) == (JSON, original()["data"])


def test_a_copy_whose_original_is_missing_stays_as_it_is() -> None:
    assert written(decided(copied(MINE, data={"old": "b2xk"}))) == []


FOREIGN = {
    "without our label": copied(MINE, labels={}),
    "with another maker": copied(MINE, labels={"app.kubernetes.io/created-by": "me"}),
    "that nobody owns": copied(),
    "that somebody else owns": copied({**MINE, "apiVersion": "external-secrets.io/v1"}),
    "that somebody else owns as well": copied(MINE, {**OTHERS, "apiVersion": "v1"}),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
def test_somebody_elses_secret_under_that_name_is_not_touched(foreign: dict[str, Any]) -> None:
    decision = decided(original(), foreign)
    assert words(decision) == ["status"]
    conditions = {c["type"]: c for c in status_of(decision)["conditions"]}
    assert conditions["Synchronizing"]["reason"] == "Error"
    assert conditions["Healthy"]["reason"] == "ObjectInTheWay"
    assert f"Secret/{NAME}" in conditions["Healthy"]["message"]


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
def test_it_is_in_nobodys_way_as_long_as_there_is_nothing_to_copy(foreign: dict[str, Any]) -> None:
    decision = decided(foreign)
    assert written(decision) == []
    assert created(decision, "Job")


def test_for_an_account_of_the_users_nothing_is_copied() -> None:
    theirs = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "theirs", "namespace": "ns"}}
    decision = decided(original(), theirs, moverServiceAccount="theirs")
    assert written(decision) == []
    assert created(decision, "Job")


def test_a_restore_has_its_copies_too() -> None:
    decision = decision_on(destination(original()), NOW, ASKED)
    assert created(decision, "Secret")["metadata"]["ownerReferences"][0]["kind"] == "ReplicationDestination"


def test_each_write_says_what_grants_it() -> None:
    states: tuple[list[dict[str, Any]], ...] = ([], [copied(OTHERS)], [copied(MINE, type=OLD)], [account()])
    actions = [a for state in states for a in decided(original(), *state).actions]
    asked = [a for a in actions if isinstance(a, Create | Patch | Delete) and a.rights]
    told = {(type(a).__name__, kind_of(a)) for a in asked}
    assert told == {("Create", "Secret"), ("Patch", "Secret"), ("Delete", "Secret"), ("Patch", "ServiceAccount")}
    assert {a.rights for a in asked} == {"manifests/overlays/pull-secrets"}


def test_all_of_it_is_read_in_the_round_of_the_other_reads() -> None:
    objects = [*source(), original()]
    rounds: list[list[str]] = []

    def read(reads: Iterable[Read]) -> dict[Read, Any]:
        rounds.append([f"{one.kind} {one.name}".rstrip() for one in reads])
        return {one: answer(one, objects, replication) for one in reads}

    replication = parse(objects[0], ZoneInfo("UTC"))
    view = View(now=NOW, settings=ASKED, objects=Objects.of("ns", [objects[1]]))
    decision = decide(replication, view, read)
    copies = ["PullSecret registry", "PullSecret second", f"PullSecretCopy {NAME}", f"PullSecretCopy {SECOND}"]
    assert sorted(rounds[0]) == sorted(["Secret repository", "Pods", *copies])
    # Nor is a copy read, or written, once more by who holds the lock and decides again.
    assert written(decision) == []
    assert len(written(decide(replication, view, read, held=decision.lock))) == 1
