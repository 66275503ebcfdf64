"""The page over HTTP: what the stores hold, drawn for whoever may look; no view costs a request, or holds a pass up.

Who comes to an address that only this machine reaches is let in, as at the metrics: in a pod that is whoever may
forward its ports. So that no site in that person's browser reads it under a name of its own, the name has to be this
machine's.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address

from volsync_py.core.objects import Object
from volsync_py.health.sharing import health_among
from volsync_py.kube.resources import REPLICATION_DESTINATIONS, REPLICATION_SOURCES, Resource
from volsync_py.kube.store import Store
from volsync_py.manager.http_server import Answer, Authorize, Request, Route, checked, header
from volsync_py.page.addresses import address_of, asked_for
from volsync_py.page.one import one_page
from volsync_py.page.overview import overview_page
from volsync_py.page.seen import Seen, picture_of
from volsync_py.page.style import HEADER_POLICY

# Who loads it again and again sees a change soon enough, and a thousand sources take a fifth of a second to draw.
_REMEMBERED_SECONDS = 5.0
# With more, it is remembered for so many times as long as it took: looking takes a twentieth of a processor at most.
_REMEMBERED_TIMES = 20.0
_KINDS = {one.kind: one for one in (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)}
_PORT = re.compile(r":\d+\Z")
_HEADERS = (
    ("Content-Security-Policy", HEADER_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


class PageRoutes:
    """Draws pages of what stores hold; `not_ready` says what is missing of it, `now` is of the server's clock."""

    def __init__(
        self,
        stores: Mapping[Resource, Store],
        not_ready: Callable[[], str],
        now: Callable[[], datetime],
        where: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores, self._not_ready, self._now, self._where = stores, not_ready, now, where
        self._clock = clock
        # Guards what follows, and lets one thread draw at a time.
        self._lock = threading.Lock()
        self._drawn_until: float | None = None
        self._drawn = b""

    def routes(self, authorize: Authorize | None) -> dict[str, Route]:
        """Return what is served; without `authorize`, to whoever calls this machine by its own name."""

        def guarded(route: Route) -> Route:
            return checked(route, authorize) if authorize is not None else _by_our_name(route)

        one = guarded(self._one)
        return {"/": guarded(self._overview), "/source/*": one, "/destination/*": one}

    def _overview(self, _request: Request) -> Answer:
        missing = self._not_ready()
        if missing:
            return _not_yet(missing)
        with self._lock:
            began = self._clock()
            if self._drawn_until is None or began >= self._drawn_until:
                picture = picture_of(self._all(), self._now(), self._where, with_namespace=True)
                self._drawn = overview_page(picture, _link).encode()
                ended = self._clock()
                self._drawn_until = ended + max(_REMEMBERED_SECONDS, _REMEMBERED_TIMES * (ended - began))
            return _page(self._drawn)

    def _one(self, request: Request) -> Answer:
        missing = self._not_ready()
        if missing:
            return _not_yet(missing)
        obj = self._found(request.path)
        if obj is None:
            return Answer(404, b"there is no such source or destination\n")
        now = self._now()
        return _page(one_page(obj, health_among(obj, self._all(), now), now, back="/").encode())

    def _all(self) -> list[Object]:
        return [obj for kind in _KINDS.values() for obj in self._stores[kind].list()]

    def _found(self, path: str) -> Object | None:
        meant = asked_for(path)
        if meant is None:
            return None
        kind, namespace, name = meant
        return self._stores[_KINDS[kind]].get(namespace, name)


def _link(one: Seen) -> str:
    return address_of(one.health.kind, one.health.namespace, one.health.name)


def _page(content: bytes) -> Answer:
    return Answer(body=content, content_type="text/html; charset=utf-8", headers=_HEADERS)


def _not_yet(missing: str) -> Answer:
    return Answer(503, f"there is nothing to show yet: {missing}\n".encode())


def _is_ours(host: str) -> bool:
    """Return whether a host is this machine by its address, or by the one name that nobody else can give away."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _by_our_name(route: Route) -> Route:
    def answer(request: Request) -> Answer:
        if not _is_ours(_PORT.sub("", header(request.headers, "host"))):
            return Answer(403, b"ask for localhost\n")
        return route(request)

    return answer
