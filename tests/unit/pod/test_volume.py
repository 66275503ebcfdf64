"""What is done to names of a volume, whatever others do to it meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from volsync_py.pod import volume as module
from volsync_py.pod.volume import entries, hold_pipe, opened, put_back, remove_folder, set_aside, unshare


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with a folder, and beside it one that looks the same."""
    for name in ("volume", "outside"):
        folder = tmp_path / name / "folder"
        (folder / "inner").mkdir(parents=True)
        (folder / "file").write_text(name, encoding="utf-8")
        os.link(folder / "file", folder / "second")
        os.mkfifo(folder / "pipe")
    return tmp_path / "volume"


def swap(volume: Path) -> None:
    """Put a link in the folder's place that leads out of the volume."""
    (volume / "folder").rename(volume / "moved")
    (volume / "folder").symlink_to("../outside/folder")


def look(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_ino, path.lstat().st_nlink) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "act",
    [
        lambda root: set_aside(root, "folder/file"),
        lambda root: put_back(root, "folder/second", "file"),
        lambda root: remove_folder(root, "folder/inner"),
        lambda root: remove_folder(root, "folder"),
        lambda root: hold_pipe(root, "folder/pipe"),
        lambda root: unshare(root, "folder/file"),
        lambda root: list(entries(root)),
    ],
)
def test_a_folder_that_was_swapped_for_a_link_leads_nowhere(volume: Path, act: Callable[[int], object]) -> None:
    with opened(str(volume)) as root:
        swap(volume)
        outside, inside = look(volume.parent / "outside"), look(volume)
        try:
            result = act(root)
        except NotADirectoryError:
            result = None
    assert (outside, inside) == (look(volume.parent / "outside"), look(volume))
    if result:
        assert isinstance(result, list)
        assert {path for path, *_ in result} == {"folder", "moved/file", "moved/second", "moved/pipe"}


@pytest.mark.parametrize("path", ["../outside/folder", "folder/../../outside/folder", "..", ".", ""])
def test_a_path_that_leads_up_leads_nowhere(volume: Path, path: str) -> None:
    with opened(str(volume)) as root:
        assert not set_aside(root, f"{path}/file")
        put_back(root, f"{path}/second", "file")
        assert not remove_folder(root, path)
    assert (volume.parent / "outside" / "folder" / "file").exists()
    assert volume.exists()


def test_a_root_that_is_a_link_is_not_opened(volume: Path) -> None:
    (volume / "link").symlink_to("folder")
    with pytest.raises(NotADirectoryError), opened(str(volume / "link")):
        pass


def test_a_name_gets_a_file_of_its_own_that_is_the_same(volume: Path) -> None:
    file, second = volume / "folder" / "file", volume / "folder" / "second"
    with file.open("wb") as opened_file:
        opened_file.write(b"begins")
        opened_file.seek(1 << 22)
        opened_file.write(b"ends")
        opened_file.truncate(1 << 23)
    os.setxattr(file, "user.mine", b"value")
    if os.geteuid() == 0:
        os.chown(file, 1234, 5678)
    os.chmod(file, 0o2755)
    os.utime(file, ns=(1_000_000_001, 2_000_000_002))
    before = file.stat()
    with opened(str(volume)) as root:
        unshare(root, "folder/file")
    after = file.stat()
    assert (before.st_ino, after.st_nlink, second.stat().st_nlink) == (second.stat().st_ino, 1, 1)
    for what in ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns"):
        assert getattr(before, what) == getattr(after, what)
    assert file.read_bytes() == second.read_bytes()
    assert os.getxattr(file, "user.mine") == b"value"
    assert after.st_blocks < 1000
    assert sorted(os.listdir(volume / "folder")) == ["file", "inner", "pipe", "second"]


def test_the_last_name_of_a_file_keeps_it(volume: Path) -> None:
    with opened(str(volume)) as root:
        unshare(root, "folder/file")
        before = look(volume)
        unshare(root, "folder/second")
    assert before == look(volume)


def test_what_is_no_file_any_more_keeps_its_name(volume: Path) -> None:
    os.link(volume / "folder" / "pipe", volume / "second pipe")
    with opened(str(volume)) as root, pytest.raises(OSError, match="is no file") as raised:
        unshare(root, "folder/pipe")
    assert raised.value.errno == errno.EINVAL
    assert stat.S_ISFIFO((volume / "folder" / "pipe").lstat().st_mode)
    assert sorted(os.listdir(volume / "folder")) == ["file", "inner", "pipe", "second"]


