"""How the program ends whatever happens: with an exit code and at most one sentence, and never a traceback unasked.

Whoever runs it in a pipe, or with a disk that is full, has done nothing wrong; and a defect has a reader who wants to
go on, and one who is to mend it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from volsync_py.commands.common.called import program
from volsync_py.commands.common.exit_codes import FAILED, INTERRUPTED

# With a value, the traceback of a defect is shown.
DEBUG = "VOLSYNC_PY_DEBUG"
# What a write to a pipe, a file or a terminal fails with; errors of files that a command itself opens have a name.
_OF_WRITING = frozenset(
    {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EBADF, errno.EAGAIN, errno.ENXIO}
)


def ended(run: Callable[[], int], name: str) -> int:
    """Run what has a name to its end, write out what it has printed, and return the exit code."""
    if sys.stdout is None:
        # Closed by whoever has started this: a write fails, as it does for any other program.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    try:
        code = run()
        # Here, and not by the interpreter at its very end, which can only complain.
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.filename is not None or error.errno not in _OF_WRITING:
            return _defect(error, name)
        return _unwritable(error, name)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return _defect(error, name)
    return code


def _unwritable(error: OSError, name: str) -> int:
    """Say why standard output took no more, unless its reader has gone, who wants no more."""
    with suppress(OSError, ValueError):
        # What could not be written is still to be written, and would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        _say(f"{_called(name)}: standard output cannot be written: {error.strerror}")
    return FAILED


def _defect(error: Exception, name: str) -> int:
    """Say where the program is wrong, and how to report it; not the error's own words, which may hold anything."""
    # A manager's log is read by whoever administers it, and nobody can start it again with more words.
    if os.environ.get(DEBUG) or name == "manager":
        raise error
    # Nobody waits for it but who has met a defect.
    import traceback

    ours = f"{os.sep}volsync_py{os.sep}"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if ours in one.filename]
    where = f" in {frames[-1].filename.rpartition(ours)[2]}, line {frames[-1].lineno}" if frames else ""
    _say(
        f"{_called(name)}: this is a defect ({type(error).__name__}{where}); please report it, with what it says with "
        f"{DEBUG}=1 in the environment"
    )
    return FAILED


def _called(name: str) -> str:
    return f"{program()} {name}".strip()


def _say(said: str) -> None:
    # As closed, or as full, as the other one.
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"{said}\n")
