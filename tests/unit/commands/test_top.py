"""Which sources are large, and which grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.unit.commands.resources import NOW, source
from tests.unit.commands.test_health import ODD
from volsync_py.commands.common.shown import as_document
from volsync_py.commands.overview.largest import Largest

GOLDEN = Path(__file__).parents[1] / "golden" / "commands"
GIB = 2**30


def backed_up(name: str, size: int, added: int, took: str, snapshots: int, claim: str = "") -> dict[str, Any]:
    last = {"id": "9f3c" * 16, "bytesProcessed": size, "bytesAdded": added, "filesNew": 2, "filesUnmodified": 8}
    restic = {"lastSnapshot": last, "snapshots": {"count": snapshots}}
    return source(name, spec={"sourcePVC": claim or name}, lastSyncDuration=took, restic=restic)


SOURCES = [
    backed_up("photos", 400 * GIB, 3 * GIB, "1h2m3.5s", 13),
    backed_up("db", 5 * GIB, 4 * GIB, "41.5s", 40),
    backed_up("wiki", 700, 12, "2.1s", 2),
    source("new", lastSyncTime=None),
]
CLAIMS: dict[tuple[str, str], dict[str, Any]] = {
    ("media", "photos"): {"status": {"capacity": {"storage": "500Gi"}}},
    ("media", "db"): {"status": {}},
}


def largest(key: str = "size", most: int = 0, *, with_namespace: bool = False) -> Largest:
    return Largest.of(SOURCES, CLAIMS, key, most=most, with_namespace=with_namespace)


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("size", "photos db wiki new"),
        ("added", "db photos wiki new"),
        ("took", "photos db wiki new"),
        ("snapshots", "db photos wiki new"),
        ("files", "db photos wiki new"),
        ("claim", "photos db new wiki"),
        ("full", "photos db new wiki"),
    ],
)
def test_the_largest_comes_first_and_what_nobody_knows_last(key: str, first: str) -> None:
    assert [row.name for row in largest(key).rows] == first.split()


@pytest.mark.parametrize("what", ["top", "top-most"])
def test_it_is_printed_as_it_has_to_look_like(what: str) -> None:
    found = largest() if what == "top" else largest("added", most=2, with_namespace=True)
    text = "\n".join([*found.lines(80), ""])
    assert text == (GOLDEN / f"{what}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80


def test_programs_get_bytes_and_seconds() -> None:
    assert as_document(largest(most=1).as_json(), "json") + "\n" == (GOLDEN / "top.json").read_text(encoding="utf-8")


def test_nothing_is_said_so() -> None:
    assert list(Largest.of([], {}, "size", most=0, with_namespace=True).lines(80)) == ["no sources"]


@given(ODD, ODD, ODD)
def test_whatever_is_stored_has_a_line(status: Any, spec: Any, capacity: Any) -> None:
    odd = {**source(), "status": {"restic": {"lastSnapshot": status, "snapshots": status}, "lastSyncDuration": status}}
    odd["spec"] = spec
    claims = {("media", "db"): {"status": {"capacity": {"storage": capacity}}}}
    for objects in (odd, {**source(), "status": status, "now": NOW}):
        assert len(list(Largest.of([objects], claims, "full", most=0, with_namespace=True).lines(80))) == 4
