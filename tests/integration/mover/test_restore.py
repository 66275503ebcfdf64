"""Restores with real restic: what comes back is what was there, whatever the volume held before."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hack.tool_cache import tool_path
from tests.integration.mover.forge import lock
from tests.integration.mover.harness import PASSWORD, Mover, tree


def test_everything_of_a_tree_comes_back(mover: Mover) -> None:
    mover.write(plain="hello", empty="", folder__inner="more")
    (mover.data / "link").symlink_to("folder/inner")
    os.link(mover.data / "plain", mover.data / "folder" / "hard")
    with (mover.data / "sparse").open("wb") as file:
        file.truncate(1 << 22)
    (mover.data / "odd \n ü").write_text("odd", encoding="utf-8")
    os.chown(mover.data / "plain", 1234, 5678)
    os.chmod(mover.data / "folder", 0o2750)
    assert mover("backup").code == 0

    mover.mount("destination")
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (0, "")
    assert tree(mover.data) == tree(mover.volume("source"))
    assert ran.report.restored is not None
    assert ran.report.restored.id == mover.snapshots()[-1]["id"]
    assert (mover.data / "sparse").stat().st_blocks < 100


def shorter(mover: Mover) -> None:
    mover.write(plain="hello")


def longer(mover: Mover) -> None:
    mover.write(plain="hello again and again")


def other_content(mover: Mover) -> None:
    mover.write(plain="HELLO AGAIN")


@pytest.mark.parametrize("change", [shorter, longer, other_content])
def test_a_file_with_two_names_comes_back_over_an_older_and_a_newer_one(
    mover: Mover, change: Callable[[Mover], None]
) -> None:
    mover.write(plain="hello again", folder__x="x")
    os.link(mover.data / "plain", mover.data / "folder" / "hard")
    mover("backup")
    first = tree(mover.data)
    change(mover)
    mover("backup")
    second = tree(mover.data)

    mover.mount("destination")
    for previous, expected in (("0", second), ("1", first), ("0", second)):
        mover.environ["SELECT_PREVIOUS"] = previous
        assert mover("restore").code == 0
        assert tree(mover.data) == expected


def test_a_name_that_is_not_restored_keeps_its_file(mover: Mover) -> None:
    mover.write(plain="hello")
    mover("backup")
    mover.mount("destination")
    mover.write(plain="hello of somebody else", foreign="untouched")
    os.link(mover.data / "plain", mover.data / "theirs")
    os.link(mover.data / "foreign", mover.data / "foreign too")
    assert mover("restore").code == 0
    assert {p.name: p.read_text(encoding="utf-8") for p in mover.data.iterdir()} == {
        "plain": "hello",
        "theirs": "hello of somebody else",
        "foreign": "untouched",
        "foreign too": "untouched",
    }


@pytest.fixture
def two(mover: Mover) -> Mover:
    """Two snapshots of one volume, another host's, and a tagged one; a new volume to restore into."""
    mover.write(a="one", folder__x="x", folder__y="y")
    mover("backup")
    mover.write(a="two")
    mover("backup")
    mover.write(a="theirs")
    mover.run = {"host": "db", "tags": ["weekly"]}
    mover("backup")
    mover.run = {}
    mover.mount("destination")
    return mover


def content(mover: Mover) -> dict[str, str]:
    found = (p for p in mover.data.rglob("*") if p.is_file())
    return {str(p.relative_to(mover.data)): p.read_text(encoding="utf-8") for p in found}


def test_which_snapshot_comes_back_is_what_was_asked_for(two: Mover) -> None:
    first, second, theirs = (s["id"] for s in two.snapshots())
    for restore, expected in (
        ({}, second),
        ({"snapshot": first[:8]}, first),
        ({"snapshot": theirs}, theirs),
        ({"host": "db"}, theirs),
        ({"host": "db", "tags": ["weekly"]}, theirs),
    ):
        two.run["restore"] = restore
        ran = two("restore")
        assert ran.report.restored is not None
        assert ran.report.restored.id == expected, restore
    assert content(two)["a"] == "theirs"


def test_a_part_of_a_snapshot_comes_back(two: Mover) -> None:
    two.run["restore"] = {"include": ["/folder/x"]}
    two("restore")
    assert content(two) == {"folder/x": "x"}
    two.mount("rest")
    two.run["restore"] = {"exclude": ["x"]}
    two("restore")
    assert content(two) == {"a": "two", "folder/y": "y"}
    two.mount("sub path")
    two.run["restore"] = {"subPath": "folder", "verify": True}
    two("restore")
    assert content(two) == {"x": "x", "y": "y"}


