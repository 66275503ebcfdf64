"""Commands as processes, as somebody types them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO


def started(kubeconfig: Path, *words: str, called: str = "volsync-py", **env: str) -> subprocess.Popen[str]:
    """Start a command."""
    program = [str(Path(sys.executable).with_name(called)), *words]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "COLUMNS": "100", **env}
    pipe = subprocess.PIPE
    return subprocess.Popen(program, env=environment, stdout=pipe, stderr=pipe, text=True)


def command(kubeconfig: Path, *words: str, called: str = "volsync-py", **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    with started(kubeconfig, *words, called=called, **env) as process:
        try:
            out, err = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def into_full_disk(kubeconfig: Path, *words: str) -> tuple[int, str]:
    """Run a command whose output finds no room, and return its exit code and what it says of that."""
    program = [str(Path(sys.executable).with_name("volsync-py")), *words]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            program, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=90, check=False
        )
    return done.returncode, done.stderr


def read_until(stream: IO[str] | None, text: str) -> str:
    """Return what a process says up to a line with the text."""
    assert stream is not None
    said = ""
    while text not in said:
        line = stream.readline()
        assert line, said
        said += line
    return said
