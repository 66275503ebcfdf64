"""What the mover asks of its volumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from volsync_py.restic.disk import cache_trouble, sync_volume
from volsync_py.restic.environment import MoverError


def test_a_folder_that_can_be_written_is_a_cache(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir(mode=0)
    (tmp_path / ("a" * 64)).mkdir()
    assert cache_trouble(str(tmp_path)) == ""
    assert cache_trouble(str(tmp_path / "new" / "folder")) == ""


def test_what_is_no_folder_is_no_cache(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "exists" in cache_trouble(str(file))
    assert "Not a directory" in cache_trouble(str(file / "below"))


def test_a_volume_is_written_to_its_disk_or_the_run_fails(tmp_path: Path) -> None:
    sync_volume(str(tmp_path))
    with pytest.raises(MoverError, match="could not be written to the volume's disk: No such file"):
        sync_volume(str(tmp_path / "gone"))
