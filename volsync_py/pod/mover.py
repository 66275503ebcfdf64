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
    from volsync_py.contract.questions import ASK, WAIT

    if sys.argv[1:] == [WAIT]:
        from volsync_py.pod.waiting import wait

        sys.exit(wait(os.environ, stop))
    if sys.argv[1:] == [ASK]:
        from volsync_py.pod.answering import answer

        sys.exit(answer(os.environ, stop))
    from volsync_py.pod.given import given_environment
    from volsync_py.pod.runner import run

    sys.exit(run(sys.argv[1:], given_environment(os.environ), stop))
