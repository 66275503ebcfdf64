"""A system call of the mover's own that does not come back: a volume whose server is gone answers neither yes nor no.

restic's calls have a deadline, because it is another process (`process.py`). The mover's own, in its main thread, are
seen by another thread in what the kernel counts: a thread that waits in one call does not even leave the processor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

# A call that syncs what was restored writes all that the node's memory holds of it, which takes much longer than any
# other: this many times the silence that counts as a stall, an hour by default.
CALL_FACTOR = 4
# A node that sleeps, or a container that is frozen, is no call that hangs.
_LONGEST_LOOK_SECONDS = 5.0
# Looks during one deadline; fewer would make it too long, more cost something.
_LOOKS = 20
_THREADS = Path("/proc/self/task")


class HungCallWatch:
    """Calls `give_up`, which does not return, when the thread that enters it hangs in one call for too long.

    `is_elsewhere` says whether somebody else's deadline counts, because the thread waits for a process.
    """

    def __init__(self, seconds: float, is_elsewhere: Callable[[], bool], give_up: Callable[[], None]) -> None:
        self._seconds, self._is_elsewhere, self._give_up = seconds, is_elsewhere, give_up
        self._look_seconds = min(seconds / _LOOKS, _LONGEST_LOOK_SECONDS)
        self._over = threading.Event()
        # Nobody goes on while it is given up.
        self._lock = threading.Lock()

    def __enter__(self) -> HungCallWatch:
        """Watch the calling thread from now on."""
        watched = threading.get_native_id()
        threading.Thread(target=self._watch, args=(watched,), name="hung calls", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Watch no more."""
        with self._lock:
            self._over.set()

    def _watch(self, watched: int) -> None:
        before: list[str] | None = None
        hung = 0.0
        while not self._over.wait(self._look_seconds):
            now = counted(watched)
            if now is None or now != before or self._is_elsewhere():
                before, hung = now, 0.0
                continue
            hung += self._look_seconds
            if hung >= self._seconds:
                with self._lock:
                    if not self._over.is_set():
                        self._give_up()
                return


def counted(thread: int, threads: Path = _THREADS) -> list[str] | None:
    """Return what changes whenever a thread of this process does anything, or None if that cannot be seen.

    How often it has left the processor, and its time on it: one sandbox or the other counts only one of them.
    """
    try:
        status = (threads / str(thread) / "status").read_text(encoding="utf-8", errors="replace").splitlines()
        # Behind the name, which may hold anything: user and system time are fields 14 and 15 of proc(5).
        stat = (threads / str(thread) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return [*(line for line in status if "ctxt_switches" in line), *stat[11:13]]
