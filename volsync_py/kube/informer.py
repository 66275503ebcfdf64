"""A store that follows the API server: list, then watch, for ever, at a bounded pace.

Guarantees: the store is complete once `has_synced`; handlers hear of every difference, also of what
happened while the watch was down; however the server fails, requests come at most at the pace of
`Backoff`. An optional API that is not served counts as empty, and is looked for again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from volsync_py.kube.backoff import FIRST_SECONDS, Backoff
from volsync_py.kube.client import Client
from volsync_py.kube.errors import ApiError, Expired, KubeError, NotFound, TooManyRequests, from_status
from volsync_py.kube.resources import Resource
from volsync_py.kube.store import Indexer, Object, Store, Transform

Handler = Callable[[Object | None, Object | None], None]
ErrorHook = Callable[[Resource, Exception], None]

# The server ends a watch after a while; at random, so that a fleet does not come back in step.
_WATCH_SECONDS = (300, 600)
# A stream that ends sooner is a failure, though it may look like a normal end.
_SHORTEST_WATCH_SECONDS = 1.0
# How often an optional API that is not there is looked for.
_ABSENT_SECONDS = 60.0


class Informer:
    """One kind of objects, kept up to date in a store."""

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
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self.resource = resource
        self.store = Store(indexers, transform)
        self.available = True
        self._client = client
        self._namespace = namespace
        self._selector = label_selector
        self._optional = optional
        self._on_error = on_error or (lambda resource, error: None)
        self._clock = clock
        self._stop = threading.Event()
        # Waits so many seconds, or until the end; tells whether it is the end.
        self._wait = wait or self._stop.wait
        self._synced = threading.Event()
        self._backoff = Backoff(clock)
        self._handlers: list[Handler] = []
        self._thread = threading.Thread(target=self.run, name=f"informer-{resource.plural}", daemon=True)

    def add_handler(self, handler: Handler) -> None:
        """Call `handler(old, new)` for each change; before `start`."""
        self._handlers.append(handler)

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
        version = ""
        while not self._stop.is_set():
            try:
                if not version:
                    version = self._list()
                version = self._watch(version)
            except Expired:
                # Listing is the cure; a server that says so again and again is asked at the pace of failures.
                version = ""
                self._wait(self._backoff.next_seconds())
            except NotFound as error:
                version = ""
                self._absent(error)
            except TooManyRequests as error:
                self._wait(max(error.retry_after_seconds, self._backoff.next_seconds()))
            except KubeError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - the loop must survive any object
                version = ""
                self._failed(error)

    def _list(self) -> str:
        items: list[Object] = []
        token, version = "", ""
        while True:
            page = self._client.list(
                self.resource,
                self._namespace,
                label_selector=self._selector,
                continue_token=token,
                resource_version="" if items else "0",
            )
            items += [item for item in page.get("items") or [] if _is_object(item)]
            meta = page.get("metadata") or {}
            version = str(meta.get("resourceVersion") or version)
            token = str(meta.get("continue") or "")
            if not token:
                break
        self.available = True
        numeric = int(version) if version.isdigit() else 0
        for old, new in self.store.replace(items, numeric):
            self._tell(old, new)
        self._synced.set()
        return version

    def _watch(self, version: str) -> str:
        started = self._clock()
        seconds = random.randint(*_WATCH_SECONDS)
        last = version
        try:
            with self._client.watch(
                self.resource,
                self._namespace,
                resource_version=version,
                timeout_seconds=seconds,
                label_selector=self._selector,
            ) as events:
                for event in events:
                    last = self._event(event) or last
                    if self._stop.is_set():
                        return last
        except ApiError:
            raise
        except KubeError as error:
            # The objects so far are in the store; the next watch goes on behind them.
            self._failed(error)
            return last
        if self._clock() - started < _SHORTEST_WATCH_SECONDS:
            self._wait(max(self._backoff.next_seconds(), FIRST_SECONDS))
        return last

    def _event(self, event: Any) -> str:
        """Take one event and return the version it brings, "" for one that makes no sense."""
        obj = event.get("object") if isinstance(event, dict) else None
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "ERROR" and isinstance(obj, dict):
            raise from_status(int(obj.get("code") or 500), obj)
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
            return ""
        version = str(obj["metadata"].get("resourceVersion") or "")
        if kind == "BOOKMARK" or not _is_object(obj):
            return version
        if kind == "DELETED":
            # Our own deletion may be in the store already; the handlers still have to hear of it once.
            self._tell(self.store.remove(obj) or obj, None)
        elif kind in ("ADDED", "MODIFIED"):
            changed, old = self.store.update(obj)
            # Our own write is in the store already; the handlers still have to hear of it once.
            self._tell(old if changed else None, obj)
        return version

    def _tell(self, old: Object | None, new: Object | None) -> None:
        for handler in self._handlers:
            handler(old, new)

    def _absent(self, error: NotFound) -> None:
        if not self._optional:
            self._failed(error)
            return
        self.available = False
        for old, new in self.store.replace([], 1 << 63):
            self._tell(old, new)
        self._synced.set()
        self._wait(_ABSENT_SECONDS)

    def _failed(self, error: Exception) -> None:
        if self._stop.is_set():
            return
        self._on_error(self.resource, error)
        self._wait(self._backoff.next_seconds())


def _is_object(item: Any) -> bool:
    meta = item.get("metadata") if isinstance(item, dict) else None
    return isinstance(meta, dict) and isinstance(meta.get("name"), str)
