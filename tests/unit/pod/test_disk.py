"""What the mover asks of its volumes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from volsync_py.pod.disk import cache_trouble, class_of, remove_caches, sync_volume
from volsync_py.pod.environment import MoverError


def test_a_folder_that_can_be_written_is_a_cache(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir(mode=0)
    (tmp_path / ("a" * 64)).mkdir()
    assert cache_trouble(str(tmp_path)) == ""
    assert cache_trouble(str(tmp_path / "new" / "folder")) == ""


def test_only_caches_are_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    cache, data = tmp_path / "cache", tmp_path / "data"
    for folder in (cache / ("a" * 64) / "data", cache / ("b" * 64), cache / "other", data):
        folder.mkdir(parents=True)
    (data / "kept").touch()
    (cache / ("a" * 64) / "version").symlink_to(data / "kept")
    (cache / ("a" * 64) / "data" / "00").symlink_to(data)
    (cache / "record.json").touch()
    assert remove_caches(str(cache))
    assert {path.name for path in cache.iterdir()} == {"other", "record.json"}
    assert (data / "kept").exists()


def test_what_is_no_folder_is_not_removed_as_a_cache(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / ("a" * 64)).symlink_to(tmp_path / "data")
    assert not remove_caches(str(tmp_path))
    assert not remove_caches(str(tmp_path / "gone"))
    assert (tmp_path / "data").exists()


def test_a_link_in_the_place_of_a_cache_is_not_used(tmp_path: Path) -> None:
    cache, data = tmp_path / "cache", tmp_path / "data"
    for folder in (cache, data):
        folder.mkdir()
    (cache / ("a" * 64)).symlink_to(data)
    assert cache_trouble(str(cache)) == "Not a directory"


def test_what_is_no_folder_is_no_cache(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "exists" in cache_trouble(str(file))
    assert "Not a directory" in cache_trouble(str(file / "below"))


def test_a_volume_is_written_to_its_disk_or_the_run_fails(tmp_path: Path) -> None:
    sync_volume(str(tmp_path))
    with pytest.raises(MoverError, match="could not be written to the volume's disk: No such file"):
        sync_volume(str(tmp_path / "gone"))


# Makes one system call of a process fail, as a broken disk would: a filter of the kernel's, in its own instructions.
FAIL_SYNCFS = """
import ctypes, platform, struct, sys
number, error = {"x86_64": 306, "aarch64": 267}[platform.machine()], int(sys.argv[2])
load, equal, answer = 0x20, 0x15, 0x06
steps = [(load, 0, 0, 0), (equal, 0, 1, number), (answer, 0, 0, 0x00050000 | error), (answer, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
from volsync_py.pod.disk import sync_volume
from volsync_py.pod.environment import MoverError
try:
    sync_volume(sys.argv[1])
except MoverError as failed:
    print(failed.error_class, failed.message)
"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errno.EIO, "Unknown what was restored could not be written to the volume's disk: Input/output error"),
        (
            errno.ENOSPC,
            "TargetFull what was restored could not be written to the volume's disk: No space left on device",
        ),
        (errno.EDQUOT, "TargetFull what was restored could not be written to the volume's disk: Disk quota exceeded"),
    ],
)
def test_a_disk_that_does_not_take_what_was_written_fails_the_run(tmp_path: Path, error: int, said: str) -> None:
    command = [sys.executable, "-c", FAIL_SYNCFS, str(tmp_path), str(error)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == said


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, "Configuration"),
        (errno.ENOENT, "Configuration"),
        (errno.EROFS, "Configuration"),
        (errno.ENOSPC, "TargetFull"),
        (errno.ESTALE, "Unknown"),
        (errno.EIO, "Unknown"),
        (errno.ENOTCONN, "Unknown"),
        (errno.ETIMEDOUT, "Unknown"),
        (errno.EAGAIN, "Unknown"),
    ],
)
def test_only_what_stays_so_is_final(number: int, expected: str) -> None:
    assert class_of(OSError(number, os.strerror(number))) == expected
