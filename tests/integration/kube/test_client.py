"""One request: what is sent, how long it may take, and what every kind of refusal becomes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.kube.peer import Asked, Peer, Say, event, peer, pod, pods, status
from volsync_py.kube import errors
from volsync_py.kube.client import Client
from volsync_py.kube.resources import LEASES, PODS


def test_a_request_says_who_asks_for_what(tmp_path: Path) -> None:
    with peer(lambda asked: Say(pods(1))) as server:
        server.client(tmp_path).list(PODS, "ns", label_selector="a=b", limit=7)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/api/v1/namespaces/ns/pods")
    assert asked.query == {"labelSelector": "a=b", "limit": "7"}
    assert asked.headers["Authorization"] == "Bearer a-token"
    assert asked.headers["User-Agent"] == "tests"


def test_a_program_is_given_up_if_the_server_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # It takes the connection, and says nothing of TLS.
        server = Peer(lambda asked: Say(), url=f"https://127.0.0.1:{silent.getsockname()[1]}")
        client, failed = server.client(tmp_path, timeout_seconds=0.2), threading.Event()

        def ask() -> None:
            with pytest.raises(errors.Unreachable):
                client.execute(PODS, "ns", "p", container="c", command=["true"])
            failed.set()

        threading.Thread(target=ask, daemon=True).start()
        assert failed.wait(20)


def test_a_version_goes_with_the_first_page_of_a_list_only(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        more = {} if "continue" in asked.query else {"continue": "next"}
        return Say({"kind": "PodList", "metadata": more, "items": [pod("a", 2)]})

    with peer(answer) as server:
        assert len(server.client(tmp_path).list_all(PODS, "ns", resource_version="0")) == 2
    assert [a.query for a in server.asked] == [
        {"limit": "500", "resourceVersion": "0"},
        {"limit": "500", "continue": "next"},
    ]


@pytest.mark.parametrize("hours", [-1, 0, 30 * 24])
def test_the_servers_clock_is_known_from_its_answers(tmp_path: Path, hours: int) -> None:
    said = datetime.now(UTC) + timedelta(hours=hours)
    with peer(lambda asked: Say(pods(1), headers={"Date": format_datetime(said, usegmt=True)})) as server:
        client = server.client(tmp_path)
        assert client.server_offset() == timedelta(0)
        client.list(PODS, "ns")
        assert abs(client.server_offset() - timedelta(hours=hours)) < timedelta(minutes=1)


def test_an_object_that_is_nested_too_deeply_keeps_no_other_one_from_being_read(tmp_path: Path) -> None:
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000
    page = b'{"metadata":{},"items":[{"metadata":{"name":"a"},"spec":%b},{"metadata":{"name":"b"}}]}' % deep
    with peer(lambda asked: Say(page)) as server:
        items = server.client(tmp_path).list(PODS, "ns")["items"]
    assert [item["metadata"]["name"] for item in items] == ["a", "b"]


def test_a_watch_is_authorized_too(tmp_path: Path) -> None:
    with (
        peer(lambda asked: Say(lines=())) as server,
        server.client(tmp_path).watch(PODS, resource_version="1", timeout_seconds=1) as lines,
    ):
        assert list(lines) == []
    assert server.asked[0].headers["Authorization"] == "Bearer a-token"


def test_a_deletion_names_what_it_means(tmp_path: Path) -> None:
    with peer(lambda asked: Say(status(200))) as server:
        server.client(tmp_path).delete(PODS, "a", "ns", uid="u", propagation="Foreground")
    (asked,) = server.asked
    assert asked.method == "DELETE"
    assert asked.body["preconditions"] == {"uid": "u"}
    assert asked.body["propagationPolicy"] == "Foreground"


def test_a_patch_is_a_merge_patch_of_the_part_that_was_named(tmp_path: Path) -> None:
    with peer(lambda asked: Say(pod("a", 2))) as server:
        server.client(tmp_path).patch(PODS, "a", {"status": {}}, "ns", subresource="status")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/api/v1/namespaces/ns/pods/a/status")
    assert asked.headers["Content-Type"] == "application/merge-patch+json"


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (Say(status(400), 400), errors.Invalid),
        (Say(status(401), 401), errors.Unauthorized),
        (Say(status(403), 403), errors.Forbidden),
        (Say(status(404), 404), errors.NotFound),
        (Say(status(409, "AlreadyExists"), 409), errors.AlreadyExists),
        (Say(status(409, "Conflict"), 409), errors.Conflict),
        (Say(status(410), 410), errors.Expired),
        (Say(status(422), 422), errors.Invalid),
        (Say(status(429), 429), errors.TooManyRequests),
        (Say(status(500), 500), errors.ServerError),
        (Say(b"bad gateway", 502), errors.ServerError),
        (Say(status(418), 418), errors.ApiError),
        (Say(b"<html>"), errors.Unreachable),
        (Say(b"[]"), errors.Unreachable),
        (Say(b'{"half', cut=True), errors.Unreachable),
        (Say(), errors.Unreachable),
    ],
)
def test_every_refusal_has_its_kind_and_is_not_asked_again(tmp_path: Path, say: Say, expected: type[Exception]) -> None:
    with peer(lambda asked: say) as server:
        with pytest.raises(errors.KubeError) as raised:
            server.client(tmp_path).get(PODS, "a", "ns")
        assert type(raised.value) is expected
        assert len(server.asked) == 1


def test_a_page_keeps_what_is_no_object_for_whoever_reads_it(tmp_path: Path) -> None:
    page = {**pods(1, pod("a", 1)), "items": [None, pod("a", 1)]}
    with peer(lambda asked: Say(page)) as server:
        assert server.client(tmp_path).list(PODS)["items"] == [None, {**pod("a", 1), "apiVersion": "v1", "kind": "Pod"}]


def watch(client: Client) -> list[Any]:
    """Read a whole watch that may last very long."""
    with client.watch(PODS, resource_version="1", timeout_seconds=600) as lines:
        return list(lines)


REQUESTS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get(PODS, "a", "ns"),
    "watch": watch,
    "pod_log": lambda client: client.pod_log(PODS, "ns", "a", container="c", tail_lines=5),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path, what: str) -> None:
    with peer(lambda asked: Say(hold=True)) as server:
        client = server.client(tmp_path, timeout_seconds=0.2)
        with pytest.raises(errors.Unreachable):
            REQUESTS[what](client)
        assert len(server.asked) == 1


SHORT: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get(PODS, "a", "ns", timeout_seconds=0.2),
    "create": lambda client: client.create(PODS, pod("a", 1), timeout_seconds=0.2),
    "patch": lambda client: client.patch(PODS, "a", {}, "ns", timeout_seconds=0.2),
}


@pytest.mark.parametrize("what", SHORT)
def test_one_request_may_be_given_less_time_than_the_others(tmp_path: Path, what: str) -> None:
    with peer(lambda asked: Say(hold=True)) as server:
        client = server.client(tmp_path, timeout_seconds=600)
        with pytest.raises(errors.Unreachable, match="timed out"):
            SHORT[what](client)
        assert len(server.asked) == 1


def test_a_watch_that_has_begun_may_be_silent_for_longer_than_an_answer(tmp_path: Path) -> None:
    def answer(asked: Any) -> Say:
        return Say(lines=(event("ADDED", pod("a", 1)),), hold=True)

    with peer(answer) as server:
        client = server.client(tmp_path, timeout_seconds=0.2)
        read = threading.Event()
        ended: list[str] = []

        def follow() -> None:
            try:
                with client.watch(PODS, resource_version="1", timeout_seconds=600) as lines:
                    for _ in lines:
                        read.set()
            except errors.Unreachable as error:
                ended.append(str(error))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        assert read.wait(20)
        # Five times as long as an answer may take.
        thread.join(1.0)
        assert thread.is_alive()
        assert ended == []
        client.shut_down()
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("what", REQUESTS)
@pytest.mark.parametrize(
    ("say", "code"),
    [(Say(pods(1)), "200"), (Say(status(403), 403), "403"), (Say(), "error")],
    ids=["200", "403", "cut"],
)
def test_every_request_is_observed_with_its_end_and_its_time(tmp_path: Path, what: str, say: Say, code: str) -> None:
    seen: list[tuple[str, str, str]] = []
    times: list[float] = []

    def observe(verb: str, resource: str, code: str, seconds: float) -> None:
        seen.append((verb, resource, code))
        times.append(seconds)

    with peer(lambda asked: say) as server:
        client = server.client(tmp_path, observer=observe)
        try:
            REQUESTS[what](client)
        except errors.KubeError:
            assert code != "200"
    verb, resource = {"get": ("get", "pods"), "watch": ("watch", "pods"), "pod_log": ("get", "pods/log")}[what]
    assert seen == [(verb, resource, code)]
    assert 0.0 < times[0] < 60


def test_what_is_written_is_written_though_it_cannot_be_counted(tmp_path: Path) -> None:
    def broken(verb: str, resource: str, code: str, seconds: float) -> None:
        raise ValueError("broken")

    with peer(lambda asked: Say(asked.body)) as server:
        assert server.client(tmp_path, observer=broken).create(PODS, pod("a", 1)) == pod("a", 1)


def test_the_refusal_of_a_watch_that_is_cut_off_is_still_a_refusal(tmp_path: Path) -> None:
    with peer(lambda asked: Say(b'{"half', code=403, cut=True)) as server, pytest.raises(errors.Forbidden):
        watch(server.client(tmp_path))


def test_nothing_is_asked_after_the_end(tmp_path: Path) -> None:
    with peer(lambda asked: Say(pods(1))) as server:
        client = server.client(tmp_path)
        client.shut_down()
        for request in REQUESTS.values():
            with pytest.raises(errors.Unreachable):
                request(client)
        assert server.asked == []


def test_leases_may_be_written_when_nothing_else_may_any_more(tmp_path: Path) -> None:
    with peer(lambda asked: Say(pod("a", 1))) as server:
        client = server.client(tmp_path)
        client.refuse_all_but(LEASES)
        with pytest.raises(errors.Unreachable, match="shutting down"):
            client.patch(PODS, "a", {}, "ns")
        client.patch(LEASES, "a", {}, "ns")
        assert [a.path for a in server.asked] == ["/apis/coordination.k8s.io/v1/namespaces/ns/leases/a"]
        client.shut_down()
        with pytest.raises(errors.Unreachable, match="shutting down"):
            client.patch(LEASES, "a", {}, "ns")


def test_the_end_comes_also_while_a_watch_ends_by_itself(tmp_path: Path) -> None:
    with peer(lambda asked: Say(lines=(event("ADDED", pod("a", 1)),))) as server:
        client = server.client(tmp_path)
        with client.watch(PODS, resource_version="1", timeout_seconds=600) as lines:
            # Read to its end: its connection has gone back already, and it is still open.
            assert len(list(lines)) == 1
            client.shut_down()


def test_a_watch_that_is_answered_after_the_end_is_closed_at_once(tmp_path: Path) -> None:
    client: list[Client] = []

    def answer(asked: Any) -> Say:
        client[0].shut_down()
        return Say(lines=(), hold=True)

    with peer(answer) as server:
        client.append(server.client(tmp_path))
        with pytest.raises(errors.Unreachable, match="shutting down"):
            watch(client[0])


def test_of_an_endless_log_the_end_is_kept_and_little_is_asked_for(tmp_path: Path) -> None:
    line = b"x" * 1023 + b"\n"
    with peer(lambda asked: Say(lines=(*[line] * 3000, b"the last words\n"))) as server:
        log = server.client(tmp_path).pod_log(PODS, "ns", "a", container="c", tail_lines=-1)
        assert server.asked[0].query == {"container": "c", "tailLines": "5000", "limitBytes": str(8 * 1024 * 1024)}
    assert log.endswith("x\nthe last words\n")
    assert len(log) == 256 * 1024


def test_a_log_that_never_ends_is_given_up(tmp_path: Path) -> None:
    ended = threading.Event()

    def dribble(asked: Asked) -> Say:
        return Say(lines=endless(ended))

    with peer(dribble) as server:
        client = server.client(tmp_path, timeout_seconds=0.5)
        with pytest.raises(errors.Unreachable, match="does not end"):
            client.pod_log(PODS, "ns", "a", container="c", tail_lines=-1)
        ended.set()


def endless(ended: threading.Event) -> Iterator[bytes]:
    while not ended.wait(0.05):
        yield b"x" * 70_000
