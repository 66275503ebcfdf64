"""Restores of anything over anything, with the rights that a privileged mover has and no others.

What is right is restic's own promise: the selected part of the snapshot is there afterwards, and nothing else is
touched unless files are to be deleted. Where that cannot be, the end names the path.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hack.processes import wait_until
from tests.integration.mover.backends import Trouble, rest_server
from tests.integration.mover.harness import Mover, Ran, capable
from tests.integration.mover.nodes import COMING, THERE, Census, Pair, census, every_pair, restored
from volsync_py.movers.restic.objects import PRIVILEGED_CAPABILITIES, RESTORE_CAPABILITIES
from volsync_py.pod.volume import opened, set_aside

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")


def privileged(mover: Mover) -> Mover:
    """Let the mover have what a privileged restore has."""
    mover.wrapper = capable(*PRIVILEGED_CAPABILITIES, *RESTORE_CAPABILITIES)
    mover.environ["PRIVILEGED_MOVER"] = "1"
    return mover


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory, empty_repository: Path) -> Mover:
    """A mover whose repository holds everything that comes back in any pair, in the root and in a folder."""
    folder = tmp_path_factory.mktemp("pairs")
    mover = Mover(folder / "mover", str(folder / "repository"))
    shutil.copytree(empty_repository, mover.repository)
    outside = mover.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("outside", encoding="utf-8")
    (outside / "inner").write_text("outside", encoding="utf-8")
    (mover.data / "sub").mkdir()
    for below in ("", "sub"):
        for pair in every_pair():
            COMING[pair.coming](os.path.join(os.fsencode(mover.data), below.encode(), pair.name))
    assert mover("backup").code == 0
    return privileged(mover)


def lay_out(mover: Mover, name: str, pairs: Iterable[Pair]) -> Census:
    """Mount a new volume that holds what is there in each of the pairs; return what it holds."""
    mover.mount(name)
    data = os.fsencode(mover.data)
    for pair in pairs:
        for path in filter(None, (pair.name, pair.looks_alike)):
            THERE[pair.there](os.path.join(data, path))
    return census(data)


def restore(mover: Mover, *, deletes: bool, **options: object) -> tuple[Ran, Census, Census]:
    """Restore; return the end, what the volume holds then, and what is beside it."""
    mover.environ["RESTORE_OPTIONS"] = "--delete" if deletes else ""
    mover.run = {"restore": options}
    return mover("restore"), census(os.fsencode(mover.data)), census(os.fsencode(mover.folder / "outside"))


def everything(path: bytes) -> bool:
    """Select all."""
    return True


def files_and_links(path: bytes) -> bool:
    """Select some of the pairs by their beginning."""
    return path.startswith((b"file ", b"link"))


def no_files_and_links(path: bytes) -> bool:
    """Select the others."""
    return not files_and_links(path)


SELECTIONS = [
    pytest.param({}, everything, "", id="all"),
    pytest.param({"include": ["/file *", "/link*"]}, files_and_links, "", id="include"),
    pytest.param({"exclude": ["/file *", "/link*"]}, no_files_and_links, "", id="exclude"),
    pytest.param({"subPath": "/sub"}, everything, "sub", id="subPath"),
]


@pytest.mark.parametrize("deletes", [False, True])
@pytest.mark.parametrize(("options", "selected", "root"), SELECTIONS)
def test_whatever_comes_back_replaces_whatever_is_there_and_nothing_else_is_touched(
    backed_up: Mover,
    request: pytest.FixtureRequest,
    options: dict[str, object],
    selected: Callable[[bytes], bool],
    root: str,
    *,
    deletes: bool,
) -> None:
    pairs = [p for p in every_pair() if not p.cannot_be_cleared and (deletes or not p.needs_deletion)]
    before = lay_out(backed_up, request.node.name, pairs)
    outside = census(os.fsencode(backed_up.folder / "outside"))
    snapshot = census(os.path.join(os.fsencode(backed_up.volume("source")), root.encode()))
    ran, after, beside = restore(backed_up, deletes=deletes, **options)
    assert (ran.code, ran.report.outcome, ran.report.message) == (0, "Succeeded", ""), ran.log
    assert restored(before, snapshot, selected, deletes=deletes) == after
    assert outside == beside
    data = os.fsencode(backed_up.data)
    for pair in pairs:
        if pair.coming == "linked" and selected(pair.name):
            name = os.path.join(data, pair.name)
            assert os.path.samefile(name, name + b".too"), pair


def kinds(found: Census) -> dict[bytes, tuple[str, object]]:
    """Return of each path what it is, and what is in it."""
    return {path: (row[0][0], row[4:]) for path, row in found.items()}


def is_deleted(path: bytes, pairs: Iterable[Pair]) -> bool:
    """Return whether a path is not in the snapshot."""
    return not any(path.startswith(pair.name) for pair in pairs)


def hopeless(pair: Pair, *, deletes: bool) -> bool:
    """Return whether a pair has to end with its name told."""
    return pair.cannot_be_cleared or (pair.needs_deletion and not deletes)


@pytest.mark.parametrize("deletes", [False, True])
def test_what_cannot_be_replaced_is_named_and_stays(backed_up: Mover, *, deletes: bool) -> None:
    pairs = [p for p in every_pair() if hopeless(p, deletes=deletes)]
    for kind in {p.there for p in pairs}:
        of_kind = [p for p in pairs if p.there == kind]
        before = lay_out(backed_up, f"hopeless {kind} {deletes}", of_kind)
        ran, after, _ = restore(backed_up, deletes=deletes)
        assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Configuration", None), ran.log
        named = [p.name.decode(errors="replace") for p in of_kind]
        assert any(name in ran.report.message for name in named), (ran.report.message, named)
        assert "remove it" in ran.report.message
        # restic gives its mode to what it could not replace.
        stays = {p: its for p, its in kinds(before).items() if not deletes or not is_deleted(p, of_kind)}
        assert stays.items() <= kinds(after).items()


@pytest.mark.parametrize("exclude", [[], ["/pipe"]], ids=["it comes back", "it does not come back"])
def test_what_a_killed_mover_has_set_aside_is_put_right_by_the_next_restore(
    mover: Mover, tmp_path: Path, exclude: list[str]
) -> None:
    trouble = Trouble()
    server = rest_server(tmp_path / "repository", trouble)
    mover.repository = f"rest:http://127.0.0.1:{server.port}/"
    mover.write(pipe="a file")
    assert mover("backup").code == 0
    mover.mount("destination")
    os.mkfifo(mover.data / "pipe")
    # What the dry run asks for is in the cache.
    trouble.late, trouble.seconds = "GET /data/", 60
    process = mover.start("restore")
    wait_until("the pipe to be set aside", lambda: bool(list(mover.data.glob(".volsync-py-*/pipe"))))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    trouble.late = "never"
    mover.run["restore"] = {"exclude": exclude, "onMissingSnapshot": "Continue"}
    ran = mover("restore")
    server.stop()
    assert ran.code == 0, ran.log
    assert [path.name for path in mover.data.iterdir()] == ["pipe"]
    assert stat.S_ISFIFO((mover.data / "pipe").lstat().st_mode) is bool(exclude)


def test_what_was_set_aside_is_in_a_backup(mover: Mover) -> None:
    mover.write(a="a")
    with opened(str(mover.data)) as root:
        aside = set_aside(root, "a")
    assert mover("backup").code == 0
    listed = mover.restic("ls", "latest", "--no-lock")
    assert f"/{aside}/a" in {node.get("path") for node in listed}
    assert (mover.data / aside / "a").read_text(encoding="utf-8") == "a"
