"""Who the mover is: process 1, any user, root without its rights. And what it does when told to stop early."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import wait_until
from hack.tool_cache import tool_path
from tests.integration.mover.harness import Mover, capable
from volsync_py.movers.restic.objects import PRIVILEGED_CAPABILITIES, RESTORE_CAPABILITIES

# In no passwd file.
NOBODY = 54321
# Everything is loaded before the user changes, because what the tests are run from may be nobody else's to read.
BECOME_NOBODY = f"""
import ctypes, encodings.ascii, encodings.utf_16_be, os, pkgutil, traceback
import volsync_py.pod
for module in pkgutil.iter_modules(volsync_py.pod.__path__):
    __import__("volsync_py.pod." + module.name)
os.setgroups([]); os.setresgid({NOBODY}, {NOBODY}, {NOBODY}); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
"""
NO_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
# As in a pod: only what is mounted can be written, and the folder for temporary files.
READ_ONLY_ROOT = ["unshare", "--mount", "sh", "-ec"]
READ_ONLY_ROOT += [
    'mount --bind /tmp /tmp; mount -o remount,bind,ro /; if touch /written 2>&-; then exit 99; fi; exec "$@"',
    "sh",
]
PROCESS_1 = ["unshare", "--pid", "--fork", "--kill-child"]
# Sends the signal once the mover has begun to load the rest of itself, and goes on as if nothing had been.
STOP_WHILE_LOADING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "volsync_py.pod.session":
            os.kill(os.getpid(), signal.SIGTERM)
        return None
sys.meta_path.insert(0, Finder())
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def nobodys() -> Iterator[Mover]:
    """A mover of a user that the system does not know, in a folder that this user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="mover-", dir="/tmp"))
    folder.chmod(0o755)
    mover = Mover(folder / "mover", str(folder / "mover" / "repository"))
    program = folder / "bin" / "restic"
    program.parent.mkdir()
    shutil.copy(tool_path("restic"), program)
    mover.environ["PATH"] = f"{program.parent}:{os.defpath}"
    mover.preamble = BECOME_NOBODY
    for path in (mover.folder, mover.data, mover.cache):
        os.chown(path, NOBODY, NOBODY)
    yield mover
    shutil.rmtree(folder)


def test_a_user_that_the_system_does_not_know_backs_up_and_restores(nobodys: Mover) -> None:
    assert "HOME" not in nobodys.environment()
    nobodys.wrapper = READ_ONLY_ROOT
    nobodys.write(plain="hello", folder__inner="more")
    for operations in (["backup"], ["backup", "prune"], ["restore"]):
        ran = nobodys(*operations)
        assert (ran.code, ran.report.error_class) == (0, ""), ran.log


def test_a_cache_of_an_earlier_user_is_made_anew(nobodys: Mover) -> None:
    nobodys.write(plain="hello")
    nobodys.environ["FORGET_OPTIONS"] = "--keep-last 1"
    nobodys.preamble = ""
    assert nobodys("backup").code == 0
    # What the kubelet does with a volume whose pod has an fsGroup.
    subprocess.run(["chgrp", "-R", str(NOBODY), nobodys.cache], check=True)
    subprocess.run(["chmod", "-R", "g+rwX", nobodys.cache], check=True)
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", nobodys.repository], check=True)
    nobodys.preamble = BECOME_NOBODY
    for times in (1, 0):
        ran = nobodys("backup")
        assert (ran.code, ran.report.error_class, ran.log.count("which is made anew")) == (0, "", times), ran.log
    (cache,) = (path for path in nobodys.cache.iterdir() if path.is_dir())
    assert cache.stat().st_uid == NOBODY


def test_a_folder_of_the_file_system_that_may_not_be_read_holds_up_no_restore(nobodys: Mover) -> None:
    nobodys.write(plain="hello")
    os.chown(nobodys.data / "plain", NOBODY, NOBODY)
    assert nobodys("backup").code == 0
    (nobodys.data / "lost+found").mkdir(mode=0o700)
    nobodys.write(plain="hello again")
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert (nobodys.data / "plain").read_text(encoding="utf-8") == "hello"


