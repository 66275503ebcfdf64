"""Volumes that are backed up into one repository: what is said of each of their sources."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.commands.resources import NOW, WRONG_PASSWORD, destination, source
from volsync_py.commands.overview.one_source import page
from volsync_py.health.sharing import health_among, healths
from volsync_py.health.state import State

SHARED, FINE = State.SHARED, State.FINE


def into(secret: str = "one", **restic: str) -> dict[str, Any]:
    return {"restic": {"repository": secret, "copyMethod": "Snapshot", **restic}}


def known_as(repository: str) -> dict[str, Any]:
    return {"restic": {"repositoryHash": repository}}


TABLE: dict[str, tuple[list[dict[str, Any]], list[State]]] = {
    "two volumes by one Secret": ([source("a", spec=into()), source("b", spec=into())], [SHARED, SHARED]),
    "by two Secrets that lead to one place": (
        [source("a", spec=into("x"), **known_as("7a")), source("b", "office", into("y"), **known_as("7a"))],
        [SHARED, SHARED],
    ),
    "Secrets of two namespaces": ([source("a", spec=into()), source("a", "office", into())], [FINE, FINE]),
    "one Secret that led to two places": (
        [source("a", spec=into(), **known_as("7a")), source("b", spec=into(), **known_as("7b"))],
        [FINE, FINE],
    ),
    "a host name each": ([source("a", spec=into(host="a")), source("b", spec=into(host="b"))], [FINE, FINE]),
    "a host name that is the usual one": (
        [source("a", spec=into(host="volsync")), source("b", spec=into())],
        [SHARED, SHARED],
    ),
    "one volume, twice": (
        [source("a", spec=into()), source("b", spec={**into(), "sourcePVC": "a"})],
        [FINE, FINE],
    ),
    "one of them is paused, while its data move": (
        [source("a", spec={**into(), "paused": True}), source("b", spec=into())],
        [State.PAUSED, FINE],
    ),
    "one that fails says why": (
        [source("a", spec=into(), conditions=[WRONG_PASSWORD]), source("b", spec=into())],
        [State.FAILING, SHARED],
    ),
    "a source and its destination": (
        [source("a", spec=into()), {**destination("b"), "spec": into()}],
        [FINE, FINE],
    ),
    "other movers have no repository": (
        [source("a", spec={"restic": None, "rsync": {}}), source("b", spec={"restic": None, "rclone": {}})],
        [FINE, FINE],
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_volumes_that_share_a_repository_are_told_each_among_all(case: str) -> None:
    objects, states = TABLE[case]
    found = healths(objects, NOW)
    assert [one.state for one in found] == states
    assert [health_among(obj, objects, NOW) for obj in objects] == found


def test_it_is_said_who_the_others_are_and_what_to_do() -> None:
    objects = [source(name, spec=into()) for name in "edcba"]
    told = health_among(objects[0], objects, NOW)
    assert told.needs_you
    assert told.cause.startswith("media/a, media/b, media/c and 1 more back other volumes up into its repository")
    text = "\n".join(page(objects[0], told, NOW, 200))
    assert "what is wrong   media/a, media/b, media/c and 1 more back other volumes up" in text
    assert "what to do      give each volume its own path in RESTIC_REPOSITORY" in text
