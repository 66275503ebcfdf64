"""The command of the mover's container: listens for signals, and only then loads and runs the rest."""

from __future__ import annotations

import os
import sys

from volsync_py.pod.signals import Stop


def main() -> None:
    """Run and exit."""
    stop = Stop()
    stop.listen()
    # Imported after the signal handler is set: the import takes most of the mover's start.
    from volsync_py.pod.runner import run

    sys.exit(run(sys.argv[1:], os.environ, stop))
