"""The command that looks at what came back: the user's own program, in the restored volume.

It gets nothing of the mover's environment that could be a secret. Its output is read to the end and only the last of it
kept; it, and whatever it has started, ends with its time, with the mover's, and with itself.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress

from attrs import frozen

from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Verification
from volsync_py.pod.environment import MoverError
from volsync_py.pod.session import Session

# All that the command is given of the mover's environment; nothing in it is a key.
_PASSED_ON = ("PATH", "TZ", "LANG", "LC_ALL")
# How much of its output is kept: a screen.
_MOST_BYTES = 8192
_MOST_LINES = 20
# As much of it as fits into a sentence of a condition beside what else is said.
_LONGEST_QUOTE = 300
_TICK_SECONDS = 0.2
# Of <sys/prctl.h>: who has not this attribute, has files below /proc that only root may read.
_PR_SET_DUMPABLE = 4
# What a pipe holds when nobody writes any more; who has left the group might go on for ever.
_MOST_READS = 16
# Long enough for a database that is asked to close its files.
_GRACE_SECONDS = 10.0


@frozen
class CommandEnd:
    """How it ended: its exit code as a shell tells it, its last words, and whether its time was over."""

    code: int
    words: str
    is_late: bool = False


def run_command(session: Session, wanted: Verification, snapshot: str) -> CommandEnd:
    """Run the command to its end."""
    _hide_environment()
    try:
        process = subprocess.Popen(
            list(wanted.command),
            cwd=session.data,
            env=command_environment(session.environ, snapshot),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        text = f"the command of the verification cannot be started: {error}"
        raise MoverError(ErrorClass.CONFIGURATION, text) from None
    with process:
        tail, is_late = _watched(session, process, wanted.command_seconds)
    lines = [line for line in session.log.redact(tail).splitlines() if line.strip()][-_MOST_LINES:]
    for line in lines:
        session.log.said(f"command: {line}")
    if session.restic.interrupted.is_set():
        raise MoverError(ErrorClass.INTERRUPTED, "the command was ended, because the mover was told to stop")
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return CommandEnd(code, " | ".join(lines)[-_LONGEST_QUOTE:], is_late)


def _hide_environment() -> None:
    """Keep the environment of this process, keys and all, from others of the same user: the command is one of them."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def command_environment(environ: Mapping[str, str], snapshot: str) -> dict[str, str]:
    """Return the environment of the command: no key of the repository's, and nothing that could name one."""
    passed = {name: environ[name] for name in _PASSED_ON if name in environ}
    passed.setdefault("PATH", os.defpath)
    return {**passed, "HOME": "/tmp", "DATA_DIR": environ["DATA_DIR"], "VERIFIED_SNAPSHOT": snapshot}


def _watched(session: Session, process: subprocess.Popen[bytes], seconds: float) -> tuple[str, bool]:
    """Return the end of what the command says, and whether it took too long; it has ended by then."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    os.set_blocking(output, False)
    tail, deadline, is_open, ended_by = b"", time.monotonic() + seconds, True, float("inf")
    is_late = False
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while process.poll() is None:
            if is_open and selector.select(_TICK_SECONDS):
                is_open, tail = _more(output, tail)
                if not is_open:
                    selector.unregister(output)
            elif not is_open:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_TICK_SECONDS)
            now = time.monotonic()
            is_late = is_late or now > deadline
            if ended_by == float("inf") and (is_late or session.restic.interrupted.is_set()):
                _signal(process, signal.SIGTERM)
                ended_by = now + _GRACE_SECONDS
            if now > ended_by:
                _signal(process, signal.SIGKILL)
    # Whatever it has started and left behind goes with it.
    _signal(process, signal.SIGKILL)
    for _ in range(_MOST_READS):
        if is_open:
            is_open, tail = _more(output, tail)
    return tail[-_MOST_BYTES:].decode(errors="replace"), is_late


def _more(output: int, tail: bytes) -> tuple[bool, bytes]:
    """Return whether there may be more to read, and the end of what was read so far."""
    try:
        read = os.read(output, 65536)
    except BlockingIOError:
        return True, tail
    return bool(read), (tail + read)[-_MOST_BYTES:]


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Tell the command and all that it has started, which are one group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
