"""The rights of a mover on OpenShift follow the namespace's annotation, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from tests.unit.movers.objects import source
from tests.unit.movers.seen import NOW, SETTINGS, decision_on
from volsync_py.core.actions import Patch
from volsync_py.movers.restic.objects import role_object

OPENSHIFT = evolve(SETTINGS, has_scc=True)


def rules(*, had: bool, privileged: bool, settings: Any = OPENSHIFT, uid: str = "u") -> Any:
    """Return what the Role's rules are changed to, None if they are left."""
    space = {"name": "ns", "annotations": {"volsync.backube/privileged-movers": str(privileged).lower()}}
    objects = source({"kind": "Namespace", "metadata": space})
    role = role_object(objects[0], "volsync-src-n", scc_name=OPENSHIFT.scc_name, privileged=had)
    role["metadata"]["uid"] = "role"
    role["metadata"]["ownerReferences"][0]["uid"] = uid
    actions = decision_on([*objects, role], NOW, settings).actions
    changes = [a.changes for a in actions if isinstance(a, Patch) and a.ref.kind == "Role"]
    return changes[0]["rules"] if changes else None


def test_rights_that_were_taken_back_are_taken_from_the_role() -> None:
    assert rules(had=True, privileged=False) == []


def test_rights_that_were_given_later_are_put_into_the_role() -> None:
    (rule,) = rules(had=False, privileged=True)
    assert rule["verbs"] == ["use"]


@pytest.mark.parametrize("same", [False, True])
def test_a_role_that_is_as_it_should_be_is_left(same: bool) -> None:
    assert rules(had=same, privileged=same) is None


def test_a_role_of_somebody_else_and_one_where_nothing_asks_for_it_are_left() -> None:
    assert rules(had=True, privileged=False, uid="other") is None
    assert rules(had=True, privileged=False, settings=SETTINGS) is None
