"""Somebody else who works on a repository, from a machine of another name: a real restic that holds a real lock."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hack.processes import wait_until
from hack.tool_cache import tool_path

HOST = "somebody-elses-host"


def leave_lock(environ: Mapping[str, str], folder: Path, host: str) -> None:
    """Leave the lock of a backup that was killed on a host of that name; `environ` names the repository."""
    process = _backup(_environment(environ, folder), host)
    try:
        _wait_for_lock(environ, folder, set())
    finally:
        # The shell has become restic, which gets no time to take its lock away.
        process.kill()
        process.communicate()


def locks_of(environ: Mapping[str, str], folder: Path) -> set[str]:
    """Return the ids of the locks of a repository."""
    # Two that make a cache at once are in each other's way.
    command = [str(tool_path("restic")), "list", "locks", "--no-lock", "--no-cache"]
    done = subprocess.run(command, env=_environment(environ, folder), capture_output=True, text=True)
    return set(done.stdout.split())


def _environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "RESTIC_CACHE_DIR": str(folder / "foreign-cache"), **environ}


def _wait_for_lock(environ: Mapping[str, str], folder: Path, before: set[str]) -> set[str]:
    wait_until("the foreign lock", lambda: bool(locks_of(environ, folder) - before))
    return locks_of(environ, folder) - before


def _backup(env: dict[str, str], host: str) -> subprocess.Popen[bytes]:
    restic = str(tool_path("restic"))
    command = ["unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh", restic]
    return subprocess.Popen(
        [*command, "backup", "--stdin", "--quiet", "--host", "foreign"], env=env, stdin=subprocess.PIPE
    )


@contextmanager
def foreign_client(environ: Mapping[str, str], folder: Path) -> Iterator[set[str]]:
    """Hold a shared lock for as long as the context lasts; `environ` names the repository. Returns the lock's id."""
    before = locks_of(environ, folder)
    process = _backup(_environment(environ, folder), HOST)
    assert process.stdin is not None
    try:
        held = _wait_for_lock(environ, folder, before)
        yield held
        assert held <= locks_of(environ, folder)
    finally:
        process.stdin.write(b"theirs")
        process.stdin.close()
        assert process.wait(60) == 0