def test_a_snapshot_of_a_whole_path_is_noticed_and_its_content_can_be_had(mover: Mover) -> None:
    mover.write(a="theirs")
    mover.restic("backup", str(mover.data), "--host", "nas")
    mover.mount("destination")
    mover.run["restore"] = {"host": "nas"}
    ran = mover("restore")
    assert content(mover) == {str(mover.data).strip("/") + "/a": "theirs"}
    assert f"subPath: {mover.data} restores what is in it" in ran.log
    mover.mount("again")
    mover.run["restore"] = {"host": "nas", "subPath": str(mover.data)}
    ran = mover("restore")
    assert content(mover) == {"a": "theirs"}
    assert "subPath: " not in ran.log


@pytest.mark.parametrize(
    ("restore", "code", "error"),
    [
        ({"tags": ["none such"]}, 0, "NoEligibleSnapshot"),
        ({"tags": ["none such"], "onMissingSnapshot": "Fail"}, 1, "NoEligibleSnapshot"),
        ({"tags": ["none such"], "publishesImage": True}, 1, "NoEligibleSnapshot"),
        ({"tags": ["none such"], "publishesImage": True, "onMissingSnapshot": "Continue"}, 0, ""),
        ({"snapshot": "0123456789"}, 1, "NoEligibleSnapshot"),
        ({"subPath": "no such folder"}, 1, "Configuration"),
        ({"include": ["/none such"]}, 1, "NoEligibleSnapshot"),
        ({"include": ["/none such"], "publishesImage": True}, 1, "NoEligibleSnapshot"),
        ({"include": ["/none such"], "onMissingSnapshot": "Continue"}, 0, ""),
        ({"subPath": "folder", "exclude": ["*"]}, 1, "NoEligibleSnapshot"),
    ],
)
def test_what_cannot_be_restored_is_said_and_proves_nothing(
    two: Mover, restore: dict[str, object], code: int, error: str
) -> None:
    two.run["restore"] = restore
    ran = two("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (code, error, None)
    assert content(two) == {}


def test_whose_snapshots_there_are_is_told_when_none_is_eligible(two: Mover) -> None:
    two.run["restore"] = {"host": "nobody"}
    ran = two("restore")
    assert (ran.code, ran.report.outcome, ran.report.nothing_to_restore) == (0, "Warning", True)
    # Word by word what VolSync says, which scripts look for.
    assert "No eligible snapshots found" in ran.log.splitlines()
    assert f"there are 3, of host db, volsync and path {two.data}" in ran.report.message
    assert f"Warning: {ran.report.message}" in ran.log.splitlines()


@pytest.mark.parametrize("names", [[b"odd \xff", b"odd \xfe"], [b"f\xff/a", b"f\xff/b"], [b"\xe2\x82", b"plain"]])
def test_a_file_with_names_that_are_no_text_comes_back_over_a_longer_one(mover: Mover, names: list[bytes]) -> None:
    data = os.fsencode(mover.data)
    first, second = (os.path.join(data, name) for name in names)
    os.makedirs(os.path.dirname(first), exist_ok=True)
    with open(first, "wb") as file:
        file.write(b"hello")
    os.link(first, second)
    assert mover("backup").code == 0
    expected = tree(mover.data)
    with open(first, "wb") as file:
        file.write(b"hello again and again")
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert tree(mover.data) == expected


def test_a_name_that_is_no_text_and_is_not_restored_keeps_its_file(mover: Mover) -> None:
    mover.write(plain="hello")
    mover("backup")
    theirs, second = (os.path.join(os.fsencode(mover.data), name) for name in (b"their \xff", b"their \xfe"))
    with open(theirs, "wb") as file:
        file.write(b"untouched")
    os.link(theirs, second)
    assert mover("restore").code == 0
    for name in (theirs, second):
        with open(name, "rb") as file:
            assert file.read() == b"untouched"


def test_a_list_that_is_none_is_no_empty_repository(mover: Mover) -> None:
    program = mover.folder / "bin" / "restic"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    program.chmod(0o755)
    mover.environ["PATH"] = f"{program.parent}:{os.defpath}"
    ran = mover("restore")
    assert (ran.code, ran.report.error_class, ran.report.nothing_to_restore) == (3, "Unknown", False)


def test_files_that_are_not_in_the_snapshot_go_but_not_the_file_systems_own_folder(two: Mover) -> None:
    two.write(extra="e", folder__extra="e", **{"lost+found__l": "l"})
    two.environ["RESTORE_OPTIONS"] = "--delete"
    assert two("restore").code == 0
    assert content(two) == {"a": "two", "folder/x": "x", "folder/y": "y", "lost+found/l": "l"}


def test_a_repository_that_is_not_there_is_made_and_the_volume_stays_empty(new_mover: Mover) -> None:
    ran = new_mover("restore")
    assert (ran.code, ran.report.initialized, ran.report.nothing_to_restore) == (0, True, True)
    for text in ("Initialize Dir", "created restic repository", "No data will be restored"):
        assert text in ran.log


def scripted(mover: Mover, script: str) -> None:
    """Put a shell script in restic's place; it calls the real one as `real`."""
    program = mover.folder / "bin" / "restic"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nreal() {{ "{tool_path("restic")}" "$@"; }}\n{script}\n', encoding="utf-8")
    program.chmod(0o755)
    mover.environ["PATH"] = f"{program.parent}:{os.defpath}"


@pytest.mark.parametrize("verify", [False, True])
def test_what_was_restored_is_read_back_when_that_is_asked_for(mover: Mover, *, verify: bool) -> None:
    mover.write(plain="hello")
    mover("backup")
    record = mover.folder / "commands"
    scripted(mover, f'printf "%s " "$@" >> {record}; real "$@"')
    mover.run["restore"] = {"verify": verify}
    assert mover("restore").code == 0
    assert ("--verify" in record.read_text(encoding="utf-8").split()) == verify


def test_an_item_that_was_not_restored_is_a_failure_even_when_restic_says_it_is_none(mover: Mover) -> None:
    mover.write(plain="hello")
    mover("backup")
    line = '{"message_type":"error","error":{"message":"it went wrong"},"during":"restore","item":"/plain"}'
    scripted(mover, f"real \"$@\" || exit; test $1 != restore || echo '{line}' >&2")
    ran = mover("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Unknown", None)
    assert "/plain" in ran.report.message


def test_other_content_of_the_same_size_and_time_is_replaced(mover: Mover) -> None:
    mover.write(plain="hello")
    mover("backup")
    at = (mover.data / "plain").stat().st_mtime_ns
    mover.write(plain="HELLO")
    os.utime(mover.data / "plain", ns=(at, at))
    assert mover("restore").code == 0
    assert content(mover) == {"plain": "hello"}


def test_a_restore_that_is_not_known_to_be_on_the_disk_is_a_failure(mover: Mover) -> None:
    mover.write(plain="hello")
    mover("backup")
    scripted(mover, f'real "$@" || exit; test $1 != restore || mv {mover.data} {mover.data}.gone')
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (1, "Unknown")
    assert "could not be written to the volume's disk" in ran.report.message


def linked(mover: Mover) -> dict[str, int]:
    """Back up a file with two names, and give the volume to restore into an older one; return its names."""
    mover.write(plain="hello again")
    os.link(mover.data / "plain", mover.data / "second")
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.write(plain="older")
    os.link(mover.data / "plain", mover.data / "second")
    return names(mover)


def names(mover: Mover) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in mover.data.iterdir()}


def test_a_restore_that_a_lock_stops_leaves_linked_files_where_they_are(mover: Mover) -> None:
    before = linked(mover)
    mover.run["deadlines"] = {"retryLockSeconds": 1}
    lock(Path(mover.repository), PASSWORD, host="somebody-elses-host", pid=7, age=timedelta(minutes=3))
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (11, "RepositoryLocked")
    assert names(mover) == before


def test_a_restore_that_fails_after_it_has_begun_gives_linked_files_their_names_back(mover: Mover) -> None:
    before = linked(mover)
    # What the volume's trees are in is in the cache.
    for pack in (Path(mover.repository) / "data").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            os.truncate(pack, 20)
    ran = mover("restore")
    assert ran.report.outcome == "Failed", ran.log
    assert names(mover) == before
    assert (mover.data / "second").read_text(encoding="utf-8") == "older"
