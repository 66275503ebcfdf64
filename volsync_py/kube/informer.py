"""A store that follows the API server: list, then watch, for ever, at a bounded pace.

Guarantees: the store is complete once `has_synced`; handlers hear of every difference, also of what
happened while the watch was down; however the server fails, requests come at most at the pace of
`Backoff`; nothing that an object, a handler or a hook does ends it. An optional API that is not served
counts as empty, and is looked for again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeGuard

from volsync_py.kube.backoff import Backoff
from volsync_py.kube.client import Client
from volsync_py.kube.errors import Expired, KubeError, NotFound, TooManyRequests, Unreachable, from_status
from volsync_py.kube.resources import Object, Resource
from volsync_py.kube.store import Changes, Indexer, Store, Transform

Handler = Callable[[Object | None, Object | None], None]
ErrorHook = Callable[[Resource, Exception], None]

# How long a watch is asked to last; random, so that many clients do not reconnect at the same time.
_WATCH_SECONDS = (300, 600)
# A stream that ends sooner is a failure, though it may look like a normal end.
_SHORTEST_WATCH_SECONDS = 1.0
# How often an optional API that is not served is looked for.
_ABSENT_SECONDS = 60.0


class Informer:
    """One kind of objects, kept up to date in a store.

    `on_error` hears of whatever went wrong: requests, streams that end early, objects that cannot be
    digested, handlers that fail.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        indexers: Mapping[str, Indexer] | None = None,
        transform: Transform | None = None,
        optional: bool = False,
        on_error: ErrorHook | None = None,
        watch_seconds: tuple[int, int] = _WATCH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self.resource = resource
        self.store = Store(indexers, transform)
        self._client = client
        self._namespace = namespace
        self._selector = label_selector
        self._optional = optional
        self._on_error = on_error or (lambda resource, error: None)
        self._watch_seconds = watch_seconds
        self._clock = clock
        self._stop = threading.Event()
        # Sleeps for so many seconds or until stop(); returns whether it was stopped.
        self._wait = wait or self._stop.wait
        self._synced = threading.Event()
        self._backoff = Backoff(clock)
        self._handlers: list[Handler] = []
        self._list_handlers: list[Callable[[], None]] = []
        # resourceVersion at which the next watch starts; "": list first.
        self._version = ""
        self._thread = threading.Thread(target=self.run, name=f"informer-{resource.plural}", daemon=True)

    def add_handler(self, handler: Handler) -> None:
        """Call `handler(old, new)` for each change; before `start`."""
        self._handlers.append(handler)

    def add_list_handler(self, handler: Callable[[], None]) -> None:
        """Call `handler` after each complete list, so also when an optional API has come; before `start`."""
        self._list_handlers.append(handler)

    @property
    def has_synced(self) -> bool:
        """Whether the store holds a complete list."""
        return self._synced.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; the thread is a daemon, so a request that hangs holds nothing up."""
        self._stop.set()

    def run(self) -> None:
        """List and watch until stopped."""
        while not self._stop.is_set():
            try:
                if not self._version:
                    self._list()
                self._watch()
            except Expired as error:
                # A list mends this; a server that answers 410 again and again is asked at the pace of failures.
                self._version = ""
                self._failed(error)
            except NotFound as error:
                self._version = ""
                self._absent(error)
            except KubeError as error:
                # The store has the events so far; the next watch starts after them.
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - the loop must survive any answer
                self._version = ""
                self._failed(error)

    def _list(self) -> None:
        items: list[Object] = []
        token, version = "", ""
        while True:
            # Always the most recent version: a list from the server's cache may be older than what another manager
            # wrote.
            page = self._client.list(
                self.resource, self._namespace, label_selector=self._selector, continue_token=token
            )  # fmt: skip
            for item in page.get("items") or []:
                if _is_object(item):
                    items.append(item)
                else:
                    self._report(ValueError("a list holds something that is no object"))
            meta = page.get("metadata") or {}
            version = str(meta.get("resourceVersion") or version)
            token = str(meta.get("continue") or "")
            if not token:
                break
        self._tell_all(self.store.replace(items, int(version) if version.isdecimal() else 0, self._report))
        self._version = version
        self._synced.set()
        for handler in self._list_handlers:
            try:
                handler()
            except Exception as error:  # noqa: BLE001 - it must not end the watch
                self._report(error)

    def _watch(self) -> None:
        started = self._clock()
        with self._client.watch(
            self.resource,
            self._namespace,
            resource_version=self._version,
            timeout_seconds=random.randint(*self._watch_seconds),
            label_selector=self._selector,
        ) as events:
            for event in events:
                self.take(event)
                if self._stop.is_set():
                    return
        if self._clock() - started < _SHORTEST_WATCH_SECONDS:
            raise Unreachable("the watch ended at once")

    def take(self, event: Any) -> None:
        """Take one event and remember how far it brings us; one that makes no sense is passed over."""
        kind, obj = (event.get("type"), event.get("object")) if isinstance(event, dict) else (None, None)
        if kind == "ERROR":
            raise from_status(_code_of(obj), obj)
        if kind == "BOOKMARK" and isinstance(obj, dict):
            self._reached(obj)
        elif _is_object(obj):
            self._changed(kind, obj)
            self._reached(obj)
        else:
            self._report(ValueError("a watch told something that makes no sense"))

    def _reached(self, obj: Object) -> None:
        self._version = str((obj.get("metadata") or {}).get("resourceVersion") or self._version)

    def _changed(self, kind: Any, obj: Object) -> None:
        if kind == "DELETED":
            # Our own deletion may be in the store already; the handlers still have to hear of it once.
            self._tell(self.store.remove(obj) or obj, None)
        elif kind in ("ADDED", "MODIFIED"):
            try:
                changed, old = self.store.put(obj)
            except Exception as error:  # noqa: BLE001 - one bad object must not end the watch
                self._report(error)
                return
            # Our own write is in the store already; the handlers still have to hear of it once.
            self._tell(old if changed else None, obj)

    def _tell_all(self, changes: Changes) -> None:
        for old, new in changes:
            self._tell(old, new)

    def _tell(self, old: Object | None, new: Object | None) -> None:
        for handler in self._handlers:
            try:
                handler(old, new)
            except Exception as error:  # noqa: BLE001 - the other handlers have to hear of it
                self._report(error)

    def _absent(self, error: NotFound) -> None:
        if not self._optional:
            self._failed(error)
            return
        self._tell_all(self.store.clear())
        self._synced.set()
        self._wait(_ABSENT_SECONDS)

    def _failed(self, error: Exception) -> None:
        if self._stop.is_set():
            return
        self._report(error)
        asked_for = error.retry_after_seconds if isinstance(error, TooManyRequests) else 0.0
        self._wait(max(asked_for, self._backoff.next_seconds()))

    def _report(self, error: Exception) -> None:
        # The error hook may fail too, and nobody is left to report that to.
        with suppress(Exception):
            self._on_error(self.resource, error)


def _is_object(item: Any) -> TypeGuard[Object]:
    meta = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(meta, dict):
        return False
    return isinstance(meta.get("name"), str) and isinstance(meta.get("namespace", ""), str)


def _code_of(status: Any) -> int:
    code = status.get("code") if isinstance(status, dict) else None
    return code if isinstance(code, int) else 500
