"""One request: what is sent, how long it may take, and what every kind of refusal becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
import urllib3

from tests.integration.kube.peer import Say, peer, pod, pods, status
from volsync_py.kube import client as client_module
from volsync_py.kube import errors
from volsync_py.kube.resources import PODS


def test_a_request_says_who_asks_for_what(tmp_path: Path) -> None:
    with peer(lambda asked: Say(pods(1))) as server:
        server.client(tmp_path).list(PODS, "ns", label_selector="a=b", limit=7)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/api/v1/namespaces/ns/pods")
    assert asked.query == {"labelSelector": "a=b", "limit": "7"}
    assert asked.headers["Authorization"] == "Bearer a-token"
    assert asked.headers["User-Agent"] == "tests"


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


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_TIMEOUT", urllib3.Timeout(connect=0.5, read=0.2))
    with peer(lambda asked: Say(hold=True)) as server:
        with pytest.raises(errors.Unreachable):
            server.client(tmp_path).get(PODS, "a", "ns")
        assert len(server.asked) == 1


def test_nothing_is_asked_after_the_end(tmp_path: Path) -> None:
    with peer(lambda asked: Say(pods(1))) as server:
        client = server.client(tmp_path)
        client.shut_down()
        with pytest.raises(errors.Unreachable):
            client.list(PODS)
        assert server.asked == []
