"""Which resources have the repository of a Secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.commands.resources import destination, source
from volsync_py.commands.common.chosen import of_repository


def one(name: str, secret: str, known: str = "") -> dict[str, Any]:
    return source(name, spec={"restic": {"repository": secret}}, restic={"repositoryHash": known} if known else None)


def to(name: str, secret: str) -> dict[str, Any]:
    return {**destination(name), "spec": {"restic": {"repository": secret}}}


RCLONE = source("r", spec={"restic": None, "rclone": {"rcloneConfig": "x"}})
TABLE: dict[str, tuple[list[dict[str, Any]], str, list[str]]] = {
    "the same Secret": ([one("a", "x"), one("b", "y"), to("c", "x")], "x", ["a", "c"]),
    "another Secret that leads there": ([one("a", "x", "7a"), one("b", "y", "7a")], "x", ["a", "b"]),
    "a destination with that other Secret": (
        [one("a", "x", "7a"), one("b", "y", "7a"), to("c", "y")],
        "x",
        list("abc"),
    ),
    "another Secret that leads elsewhere": ([one("a", "x", "7a"), one("b", "y", "7b")], "x", ["a"]),
    "a Secret that led to two places": ([one("a", "x", "7a"), one("b", "x", "7b")], "x", ["a", "b"]),
    "a Secret that only a destination names": ([one("a", "x"), to("c", "z")], "z", ["c"]),
    "nobody's Secret": ([one("a", "x"), RCLONE], "none", []),
    "other movers have none": ([one("a", "x"), RCLONE], "x", ["a"]),
}


@pytest.mark.parametrize(("objects", "secret", "expected"), TABLE.values(), ids=TABLE)
def test_a_repository_is_that_of_all_secrets_that_lead_to_it(
    objects: list[dict[str, Any]], secret: str, expected: list[str]
) -> None:
    assert [obj["metadata"]["name"] for obj in of_repository(secret, objects)] == expected
