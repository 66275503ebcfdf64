"""An informer that a test looks at, and the server's side of what it asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from attrs import define, field

from tests.integration.kube.peer import Asked, Say, pod, pods
from volsync_py.kube.client import Client
from volsync_py.kube.informer import Informer
from volsync_py.kube.resources import PODS, Resource


@define
class Clock:
    """Time that passes only while the informer waits, so that a test sees every pause and waits for none."""

    now: float = 1000.0
    pauses: list[float] = field(factory=list)
    most: int = 12
    enough: threading.Event = field(factory=threading.Event)
    stop: Callable[[], None] = lambda: None

    def read(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.pauses.append(seconds)
        if len(self.pauses) >= self.most:
            self.stop()
            self.enough.set()
            return True
        return False


class Followed:
    """An informer and what its handler was told."""

    def __init__(
        self, client: Client, resource: Resource = PODS, *, pauses: int = 12, clock: Clock | None = None, **options: Any
    ) -> None:
        self.clock = clock or Clock(most=pauses)
        self.errors: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.news = threading.Condition()
        self.informer = Informer(
            client,
            resource,
            on_error=self._failed,
            clock=self.clock.read,
            wait=self.clock.wait,
            **options,
        )
        self.clock.stop = self.informer.stop
        self.informer.add_handler(self._handle)
        self.thread = threading.Thread(target=self.informer.run, daemon=True)
        self.thread.start()

    def _failed(self, resource: Resource, error: Exception) -> None:
        with self.news:
            self.errors.append(type(error).__name__)
            self.news.notify_all()

    def _handle(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        what = "gone" if new is None else "new" if old is None else "changed"
        with self.news:
            self.told.append((what, (new or old or {})["metadata"]["name"]))
            self.news.notify_all()

    def wait_told(self, number: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.told) >= number, 20), self.told

    def wait_errors(self, number: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.errors) >= number, 20), self.errors

    def names(self) -> list[str]:
        return sorted(o["metadata"]["name"] for o in self.informer.store.list())


def script(*, lists: Callable[[int], Say], watches: Callable[[int], Say]) -> Callable[[Asked], Say]:
    """Return a script that answers the n-th list and the n-th watch."""
    counts = {"list": 0, "watch": 0}

    def answer(asked: Asked) -> Say:
        kind = "watch" if asked.is_watch else "list"
        number = counts[kind]
        counts[kind] += 1
        return (watches if kind == "watch" else lists)(number)

    return answer


def good_list(number: int) -> Say:
    return Say(pods(10, pod("a", 5)))


def versions(asked: list[Asked]) -> list[str]:
    """Return where each watch began."""
    return [a.query["resourceVersion"] for a in asked if a.is_watch]


def lists_of(asked: list[Asked]) -> list[Asked]:
    return [a for a in asked if not a.is_watch]


def quiet_watch(number: int) -> Say:
    return Say(lines=(), hold=True)