def test_a_linked_file_that_may_not_be_made_anew_ends_a_restore_and_says_so(nobodys: Mover) -> None:
    nobodys.write(folder__plain="hello")
    assert nobodys("backup").code == 0
    nobodys.write(folder__plain="hello again")
    os.link(nobodys.data / "folder" / "plain", nobodys.data / "second")
    os.chown(nobodys.data / "folder", 0, 0)
    (nobodys.data / "folder").chmod(0o755)
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class) == (1, "Configuration"), ran.log
    assert "folder/plain" in ran.report.message
    assert ran.report.restored is None


def test_a_cache_that_may_not_be_written_is_done_without(nobodys: Mover) -> None:
    nobodys.write(plain="hello")
    nobodys.environ["FORGET_OPTIONS"] = "--keep-last 3"
    os.chown(nobodys.cache, 0, 0)
    for operation in ("backup", "restore"):
        ran = nobodys(operation)
        assert (ran.code, ran.report.error_class) == (0, ""), ran.log
        assert "the cache cannot be used" in ran.log


def test_a_cache_that_another_user_made_is_done_without(nobodys: Mover) -> None:
    nobodys.write(plain="hello")
    assert nobodys("backup").code == 0
    for path in nobodys.cache.iterdir():
        os.chown(path, 0, 0)
    ran = nobodys("backup")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert "the cache cannot be used" in ran.log


def test_root_without_rights_learns_what_to_set_when_files_are_somebody_elses(mover: Mover) -> None:
    mover.write(plain="hello")
    os.chown(mover.data / "plain", NOBODY, NOBODY)
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.wrapper = NO_RIGHTS
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (1, "Configuration"), ran.log
    assert "privileged movers" in ran.report.message
    assert "moverSecurityContext" in ran.report.message
    assert ran.report.restored is None


def test_root_without_rights_learns_what_to_set_when_the_volume_itself_is_somebody_elses(mover: Mover) -> None:
    mover.write(plain="hello")
    os.chown(mover.data, NOBODY, NOBODY)
    mover.data.chmod(0o700)
    mover.wrapper = NO_RIGHTS
    ran = mover("backup")
    assert (ran.code, ran.report.error_class) == (1, "Configuration"), ran.log
    assert "the volume cannot be read: Permission denied; the mover's user may not do that" in ran.report.message
    assert "moverSecurityContext" in ran.report.message


def test_root_without_rights_restores_what_is_its_own(mover: Mover) -> None:
    mover.write(plain="hello")
    mover.wrapper = NO_RIGHTS
    assert mover("backup").code == 0
    mover.mount("destination")
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log


def test_process_1_that_is_told_to_stop_while_it_loads_does_stop(new_mover: Mover) -> None:
    new_mover.write(plain="hello")
    new_mover.wrapper, new_mover.preamble = PROCESS_1, STOP_WHILE_LOADING
    ran = new_mover("backup")
    assert (ran.code, ran.report.error_class) == (130, "Interrupted"), ran.log
    assert not Path(new_mover.repository).exists()


def test_process_1_that_is_told_to_stop_in_mid_backup_does_stop(new_mover: Mover) -> None:
    (new_mover.data / "random").write_bytes(os.urandom(20_000_000))
    new_mover.run["backup"] = {"uploadKiBps": 2000}
    new_mover.wrapper = PROCESS_1
    process = new_mover.start("backup")
    wait_until("the repository", Path(new_mover.repository, "config").exists)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout
    os.kill(int(children), signal.SIGTERM)
    ran = new_mover.finish(process)
    assert (ran.code, ran.report.error_class) == (130, "Interrupted"), ran.log
    new_mover.wrapper, new_mover.run = [], {}
    assert new_mover("backup").code == 0


