"""An archive from a repository is unpacked below its folder, whatever names and links it has."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from volsync_py.commands.repository.download import _Unpacking
from volsync_py.commands.repository.entries import Lines, entry_of
from volsync_py.commands.repository.unpacked_tree import Tree


def archive(*members: tuple[str, bytes, str]) -> bytes:
    """Return a tar archive of (name, type, content or target)."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, kind, text in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = text
            info.size = len(text) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(text.encode()) if kind == tarfile.REGTYPE else None)
    return made.getvalue()


def unpacked(folder: Path, data: bytes, path: str = "/a/b") -> Tree:
    (folder / "in").mkdir()
    with _Unpacking(folder / "in", path) as unpacking:
        for at in range(0, len(data), 1000):
            unpacking.write(data[at : at + 1000])
    return unpacking.tree


def test_what_is_below_the_folder_is_written_under_its_own_name(tmp_path: Path) -> None:
    done = unpacked(
        tmp_path,
        archive(
            ("a/b", tarfile.DIRTYPE, ""),
            ("a/b/c/d.txt", tarfile.REGTYPE, "text"),
            ("a/b/near", tarfile.SYMTYPE, "c/d.txt"),
        ),
    )
    assert (tmp_path / "in" / "c" / "d.txt").read_text(encoding="utf-8") == "text"
    assert (tmp_path / "in" / "near").read_text(encoding="utf-8") == "text"
    assert (done.files, done.bytes, done.left_out) == (1, 4, [])


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("a/b/../out", tarfile.REGTYPE, "x"),
        ("a/b/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("a/b/link", tarfile.SYMTYPE, "../../out"),
        ("a/b/link", tarfile.SYMTYPE, "c/../../out"),
        ("a/b/link", tarfile.SYMTYPE, "c/.."),
        ("a/b/hard", tarfile.LNKTYPE, "../out"),
        ("a/b/hard", tarfile.LNKTYPE, "a/b/good"),
        ("a/b/device", tarfile.CHRTYPE, ""),
        ("a/b/pipe", tarfile.FIFOTYPE, ""),
    ],
)
def test_what_leads_out_of_it_or_is_no_file_is_left_out(tmp_path: Path, name: str, kind: bytes, text: str) -> None:
    done = unpacked(tmp_path, archive((name, kind, text), ("a/b/good", tarfile.REGTYPE, "y")))
    assert done.left_out == [f"/{name}"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["good"]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_nothing_is_written_through_a_link_of_the_archive(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    data = archive(("a/b/l", tarfile.SYMTYPE, str(outside)), ("a/b/l/file", tarfile.REGTYPE, "x"))
    unpacked(tmp_path, data)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("first", ["link", "below"])
def test_a_link_is_no_folder_of_what_follows(tmp_path: Path, first: str) -> None:
    members = [("a/b/l", tarfile.SYMTYPE, "c"), ("a/b/l/m", tarfile.SYMTYPE, "../d")]
    done = unpacked(tmp_path, archive(("a/b/c", tarfile.DIRTYPE, ""), *members[:: 1 if first == "link" else -1]))
    assert done.left_out == [f"/{members[1 if first == 'link' else 0][0]}"]
    assert list((tmp_path / "in" / "c").iterdir()) == []


def test_links_that_make_a_path_too_long_to_resolve_lead_nowhere(tmp_path: Path) -> None:
    victim, steps = tmp_path / "victim", "abcdefghijklmnop"
    victim.write_text("untouched", encoding="utf-8")
    # All folders together are a path that can be written, and one name more is none that can be resolved.
    long = "d" * ((3990 - len(str(tmp_path / "in"))) // len(steps) - 1)
    members, path = [], "a/b"
    for step in steps:
        members += [(f"{path}/{long}", tarfile.DIRTYPE, ""), (f"{path}/{step}", tarfile.SYMTYPE, long)]
        path += f"/{long}"
    up = f"{'/'.join(steps)}/{'l' * 254}"
    members += [
        (f"a/b/{up}", tarfile.SYMTYPE, "../" * len(steps)),
        ("a/b/escape", tarfile.SYMTYPE, f"{up}/.."),
        ("a/b/hard", tarfile.LNKTYPE, "a/b/escape/victim"),
        ("a/b/hard", tarfile.REGTYPE, "overwritten"),
        ("a/b/escape/victim", tarfile.REGTYPE, "overwritten"),
        ("a/b/escape/new", tarfile.REGTYPE, "new"),
    ]
    done = unpacked(tmp_path, archive(*members))
    assert done.left_out[:1] == ["/a/b/hard"]
    assert victim.read_text(encoding="utf-8") == "untouched"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "victim"]


def test_of_two_entries_of_one_name_the_first_is_written(tmp_path: Path) -> None:
    done = unpacked(
        tmp_path, archive(*((f"a/b/{n}", tarfile.REGTYPE, t) for n, t in (("f", "1"), ("f", "2"), ("f/g", "3"))))
    )
    assert (done.left_out, done.files) == (["/a/b/f", "/a/b/f/g"], 1)
    assert (tmp_path / "in" / "f").read_text(encoding="utf-8") == "1"


def test_an_archive_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(tarfile.TarError):
        unpacked(tmp_path, b"no archive at all" * 100)


def test_lines_are_read_whatever_the_pieces() -> None:
    text = b'{"path": "/a", "type": "file", "size": 3}\nnonsense\n{"path": 1}\n'
    text += b'{"path": "b"}\n{"path": "/c", "type": "dir"}\n'
    for length in (1, 7, 1000):
        lines = Lines()
        values = [value for at in range(0, len(text), length) for value in lines.take(text[at : at + length])]
        entries = [entry for value in values if (entry := entry_of(value)) is not None]
        assert [(entry.path, entry.kind, entry.size) for entry in entries] == [("/a", "file", 3), ("/c", "dir", 0)]
