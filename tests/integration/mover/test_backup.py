"""Backups with real restic: what each option of the run does, and how few processes a run needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mover.harness import Mover


def names(mover: Mover, snapshot: str = "latest") -> set[str]:
    """Return the paths in a snapshot."""
    listed: list[dict[str, Any]] = mover.restic("ls", snapshot)
    return {entry["path"] for entry in listed if "path" in entry}


def largest_pack(mover: Mover) -> Path:
    """Return the pack with the data of files."""
    packs = (p for p in (Path(mover.repository) / "data").rglob("*") if p.is_file())
    return max(packs, key=lambda p: p.stat().st_size)


def steps(mover: Mover, *operations: str) -> list[tuple[str, str]]:
    ran = mover(*operations)
    assert ran.code == 0
    return [(s.name, str(s.outcome)) for s in ran.report.steps]


def test_what_is_excluded_is_not_in_the_snapshot(mover: Mover) -> None:
    mover.write(kept="k", drop__x="x", cache__y="y", big="b" * 5000, marked__z="z", **{"lost+found__l": "l"})
    (mover.data / "cache" / "CACHEDIR.TAG").write_bytes(b"Signature: 8a477f597d28d172789f06886806bc55")
    (mover.data / "marked" / ".nobackup").touch()
    mover.run["backup"] = {
        "excludeCaches": True,
        "excludePatterns": ["drop"],
        "excludeIfPresent": [".nobackup"],
        "excludeLargerThan": "4k",
    }
    assert mover("backup").code == 0
    assert names(mover) == {"/kept", "/cache", "/cache/CACHEDIR.TAG", "/marked", "/marked/.nobackup"}


def test_a_folder_called_lost_and_found_further_down_is_backed_up(mover: Mover) -> None:
    mover.write(**{"lost+found__l": "l", "deep__lost+found__kept": "k"})
    mover("backup")
    assert names(mover) == {"/deep", "/deep/lost+found", "/deep/lost+found/kept"}


def test_host_and_tags_are_in_the_snapshot_and_retention_keeps_to_them(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover("backup")
    mover.run = {"host": "db", "tags": ["one", "two"], "backup": {"compression": "max", "packSize": 8}}
    mover("backup")
    mover("backup")
    found = [(s["hostname"], s.get("tags") or []) for s in mover.snapshots()]
    assert found == [("volsync", []), ("db", ["one", "two"])]


@pytest.mark.parametrize(("meaning", "code", "error"), [("Skip", 0, ""), ("Backup", 0, ""), ("Fail", 1, "SourceEmpty")])
def test_an_empty_volume_is_what_it_was_said_to_be(new_mover: Mover, meaning: str, code: int, error: str) -> None:
    (new_mover.data / "lost+found").mkdir()
    new_mover.run["backup"] = {"emptySource": meaning}
    ran = new_mover("backup")
    assert (ran.code, ran.report.error_class, ran.report.skipped_empty) == (code, error, meaning == "Skip")
    # Word by word what VolSync says, which scripts look for.
    assert ("== Directory is empty skipping backup ===" in ran.log.splitlines()) is (meaning == "Skip")
    assert Path(new_mover.repository).exists() is (meaning == "Backup")


@pytest.mark.parametrize(
    ("meaning", "code", "error"), [("Skip", 0, ""), ("Backup", 1, "SourceEmpty"), ("Fail", 1, "SourceEmpty")]
)
def test_a_volume_with_nothing_at_all_is_a_failure_unless_it_may_be_skipped(
    new_mover: Mover, meaning: str, code: int, error: str
) -> None:
    assert not list(new_mover.data.iterdir())
    new_mover.run["backup"] = {"emptySource": meaning}
    ran = new_mover("backup")
    assert (ran.code, ran.report.error_class, ran.report.skipped_empty) == (code, error, not error)
    assert not Path(new_mover.repository).exists()


def test_retention_is_left_out_while_it_can_remove_nothing(new_mover: Mover) -> None:
    new_mover.write(a="a")
    new_mover.environ["FORGET_OPTIONS"] = "--keep-last 3"
    assert steps(new_mover, "backup") == [("init", "Succeeded"), ("backup", "Succeeded"), ("forget", "Succeeded")]
    for count in (2, 3):
        ran = new_mover("backup")
        assert [(s.name, s.outcome) for s in ran.report.steps] == [("backup", "Succeeded"), ("forget", "Skipped")]
        assert ran.report.snapshots is not None
        assert ran.report.snapshots.count == count
    assert steps(new_mover, "backup") == [("backup", "Succeeded"), ("forget", "Succeeded")]
    assert len(new_mover.snapshots()) == 3
    # Another policy, or a lost record: restic is asked.
    new_mover.environ["FORGET_OPTIONS"] = "--keep-last 4"
    assert steps(new_mover, "backup")[-1] == ("forget", "Succeeded")


def test_each_of_two_sources_in_one_repository_keeps_what_its_own_policy_says(new_mover: Mover, tmp_path: Path) -> None:
    # In the cluster all volumes have one path, so that their snapshots are one group, as with VolSync.
    new_mover.write(a="a")
    caches = {"3": str(new_mover.cache), "2": str(tmp_path / "another cache")}
    for keep, left in (("3", 1), ("2", 2), ("3", 3), ("2", 2), ("3", 3), ("3", 3), ("2", 2)):
        new_mover.environ |= {"RESTIC_CACHE_DIR": caches[keep], "FORGET_OPTIONS": f"--keep-last {keep}"}
        ran = new_mover("backup")
        assert ran.report.snapshots is not None
        assert (ran.code, ran.report.snapshots.count, len(new_mover.snapshots())) == (0, left, left)


def test_rules_beside_those_of_the_environment_are_kept(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover.run["retention"] = {"keepTags": ["pinned"]}
    mover.run["tags"] = ["pinned"]
    mover("backup")
    mover.run["tags"] = []
    mover("backup")
    mover("backup")
    assert [s.get("tags") for s in mover.snapshots()] == [["pinned"], None]


def test_a_check_reads_the_part_that_it_is_told_to(mover: Mover) -> None:
    mover.write(a="a" * 10000)
    mover.run["check"] = {"subset": "1/2"}
    assert steps(mover, "backup")[-1] == ("check", "Succeeded")


def test_a_check_that_finds_damage_says_so_and_the_backup_stays_good(mover: Mover) -> None:
    (mover.data / "random").write_bytes(os.urandom(300_000))
    mover("backup")
    pack = largest_pack(mover)
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[1000] ^= 0xFF
    pack.write_bytes(content)
    mover.run["check"] = {"subset": "100%"}
    ran = mover("backup")
    assert (ran.code, ran.report.outcome) == (0, "Warning")
    assert (ran.report.steps[-1].name, ran.report.steps[-1].error_class) == ("check", "RepositoryDamaged")
    assert len(mover.snapshots()) == 2


def test_nothing_is_forgotten_from_a_repository_that_is_known_to_be_damaged(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover("backup")
    mover.run["grants"] = {"forget": False}
    assert steps(mover, "backup") == [("backup", "Succeeded"), ("forget", "Skipped")]
    assert len(mover.snapshots()) == 2


def test_a_failing_prune_takes_nothing_from_the_backup(mover: Mover) -> None:
    (mover.data / "random").write_bytes(os.urandom(100_000))
    mover("backup")
    largest_pack(mover).unlink()
    ran = mover("backup", "prune")
    assert (ran.code, ran.report.outcome) == (0, "Warning")
    assert (ran.report.steps[-1].name, ran.report.steps[-1].outcome) == ("prune", "Failed")
    assert len(mover.snapshots()) == 2


def test_a_backup_that_meets_damage_takes_nothing_from_the_repository(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover("backup")
    for index in (Path(mover.repository) / "index").iterdir():
        index.unlink()
    mover.write(b="b")
    ran = mover("backup", "prune")
    assert (ran.code, ran.report.outcome, ran.report.error_class) == (0, "Warning", "RepositoryDamaged"), ran.log
    assert [(s.name, str(s.outcome)) for s in ran.report.steps] == [
        ("backup", "Warning"),
        ("forget", "Skipped"),
        ("prune", "Skipped"),
    ]
    assert ran.report.steps[0].seconds > 0
    assert "could be damaged" in ran.report.message
    assert len(mover.snapshots()) == 2


def test_each_item_that_cannot_be_read_is_told_and_all_are_counted(mover: Mover) -> None:
    mover.write(readable="r")
    for number in range(250):
        path = mover.data / f"file {number}"
        path.touch()
        path.chmod(0)
        os.chown(path, 12345, 12345)
    lost = "-dac_override,-dac_read_search"
    mover.wrapper = ["setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}", "--"]
    ran = mover("backup")
    assert (ran.code, ran.report.error_class) == (0, "Partial"), ran.log
    assert ran.report.snapshot is not None
    assert ran.report.snapshot.files_failed == 250
    assert ran.report.message.startswith("250 items could not be read; the first: ")
    assert ran.report.steps[-1].seconds > 0
    told = [line for line in ran.log.splitlines() if line.startswith("error: ")]
    assert (len(told), told[-1]) == (201, "error: and 50 more")
    assert "snapshot" in "".join(line for line in ran.report.log.splitlines() if "saved" in line)
    assert ran.report.items


@pytest.mark.parametrize("spoilt", ["", "\0", "2"], ids=["of a full volume", "of a lost node", "of a newer restic"])
def test_a_cache_that_restic_does_not_open_is_made_anew(mover: Mover, spoilt: str) -> None:
    mover.write(a="a")
    mover("backup")
    (version,) = mover.cache.glob("*/version")
    whole = version.read_text(encoding="utf-8")
    version.write_text(spoilt, encoding="utf-8")
    ran = mover("backup")
    assert (ran.code, ran.log.count("which is made anew")) == (0, 1), ran.log
    assert version.read_text(encoding="utf-8") == whole


def test_a_prune_without_its_grant_is_left_out(mover: Mover) -> None:
    mover.write(a="a")
    mover.run["grants"] = {"prune": False}
    assert steps(mover, "backup", "prune")[-1] == ("prune", "Skipped")


def test_a_missing_repository_is_left_to_the_mover_that_may_make_it(new_mover: Mover) -> None:
    new_mover.write(a="a")
    new_mover.run["grants"] = {"init": False}
    ran = new_mover("backup")
    assert (ran.code, ran.report.error_class) == (10, "RepositoryMissing")
    assert not Path(new_mover.repository).exists()
