"""Who the mover is: process 1, any user, root without its rights. And what it does when told to stop early."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import wait_until
from hack.tool_cache import tool_path
from tests.integration.mover.harness import Mover

# In no passwd file.
NOBODY = 54321
# Everything is loaded before the user changes, because what the tests are run from may be nobody else's to read.
BECOME_NOBODY = f"""
import ctypes, encodings.ascii, os, pkgutil, traceback
import volsync_py.restic
for module in pkgutil.iter_modules(volsync_py.restic.__path__):
    __import__("volsync_py.restic." + module.name)
os.setgroups([]); os.setresgid({NOBODY}, {NOBODY}, {NOBODY}); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
"""
NO_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
PROCESS_1 = ["unshare", "--pid", "--fork", "--kill-child"]
# Sends the signal once the mover has begun to load the rest of itself, and goes on as if nothing had been.
STOP_WHILE_LOADING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "volsync_py.restic.session":
            os.kill(os.getpid(), signal.SIGTERM)
        return None
sys.meta_path.insert(0, Finder())
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def nobodys() -> Iterator[Mover]:
    """A mover of a user that the system does not know, in a folder that this user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="mover-"))
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
    nobodys.write(plain="hello", folder__inner="more")
    for operations in (["backup"], ["backup", "prune"], ["restore"]):
        ran = nobodys(*operations)
        assert (ran.code, ran.report.error_class) == (0, ""), ran.log


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
