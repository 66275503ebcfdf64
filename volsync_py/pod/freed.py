"""Whether room is being freed in a volume: all that can be seen of restic while it deletes a folder.

restic tells of what it has deleted when the whole folder has gone, and moves no bytes until then.
"""

from __future__ import annotations

import os
import threading

# A file a second is progress.
_LOOK_SECONDS = 0.5


class Freed:
    """Counts how often there was more room than before, until it is stopped."""

    def __init__(self, folder: str) -> None:
        self.times = 0
        self._folder = folder
        self._over = threading.Event()
        # Beside the others: a file system that hangs lets nobody look at it.
        threading.Thread(target=self._look, daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _look(self) -> None:
        free: tuple[int, int] | None = None
        while not self._over.wait(_LOOK_SECONDS):
            try:
                of = os.statvfs(self._folder)
            except OSError:
                continue
            if free is not None and (of.f_ffree > free[0] or of.f_bfree > free[1]):
                self.times += 1
            free = (of.f_ffree, of.f_bfree)