@pytest.mark.parametrize("is_privileged", [False, True])
def test_device_nodes_that_the_mover_may_not_make_are_left_out_and_named(mover: Mover, *, is_privileged: bool) -> None:
    mover.write(plain="hello")
    (mover.data / "dev").mkdir()
    os.mknod(mover.data / "dev" / "null", 0o644 | stat.S_IFCHR, os.makedev(1, 3))
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.environ["PRIVILEGED_MOVER"] = str(int(is_privileged))
    # As in a user namespace, where nobody may.
    mover.wrapper = capable(*PRIVILEGED_CAPABILITIES) if is_privileged else NO_RIGHTS
    ran = mover("restore")
    assert (ran.code, ran.report.outcome, ran.report.error_class) == (0, "Warning", "Partial"), ran.log
    assert "1 device nodes were left out" in ran.report.message
    assert "'dev/null'" in ran.report.message
    assert ("privileged movers" in ran.report.message) == (not is_privileged)
    assert ran.report.restored is not None
    assert ran.report.restored.files == 2
    assert {path.name for path in mover.data.rglob("*")} == {"plain", "dev"}


def test_a_device_node_beside_another_error_does_not_hide_it(mover: Mover) -> None:
    mover.write(plain="hello")
    os.chown(mover.data / "plain", NOBODY, NOBODY)
    os.mknod(mover.data / "null", 0o644 | stat.S_IFCHR, os.makedev(1, 3))
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.wrapper = NO_RIGHTS
    ran = mover("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Configuration", None), ran.log


def test_a_device_node_is_no_reason_to_leave_the_reading_back_out(mover: Mover) -> None:
    os.mknod(mover.data / "null", 0o644 | stat.S_IFCHR, os.makedev(1, 3))
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.wrapper, mover.run["restore"] = NO_RIGHTS, {"verify": True}
    ran = mover("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Configuration", None), ran.log
    assert "'null'" in ran.report.message
    assert "exclude it" in ran.report.message


def test_a_privileged_mover_that_is_refused_something_is_not_told_to_become_privileged(mover: Mover) -> None:
    mover.write(plain="hello")
    os.chown(mover.data / "plain", NOBODY, NOBODY)
    assert mover("backup").code == 0
    mover.mount("destination")
    # As on a server that takes root's rights away.
    mover.wrapper, mover.environ["PRIVILEGED_MOVER"] = NO_RIGHTS, "1"
    ran = mover("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Configuration", None), ran.log
    assert "'plain'" in ran.report.message
    assert "even a privileged mover" in ran.report.message
    assert "let the namespace" not in ran.report.message


@pytest.mark.parametrize("rights", [[], capable(*PRIVILEGED_CAPABILITIES, *RESTORE_CAPABILITIES)])
def test_attributes_of_the_old_node_stay_behind_and_those_of_the_user_come_back(
    mover: Mover, rights: list[str]
) -> None:
    mover.write(plain="hello")
    for name in ("user.mine", "security.theirs", "trusted.theirs"):
        os.setxattr(mover.data / "plain", name, b"value")
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.wrapper = rights
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert os.listxattr(mover.data / "plain") == ["user.mine"]


def test_a_shared_file_that_cannot_be_copied_is_read_back_so_that_no_zeros_pass(nobodys: Mover) -> None:
    names = [os.path.join(os.fsencode(nobodys.data), name) for name in (b"odd \xff", b"other \xff")]
    with open(names[0], "wb") as file:
        file.write(b"hello")
    assert nobodys("backup").code == 0
    with open(names[0], "ab") as file:
        file.write(b" and more")
    os.link(*names)
    os.chmod(names[0], 0o666)
    os.chown(names[0], 0, 0)
    ran = nobodys("restore")
    assert (ran.code, ran.report.restored) == (1, None), ran.log
    assert "odd" in ran.report.message
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    for name, expected in zip(names, (b"hello", b"hello and more"), strict=True):
        with open(name, "rb") as file:
            assert file.read() == expected


ZEROS = bytes(200_000)


def give(mover: Mover, name: str, mode: int, owner: int) -> None:
    """Give a file to somebody, with the mover's group."""
    os.chmod(mover.data / name, mode)
    os.chown(mover.data / name, owner, NOBODY)


