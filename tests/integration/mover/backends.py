"""Servers with a repository that do what real ones do on a bad day: answer late, fail once, know of no bucket."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from attrs import define, field

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_NO_BUCKET = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchBucket</Code>'
    b"<Message>The specified bucket does not exist</Message><BucketName>bucket</BucketName></Error>"
)


@define
class Trouble:
    """What happens to requests that match: some fail, and some are answered late."""

    failing: str = "never"
    failures: int = 0
    status: int = 500
    late: str = "never"
    seconds: float = 0.0
    # Its clock is behind by so much, or everybody else's is ahead.
    seconds_behind: float = 0.0
    stopped: threading.Event = field(factory=threading.Event)
    lock: threading.Lock = field(factory=threading.Lock)

    def meets(self, request: str) -> bool:
        """Wait if the request is to be answered late; return whether it is to fail."""
        with self.lock:
            if self.failures and re.search(self.failing, request):
                self.failures -= 1
                return True
        if re.search(self.late, request):
            self.stopped.wait(self.seconds)
        return False


class Server:
    """Speaks HTTP on a port of its own until it is stopped."""

    def __init__(self, handler: type[_Handler], trouble: Trouble) -> None:
        self.trouble = trouble
        handler.trouble = trouble
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self.trouble.stopped.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    trouble = Trouble()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() - self.trouble.seconds_behind)

    def body(self) -> bytes:
        """Return what was sent, all of it: what is left would be taken for the next request of the connection."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        taken = b""
        while size := int(self.rfile.readline(), 16):
            taken += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return taken

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do(self) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.do
        raise AttributeError(name)


def rest_server(folder: Path, trouble: Trouble) -> Server:
    """Serve a folder in restic's REST protocol."""

    class Handler(_Handler):
        def do(self) -> None:
            body = self.body()
            if trouble.meets(f"{self.command} {self.path}"):
                return self.answer(trouble.status)
            name, _, query = self.path.partition("?")
            path = folder / name.strip("/")
            if self.command == "POST":
                if "create=true" not in query:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(body)
                return self.answer(200)
            if name.endswith("/"):
                files = list(path.iterdir()) if path.is_dir() else []
                listed = [{"name": p.name, "size": p.stat().st_size} for p in files]
                return self.answer(200, json.dumps(listed).encode(), Content_Type="application/vnd.x.restic.rest.v2")
            if not path.exists():
                return self.answer(404)
            if self.command == "DELETE":
                path.unlink()
                return self.answer(200)
            return self._part(path.read_bytes())

        def _part(self, content: bytes) -> None:
            wanted = _RANGE.fullmatch(self.headers.get("Range") or "")
            if wanted is None:
                return self.answer(200, content)
            first, last = int(wanted[1]), int(wanted[2] or len(content) - 1)
            kept = f"bytes {first}-{last}/{len(content)}"
            return self.answer(206, content[first : last + 1], Content_Range=kept)

    return Server(Handler, trouble)


def no_bucket() -> Server:
    """Serve S3 without any bucket, and refuse to make one in the same words."""

    class Handler(_Handler):
        def do(self) -> None:
            self.body()
            self.answer(404, _NO_BUCKET, Content_Type="application/xml")

    return Server(Handler, Trouble())
