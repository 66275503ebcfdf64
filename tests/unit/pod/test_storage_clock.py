"""How far a node's clock is ahead of the storage server's, and whom that is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from attrs import define, field

from volsync_py.pod.storage_clock import endpoint, time_ahead

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"RESTIC_REPOSITORY": "s3:http://minio.minio.svc:9000/bucket/path"}, "http://minio.minio.svc:9000/"),
        ({"RESTIC_REPOSITORY": "s3:s3.amazonaws.com/bucket"}, "https://s3.amazonaws.com/"),
        ({"RESTIC_REPOSITORY": "s3://s3.example.com/bucket"}, "https://s3.example.com/"),
        ({"RESTIC_REPOSITORY": "rest:https://user:secret@backup.example:8000/me"}, "https://backup.example:8000/"),
        ({"RESTIC_REPOSITORY": "rest:http://user@backup.example"}, "http://backup.example/"),
        ({"RESTIC_REPOSITORY": "azure:box:/", "AZURE_ACCOUNT_NAME": "me"}, "https://me.blob.core.windows.net/"),
        ({"RESTIC_REPOSITORY": "gs:bucket:/"}, "https://storage.googleapis.com/"),
        ({"RESTIC_REPOSITORY": "b2:bucket:path"}, "https://api.backblazeb2.com/"),
        ({"RESTIC_REPOSITORY": "swift:box:/", "OS_AUTH_URL": "https://keystone:5000/v3"}, "https://keystone:5000/"),
        ({"RESTIC_REPOSITORY": "swift:box:/"}, ""),
        ({"RESTIC_REPOSITORY": "sftp:me@host:/srv"}, ""),
        ({"RESTIC_REPOSITORY": "rclone:remote:path"}, ""),
        ({"RESTIC_REPOSITORY": "/srv/repository"}, ""),
        ({"RESTIC_REPOSITORY": "rest:file:///etc/passwd"}, ""),
        ({"RESTIC_REPOSITORY": "rest:http://a b/"}, "http://a/"),
        ({}, ""),
    ],
)
def test_the_storage_server_is_asked_without_user_or_path(environ: dict[str, str], url: str) -> None:
    assert endpoint(environ) == url


@define
class Server:
    """A storage server that refuses everything, at a time of its own."""

    date: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(factory=list)
    port: int = 0


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on the loopback."""
    one = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            one.seen.append((self.command, self.path, dict(self.headers)))
            self.send_response_only(403)
            if one.date:
                self.send_header("Date", one.date)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        one.port = httpd.server_address[1]
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield one
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("minutes", [-40, 0, 31])
def test_a_refusal_says_what_time_it_is_and_no_credentials_are_sent(server: Server, minutes: int) -> None:
    server.date = format_datetime(NOW, usegmt=True)
    environ = {"RESTIC_REPOSITORY": f"rest:http://me:canary@127.0.0.1:{server.port}/me/repo"}
    assert time_ahead(environ, NOW + timedelta(minutes=minutes)) == timedelta(minutes=minutes)
    ((command, path, headers),) = server.seen
    assert (command, path) == ("HEAD", "/")
    assert "Authorization" not in headers
    assert "canary" not in str(headers)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Nov 2026 12:00:00 GMT", "9" * 5000])
def test_a_server_that_says_no_time_is_no_clock(server: Server, date: str) -> None:
    server.date = date
    assert time_ahead({"RESTIC_REPOSITORY": f"rest:http://127.0.0.1:{server.port}/"}, NOW) is None


def test_a_server_that_is_away_is_no_clock() -> None:
    assert time_ahead({"RESTIC_REPOSITORY": "rest:http://127.0.0.1:1/"}, NOW) is None
    assert time_ahead({"RESTIC_REPOSITORY": "/srv/repository"}, NOW) is None


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://a:b/\r\n\r\n",
        b"",
    ],
    ids=["no HTTP", "no status", "many headers", "a long header", "sent nowhere", "nothing"],
)
def test_an_answer_that_is_none_is_no_clock(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert time_ahead({"RESTIC_REPOSITORY": f"rest:http://127.0.0.1:{listener.getsockname()[1]}/"}, NOW) is None
        thread.join()