def test_a_path_that_is_longer_than_any_call_takes_is_walked(volume: Path) -> None:
    names, root = ["d" * 250] * 20, os.open(volume, os.O_RDONLY)
    at = root
    for name in names:
        os.mkdir(name, dir_fd=at)
        at = os.open(name, os.O_RDONLY, dir_fd=at)
    os.close(os.open("deep", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    found = [path for path, *_ in entries(root)]
    assert "/".join([*names, "deep"]) in found
    aside = set_aside(root, "/".join([*names, "deep"]))
    assert os.listdir(at) == [aside]
    assert "/".join([*names, "deep"]) in [path for path, *_ in entries(root)]
    aside = set_aside(root, "/".join([*names, "deep"]))
    put_back(root, "/".join([*names, "deep"]), aside)
    assert os.listdir(at) == ["deep"]


@pytest.mark.parametrize("comes_back", [True, False])
def test_what_was_set_aside_is_back_unless_something_else_has_its_name(volume: Path, comes_back: bool) -> None:
    name = volume / "folder" / "file"
    before = name.stat().st_ino
    with opened(str(volume)) as root:
        aside = set_aside(root, "folder/file")
        assert not name.exists()
        if comes_back:
            name.write_text("new", encoding="utf-8")
        put_back(root, "folder/file", aside)
    assert (name.stat().st_ino == before) is not comes_back
    assert not [path for path in name.parent.iterdir() if path.name.startswith(".volsync-py-")]


def names_of(volume: Path) -> set[str]:
    return {str(path.relative_to(volume)) for path in volume.rglob("*")}


@pytest.mark.parametrize("comes_back", [True, False])
def test_what_a_killed_mover_has_set_aside_is_put_right_by_the_next(volume: Path, comes_back: bool) -> None:
    before = names_of(volume)
    with opened(str(volume)) as root:
        for name in ("folder/file", "folder/pipe"):
            assert set_aside(root, name)
        if comes_back:
            (volume / "folder" / "file").write_text("new", encoding="utf-8")
        found = {path for path, *_ in entries(root)}
    assert names_of(volume) == before
    assert found == {"folder/file", "folder/pipe", "folder/second"}
    text = "new" if comes_back else "volume"
    assert (volume / "folder" / "file").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("is_there", [True, False], ids=["its name is there", "its name has gone"])
def test_a_copy_that_a_killed_mover_has_begun_goes(
    volume: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    before = names_of(volume)
    # A process that is killed tidies nothing up.
    for what in ("unlink", "rmdir"):
        monkeypatch.setattr(os, what, lambda *_, **__: None)
    monkeypatch.setattr(module, "_copy", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with opened(str(volume)) as root:
        with pytest.raises(OSError, match="killed"):
            unshare(root, "folder/file")
        monkeypatch.undo()
        assert names_of(volume) != before
        if not is_there:
            (volume / "folder" / "file").unlink()
            before.remove("folder/file")
        assert ("folder/file" in {path for path, *_ in entries(root)}) is is_there
    # Half a copy is nobody's file.
    assert names_of(volume) == before
    assert (volume / "folder" / "second").read_text(encoding="utf-8") == "volume"


OURS = ".volsync-py-" + 32 * "a"


@pytest.mark.parametrize(
    ("name", "mode", "inside"),
    [
        (OURS, 0o755, ["file"]),
        (OURS, 0o700, ["file"]),
        (OURS, 0o1777, ["file"]),
        (OURS, 0o1700, ["file", "file 2"]),
        (OURS, 0o1700, ["folder/"]),
        (".volsync-py-notes", 0o1700, ["file"]),
        (f"{OURS}.bak", 0o1700, ["file"]),
    ],
)
def test_what_only_looks_like_ours_is_not_touched(volume: Path, name: str, mode: int, inside: list[str]) -> None:
    folder = volume / name
    folder.mkdir()
    for one in inside:
        path = folder / one
        path.mkdir() if one.endswith("/") else path.write_text("theirs", encoding="utf-8")
    folder.chmod(mode)
    (volume / f"{OURS[:-1]}b").write_text("a file", encoding="utf-8")
    before = names_of(volume)
    with opened(str(volume)) as root:
        list(entries(root))
    assert names_of(volume) == before