@pytest.mark.parametrize(
    ("mode", "owner"), [(0o000, NOBODY), (0o200, NOBODY), (0o220, NOBODY), (0o300, NOBODY), (0o620, 23456)]
)
def test_zeros_come_back_over_a_file_that_may_be_written_and_not_read(nobodys: Mover, mode: int, owner: int) -> None:
    # Both what is smaller than one of restic's blobs, and what has other blobs around the zeros.
    disk = os.urandom(1 << 20) + bytes(6 << 20) + os.urandom(1 << 20)
    (nobodys.data / "file").write_bytes(ZEROS)
    (nobodys.data / "disk").write_bytes(disk)
    assert nobodys("backup").code == 0
    (nobodys.data / "file").write_bytes(b"x" * len(ZEROS))
    (nobodys.data / "disk").write_bytes(b"x" * len(disk))
    for name in ("file", "disk"):
        give(nobodys, name, mode, owner)
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert (nobodys.data / "file").read_bytes() == ZEROS
    assert (nobodys.data / "disk").read_bytes() == disk
    assert sorted(path.name for path in nobodys.data.iterdir()) == ["disk", "file"]


def test_a_file_that_may_not_be_read_and_does_not_come_back_is_not_touched(nobodys: Mover) -> None:
    nobodys.write(plain="hello")
    assert nobodys("backup").code == 0
    nobodys.write(other="mine")
    give(nobodys, "other", 0o200, NOBODY)
    before = (nobodys.data / "other").stat()
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    after = (nobodys.data / "other").stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


def test_a_file_that_may_not_be_read_is_back_when_a_restore_fails(nobodys: Mover) -> None:
    nobodys.write(folder__plain="hello", file="old")
    assert nobodys("backup").code == 0
    nobodys.write(folder__plain="hello again", file="new")
    give(nobodys, "file", 0o200, NOBODY)
    give(nobodys, "folder/plain", 0o200, NOBODY)
    os.chown(nobodys.data / "folder", 0, 0)
    (nobodys.data / "folder").chmod(0o755)
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Configuration", None), ran.log
    assert "'folder/plain' has to be made anew" in ran.report.message
    assert (nobodys.data / "file").read_text(encoding="utf-8") == "new"
    assert (nobodys.data / "folder" / "plain").read_text(encoding="utf-8") == "hello again"


def test_a_file_that_may_not_be_read_and_whose_name_is_no_text_is_read_back(nobodys: Mover) -> None:
    name = os.path.join(os.fsencode(nobodys.data), b"odd \xff")
    with open(name, "wb") as file:
        file.write(ZEROS)
    assert nobodys("backup").code == 0
    with open(name, "wb") as file:
        file.write(b"x" * len(ZEROS))
    os.chown(name, NOBODY, NOBODY)
    os.chmod(name, 0o200)
    ran = nobodys("restore")
    assert (ran.code, ran.report.restored) == (1, None), ran.log
    assert "odd" in ran.report.message
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    with open(name, "rb") as file:
        assert file.read() == ZEROS


def test_what_the_mover_may_neither_read_nor_write_is_not_replaced(nobodys: Mover) -> None:
    nobodys.write(plain="hello")
    assert nobodys("backup").code == 0
    nobodys.write(plain="somebody's")
    os.chown(nobodys.data / "plain", 23456, 23456)
    (nobodys.data / "plain").chmod(0o600)
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Configuration", None), ran.log
    assert (nobodys.data / "plain").read_text(encoding="utf-8") == "somebody's"


def test_what_is_written_into_a_folder_that_may_not_be_listed_is_read_back(nobodys: Mover) -> None:
    nobodys.write(folder__file="")
    (nobodys.data / "folder" / "file").write_bytes(ZEROS)
    assert nobodys("backup").code == 0
    (nobodys.data / "folder" / "file").write_bytes(b"x" * len(ZEROS))
    give(nobodys, "folder/file", 0o200, NOBODY)
    give(nobodys, "folder", 0o300, NOBODY)
    ran = nobodys("restore")
    assert (ran.code, ran.report.restored) == (1, None), ran.log
    # What the first attempt brought back may be read.
    ran = nobodys("restore")
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert (nobodys.data / "folder" / "file").read_bytes() == ZEROS
