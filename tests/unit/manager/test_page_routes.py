"""The page over HTTP, of real sockets and real stores."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from attrs import define

from hack.sample_month import NOW, sample_month
from volsync_py.kube.resources import REPLICATION_DESTINATIONS, REPLICATION_SOURCES
from volsync_py.kube.store import Store
from volsync_py.manager.http_server import HttpServer, Request
from volsync_py.manager.page_routes import PageRoutes
from volsync_py.page.style import HEADER_POLICY


@define
class World:
    """A manager, as far as its page sees it."""

    server: HttpServer
    stores: dict[Any, Store]
    missing: str = ""
    seconds: float = 0.0
    allowed: str = ""

    def ask(self, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str, Mapping[str, str]]:
        client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        try:
            client.request(method, path, headers=headers)
            answer = client.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            client.close()


def _served(*, protected: bool) -> Iterator[World]:
    stores = {kind: Store() for kind in (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)}
    for number, obj in enumerate(sample_month(), 1):
        obj["metadata"]["resourceVersion"] = str(number)
        kind = REPLICATION_SOURCES if obj["kind"] == REPLICATION_SOURCES.kind else REPLICATION_DESTINATIONS
        stores[kind].put(obj)
    pages = PageRoutes(stores, lambda: world.missing, lambda: NOW, "any namespace", clock=lambda: world.seconds)
    authorize = (lambda token, _: 200 if token == "right" else 403) if protected else None
    world = World(HttpServer("127.0.0.1:0", pages.routes(authorize)), stores)
    world.server.start()
    yield world
    world.server.stop()


@pytest.fixture
def open_page() -> Iterator[World]:
    """Served to this machine alone."""
    yield from _served(protected=False)


@pytest.fixture
def protected_page() -> Iterator[World]:
    """Served to who has a right."""
    yield from _served(protected=True)


def test_what_the_stores_hold_is_shown_and_followed_by_links(open_page: World) -> None:
    status, page, headers = open_page.ask("/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "34 of 40 backed up" in page
    assert 'href="/source/dev/gitea"' in page
    status, one, _ = open_page.ask("/source/dev/gitea")
    assert status == 200
    assert "dev/gitea: failing" in one
    assert open_page.ask("/destination/media/photos-again")[0] == 200


def test_a_browser_is_told_to_run_load_frame_and_keep_nothing(open_page: World) -> None:
    for path in ("/", "/source/dev/gitea"):
        headers = open_page.ask(path)[2]
        assert headers["Content-Security-Policy"] == HEADER_POLICY
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("path", ["/source/dev/none", "/source/dev", "/source//", "/other/dev/gitea", "/metrics"])
def test_what_is_not_there_is_a_word(open_page: World, path: str) -> None:
    status, said, _ = open_page.ask(path)
    assert status == 404
    assert "<" not in said


def test_it_is_read_only(open_page: World) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert open_page.ask("/", method=method)[0] == 405


def test_before_the_stores_are_complete_nothing_is_shown_as_if_it_were_all(open_page: World) -> None:
    open_page.missing = "this replica waits for the lease, another one works"
    for path in ("/", "/source/dev/gitea"):
        assert open_page.ask(path)[:2] == (503, f"there is nothing to show yet: {open_page.missing}\n")


def test_it_is_drawn_again_after_some_seconds_not_for_each_view(open_page: World) -> None:
    before = open_page.ask("/")[1]
    open_page.stores[REPLICATION_SOURCES].replace([], 99)
    assert open_page.ask("/")[1] == before
    open_page.seconds = 5.0
    assert "No sources, 1 destination" in open_page.ask("/")[1]


def test_what_takes_long_to_draw_is_remembered_for_longer() -> None:
    # By this clock it takes a second.
    seconds = iter([0.0, 1.0, 20.9, 21.0, 21.1])
    stores = {kind: Store() for kind in (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)}
    drawn: list[datetime] = []

    def now() -> datetime:
        drawn.append(NOW)
        return NOW

    show = PageRoutes(stores, str, now, "any namespace", clock=lambda: next(seconds)).routes(None)["/"]
    request = Request({"Host": "localhost"})
    for expected in (1, 1, 2):
        assert show(request).status == 200
        assert len(drawn) == expected


@pytest.mark.parametrize("host", ["localhost", "localhost:8082", "127.0.0.1:1", "127.0.0.2:8082", "[::1]:8082"])
def test_this_machine_may_ask_by_its_own_name(open_page: World, host: str) -> None:
    assert open_page.ask("/", Host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.evil.example", "localhost.evil.example:8082", "127.0.0.1.x"])
@pytest.mark.parametrize("path", ["/", "/source/dev/gitea"])
def test_a_site_that_calls_this_machine_by_a_name_of_its_own_reads_nothing(
    open_page: World, host: str, path: str
) -> None:
    assert open_page.ask(path, Host=host)[:2] == (403, "ask for localhost\n")


@pytest.mark.parametrize("path", ["/", "/source/dev/gitea", "/destination/media/photos-again"])
def test_others_need_a_right(protected_page: World, path: str) -> None:
    assert protected_page.ask(path)[0] == 401
    assert protected_page.ask(path, Authorization="Bearer wrong")[0] == 403
    assert protected_page.ask(path, Authorization="Bearer right", Host="backups.example")[0] == 200
