"""The record of the last forget is believed only where restic's cache shows exactly what it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from volsync_py.pod.record import Holding, Record, forget_record, group_known, holding, load, save
from volsync_py.pod.retention import Kept

REPOSITORY, ANOTHER = "e" * 64, "f" * 64
OLD, NEW, OTHER = (digit * 64 for digit in "123")
TIME = "2026-11-24T12:00:00.123456789Z"
RECORD = Record(("--keep-last", "2"), "group", REPOSITORY, (Kept(TIME, ("a",), OLD, False),), frozenset({OTHER}))
NOW = Holding(REPOSITORY, frozenset({OLD, OTHER, NEW}))
MADE = Kept(TIME, (), NEW)


def known(
    record: Record | None = RECORD, now: Holding | None = NOW, group: str = "group", made: Kept = MADE
) -> list[Kept]:
    return group_known(record, now, ["--keep-last", "2"], group, made)


def test_what_agrees_exactly_is_known() -> None:
    assert known() == [*RECORD.snapshots, MADE]


@pytest.mark.parametrize(
    "found",
    [
        known(record=None),
        known(now=None),
        known(group="another host, path or repository"),
        known(made=evolve(MADE, id="")),
        known(record=evolve(RECORD, policy=("--keep-last", "3"))),
        known(record=evolve(RECORD, repository=ANOTHER)),
        known(now=Holding(REPOSITORY, frozenset({OTHER, NEW}))),
        known(now=Holding(REPOSITORY, frozenset({OLD, NEW}))),
        known(now=Holding(REPOSITORY, frozenset({OLD, OTHER}))),
        known(now=Holding(REPOSITORY, frozenset({OLD, OTHER, NEW, "4" * 64}))),
    ],
    ids=[
        *("no record", "no cache", "another group", "no id", "another policy", "another repository"),
        *("ours is gone", "another's is gone", "the new one is not there", "one more"),
    ],
)
def test_what_does_not_agree_is_not_known(found: list[Kept]) -> None:
    assert found == []


def test_a_snapshot_without_an_id_is_in_no_cache(tmp_path: Path) -> None:
    assert (
        group_known(RECORD, evolve(NOW, snapshots=frozenset({OLD, OTHER, ""})), RECORD.policy, "group", Kept(TIME))
        == []
    )
    assert holding(tmp_path, "") is None


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    assert load(tmp_path) == RECORD
    forget_record(tmp_path)
    assert load(tmp_path) is None


def test_a_record_is_not_written_through_a_link(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    (record,) = tmp_path.iterdir()
    data = tmp_path / "data"
    data.write_text("kept")
    record.unlink()
    record.symlink_to(data)
    with pytest.raises(OSError, match="symbolic links"):
        save(tmp_path, RECORD)
    assert data.read_text() == "kept"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "7",
        '{"version":2}',
        '{"version":1,"policy":[]}',
        "[" * 2000,
        '{"version":2,"policy":[],"group":1}',
        '{"version":2,"policy":[],"group":"","repository":"","others":[],"snapshots":[1]}',
    ],
)
def test_what_is_no_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "volsync-py-retention.json").write_text(text, encoding="utf-8")
    assert load(tmp_path) is None


def test_the_cache_of_the_repository_that_holds_the_new_snapshot_counts(tmp_path: Path) -> None:
    for repository, snapshots in ((REPOSITORY, (OLD, NEW)), (ANOTHER, (OTHER,)), ("restic-check-cache-1", (NEW,))):
        for snapshot in snapshots:
            folder = tmp_path / repository / "snapshots" / snapshot[:2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / snapshot).touch()
            (folder / "half-written").touch()
    assert holding(tmp_path, NEW) == Holding(REPOSITORY, frozenset({OLD, NEW}))
    assert holding(tmp_path, OTHER) == Holding(ANOTHER, frozenset({OTHER}))
    assert holding(tmp_path, "4" * 64) is None
    assert holding(tmp_path / "nowhere", NEW) is None
