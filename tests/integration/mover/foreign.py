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


@contextmanager
def foreign_client(environ: Mapping[str, str], folder: Path) -> Iterator[set[str]]:
    """Hold a shared lock for as long as the context lasts; `environ` names the repository. Returns the lock's id."""
    restic = str(tool_path("restic"))
    env = {"PATH": os.defpath, "RESTIC_CACHE_DIR": str(folder / "foreign-cache"), **environ}

    def locks() -> set[str]:
        done = subprocess.run([restic, "list", "locks", "--no-lock"], env=env, capture_output=True, text=True)
        return set(done.stdout.split())

    before = locks()
    command = ["unshare", "--uts", "sh", "-c", f'hostname {HOST} && exec "$@"', "sh", restic]
    command += ["backup", "--stdin", "--quiet", "--host", "foreign"]
    process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE)
    assert process.stdin is not None
    try:
        wait_until("the foreign lock", lambda: bool(locks() - before))
        held = locks() - before
        yield held
        assert held <= locks()
    finally:
        process.stdin.write(b"theirs")
        process.stdin.close()
        assert process.wait(60) == 0
