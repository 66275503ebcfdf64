"""A scripted API server: it says what a test tells it to, and remembers what it was asked and when."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from attrs import define, field, frozen

from volsync_py.kube import config
from volsync_py.kube.client import Client


@frozen
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    when: float = field(factory=time.monotonic)

    @property
    def is_watch(self) -> bool:
        """Whether it opens a watch."""
        return self.query.get("watch") == "true"


@frozen
class Say:
    """One answer: a document, or the raw lines of a stream; `hold` keeps the stream open until the peer ends."""

    body: Any = None
    code: int = 200
    headers: dict[str, str] = field(factory=dict)
    lines: Iterable[bytes] | None = None
    hold: bool = False
    # Ends the connection without an answer, or in the middle of one.
    cut: bool = False


Script = Callable[[Asked], Say]


@define
class Peer:
    """The running server."""

    script: Script
    asked: list[Asked] = field(factory=list)
    ending: threading.Event = field(factory=threading.Event)
    news: threading.Condition = field(factory=threading.Condition)
    url: str = ""

    def wait_for(self, number: int, what: Callable[[Asked], bool] = lambda asked: True, seconds: float = 20) -> None:
        """Wait until so many requests of a kind have come."""
        with self.news:
            done = self.news.wait_for(lambda: sum(map(what, self.asked)) >= number, seconds)
        assert done, [f"{a.method} {a.path} {a.query}" for a in self.asked]

    def client(self, folder: Path, **options: Any) -> Client:
        """Return a client of this peer."""
        path = folder / "kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "peer",
                    "clusters": [{"name": "peer", "cluster": {"server": self.url}}],
                    "users": [{"name": "tester", "user": {"token": "a-token"}}],
                    "contexts": [{"name": "peer", "context": {"cluster": "peer", "user": "tester"}}],
                }
            ),
            encoding="utf-8",
        )
        return Client(config.load(str(path)), user_agent="tests", **options)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: else the second waits for an acknowledgement of the first.
    disable_nagle_algorithm = True
    peer: Peer

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        headers = {name.title(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, query, headers, json.loads(raw) if raw else None)
        with self.peer.news:
            self.peer.asked.append(asked)
            self.peer.news.notify_all()
        try:
            self._say(self.peer.script(asked))
        except OSError:
            self.close_connection = True

    def _say(self, say: Say) -> None:
        if say.lines is None and say.body is None:
            if say.hold:
                self.peer.ending.wait(30)
            self.close_connection = True
            return
        # The other one sends a date of its own.
        (self.send_response_only if "Date" in say.headers else self.send_response)(say.code)
        for name, value in say.headers.items():
            self.send_header(name, value)
        if say.lines is not None:
            self._stream(say, say.lines)
            return
        data = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
        self.send_header("Content-Length", str(len(data) + (10 if say.cut else 0)))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = say.cut

    def _stream(self, say: Say, lines: Iterable[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
        if say.hold:
            self.peer.ending.wait(30)
        if not say.cut:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = say.cut or say.hold

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def peer(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """Run a peer, in plain text unless it is given a TLS context."""
    one = Peer(script)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"peer": one}))
    server.daemon_threads = True
    one.url = f"http://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        one.url = f"https://localhost:{server.server_address[1]}"
    # How soon it notices that it is to end, in seconds.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


def status(code: int, reason: str = "") -> dict[str, Any]:
    """Return a Status object."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": reason,
        "reason": reason,
        "code": code,
    }


def pod(name: str, version: int) -> dict[str, Any]:
    """Return an object."""
    return {"metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": str(version)}}


def pods(version: int, *items: dict[str, Any], token: str = "") -> dict[str, Any]:
    """Return a page of a list."""
    meta = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    return {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": list(items)}


def event(kind: str, obj: dict[str, Any]) -> bytes:
    """Return a line of a watch."""
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"
