"""Become a command that ends when whoever started it ends, however that happens: `die_with_parent.py PID COMMAND...`.

The process keeps its id, so that who kills it kills the command. Standard library only, and quick to start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # It may have ended before it was asked to be told.
    if os.getppid() != parent:
        sys.exit(143)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
