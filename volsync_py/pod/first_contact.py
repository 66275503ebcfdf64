"""Whether the repository has been heard of at all; until then the contact deadline holds for silence too.

restic has no word for it. It enters a repository that it has opened into its cache, and tells of its work after that.
What was heard of once in a run is not lost because a later request takes long.
"""

from __future__ import annotations

import os
import threading

from volsync_py.pod.completed import CompletedRestic

# Classes that need an answer of the repository: incomplete, missing, locked, wrong password.
_ANSWERED = frozenset({0, 3, 10, 11, 12})


class FirstContact:
    """What one process shows of it; `heard` is that of the whole run."""

    def __init__(self, heard: threading.Event, cache: str) -> None:
        self._heard, self._cache = heard, cache
        self._before = _entered(cache)

    def made(self, *, told: bool) -> bool:
        """Return whether the repository has been heard of; `told`: restic says so, or tells of its work."""
        if not self._heard.is_set() and (told or _entered(self._cache) != self._before):
            self._heard.set()
        return self._heard.is_set()

    def ended(self, how: CompletedRestic) -> None:
        """Take note of how the process ended."""
        if how.missing_bucket or how.code in _ANSWERED:
            self._heard.set()


def _entered(cache: str) -> dict[str, int]:
    """Return when each repository in the cache was last opened, as restic notes it; {} where that is not to be had."""
    try:
        with os.scandir(cache or os.devnull) as found:
            return {entry.name: entry.stat().st_mtime_ns for entry in found if entry.is_dir(follow_symlinks=False)}
    except OSError:
        return {}
