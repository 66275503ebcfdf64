"""One answer of the API server for all who ask the same at the same time.

A thousand objects that become due at once look at the same things of their namespace. Whoever was called before a
read began would have seen the same had its turn come sooner; so it takes that answer, if it is not old, and waits for
one that is under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

from attrs import field, frozen

# An answer is shared for no longer than this, however long a request has waited in the queue.
_LONGEST_SECONDS = 1.0


@frozen(eq=False)
class _Asked:
    began: float
    answer: Future[Any] = field(factory=Future)


class SingleFlight:
    """The reads of the last moment; thread-safe. Who takes an answer must not modify it."""

    def __init__(
        self, *, longest_seconds: float = _LONGEST_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._longest, self._clock = longest_seconds, clock
        self._lock = threading.Lock()
        self._reads: dict[Hashable, _Asked] = {}

    def get(self, key: Hashable, since: float, read: Callable[[], Any]) -> Any:
        """Return what `read` does, or did for somebody else who asked for `key`, but not before `since`.

        A failure is raised for all who wait for it, and for nobody later.
        """
        with self._lock:
            now = self._clock()
            self._forget_before(now - self._longest)
            asked, is_mine = self._reads.get(key), False
            if asked is None or asked.began < since:
                asked, is_mine = _Asked(now), True
                self._reads[key] = asked
        return self._make(key, asked, read) if is_mine else asked.answer.result()

    def __len__(self) -> int:
        return len(self._reads)

    def _make(self, key: Hashable, asked: _Asked, read: Callable[[], Any]) -> Any:
        try:
            answer = read()
        except BaseException as error:
            with self._lock:
                if self._reads.get(key) is asked:
                    del self._reads[key]
            asked.answer.set_exception(error)
            raise
        asked.answer.set_result(answer)
        return answer

    def _forget_before(self, oldest: float) -> None:
        for key in [key for key, asked in self._reads.items() if asked.began < oldest]:
            del self._reads[key]
