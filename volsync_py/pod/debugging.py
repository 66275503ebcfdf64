"""The debug mode of VolSync's annotation enable-debug-mover: the mover waits for a person before it begins.

Differs from VolSync: when the person is done, the run goes on. There it ends, and counts as one that did its work.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from volsync_py.pod.signals import Stop

NAME = "exit-debug-if-removed"
# How often the file is looked for; a person who has removed it waits no longer than this.
_POLL_SECONDS = 0.5


def wait_for_person(log: Callable[[str], None], stop: Stop) -> None:
    """Wait until the file is removed, or the mover told to stop."""
    file = Path(tempfile.gettempdir()) / NAME
    file.touch()
    log("== Debug mode: the mover does nothing until you say so ===")
    log(f"Look around with kubectl exec; the run goes on when {file} is removed")
    while file.exists() and not stop.told:
        time.sleep(_POLL_SECONDS)
    if not stop.told:
        log(f"{file} is gone: the run goes on")
