"""Which snapshot is restored: by count, by time, by id, and of this volume alone."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from volsync_py.core.selection import SelectionError, select

MINE = {"hostname": "volsync", "paths": ["/data"]}
FIRST = {**MINE, "id": "a1" * 32, "time": "2026-11-24T10:00:00.9Z", "tags": ["kept"]}
SECOND = {**MINE, "id": "a2" * 32, "time": "2026-11-24T12:00:00+01:00"}
THIRD = {**MINE, "id": "b3" * 32, "time": "2026-11-24T12:00:00.123456789Z"}
OTHERS = [
    {**MINE, "id": "c4" * 32, "time": "2026-11-24T13:00:00Z", "hostname": "nas"},
    {**MINE, "id": "c5" * 32, "time": "2026-11-24T13:00:00Z", "paths": ["/mover/data"]},
]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, THIRD, id="the newest"),
        pytest.param({"previous": 2}, FIRST, id="so many before it"),
        pytest.param({"previous": 9999}, None, id="more before it than there are"),
        pytest.param({"as_of": "1980-01-01T00:00:00Z"}, None, id="before the first"),
        pytest.param({"as_of": "2026-11-24T11:59:59Z"}, SECOND, id="between two"),
        pytest.param({"as_of": "2026-11-24T10:00:00Z"}, FIRST, id="in the second in which it was taken"),
        pytest.param({"as_of": "2026-11-24T13:00:00+02:00"}, SECOND, id="in another zone"),
        pytest.param({"as_of": "2026-11-24T11:59:59Z", "previous": 1}, FIRST, id="so many before a time"),
        pytest.param({"tags": ["kept"]}, FIRST, id="with a tag"),
        pytest.param({"identity": "a1a1"}, FIRST, id="by the beginning of its id"),
        pytest.param({"identity": "c4"}, OTHERS[0], id="by its id, whoever made it"),
        pytest.param({"identity": "ff"}, None, id="by an id that is not there"),
    ],
)
def test_the_snapshot_that_was_asked_for_is_chosen_whatever_the_order_of_the_list(
    asked: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    for snapshots in permutations([FIRST, SECOND, THIRD, *OTHERS]):
        assert select(snapshots, host="volsync", path="/data", **asked) == expected


@pytest.mark.parametrize(
    ("asked", "text"),
    [({"previous": -1}, "negative"), ({"as_of": "yesterday"}, "restoreAsOf"), ({"identity": "a"}, "ambiguous")],
)
def test_what_makes_no_sense_is_said_and_nothing_is_chosen(asked: dict[str, Any], text: str) -> None:
    with pytest.raises(SelectionError, match=text):
        select([FIRST, SECOND, THIRD], host="volsync", path="/data", **asked)
