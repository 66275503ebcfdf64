"""What is said of objects that do not go: enough to find them, and no more than a condition holds."""

from __future__ import annotations

from typing import Any

import pytest

from volsync_py.core.conditions import LONGEST_MESSAGE
from volsync_py.core.remains import deletion, still_there

SINCE = "2026-11-24T12:00:00Z"


def claim(name: str = "a", **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "n", **meta}}


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({}, "being deleted"),
        ({"deletionTimestamp": SINCE}, f"being deleted since {SINCE}"),
        (
            {"deletionTimestamp": SINCE, "finalizers": ["x/y"]},
            f"being deleted since {SINCE}, held by the finalizer x/y",
        ),
        (
            {"deletionTimestamp": SINCE, "finalizers": ["a", "b", "c", "d", "e"]},
            f"being deleted since {SINCE}, held by the finalizers a, b, c and 2 more",
        ),
    ],
)
def test_a_deletion_is_told_with_its_beginning_and_who_holds_it(meta: dict[str, Any], expected: str) -> None:
    assert deletion(claim(**meta)) == expected


def test_what_remains_is_named_whether_or_not_it_is_being_deleted() -> None:
    going = claim("b", deletionTimestamp=SINCE)
    assert still_there([claim(), going]) == (
        f"PersistentVolumeClaim/a, PersistentVolumeClaim/b (being deleted since {SINCE})"
    )


def test_however_much_remains_and_whatever_it_is_called_the_words_are_few() -> None:
    many = [claim(str(n), deletionTimestamp=SINCE, finalizers=["x" * 9999] * 99) for n in range(99)]
    text = still_there(many)
    assert len(text) < 2 * LONGEST_MESSAGE
    assert text.endswith(" and 96 more")
    assert "x" * 101 not in text
