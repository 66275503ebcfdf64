"""The API over HTTP: who may ask, where a request goes, and how answers and refusals are written.

Guarantees: nothing is answered without the token, as the first part of the path or as a bearer's, but the question
whether the server lives; every request gets an
answer, whatever is wrong with it, unless a fault says otherwise. What the answers are is the business of the verbs.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from hack.devcluster import admin
from hack.devcluster.api import discovery, verbs
from hack.devcluster.api.call import Call, Stream, target_of
from hack.devcluster.api.errors import StatusError
from hack.devcluster.api.registry import Registry
from hack.devcluster.faults import Faults, Rule

# A real server takes 3 MiB.
_MOST_BYTES = 3 << 20


class Server(ThreadingHTTPServer):
    """The listening socket and what its handlers share."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, address: tuple[str, int], token: str, registry: Registry, faults: Faults, state: Path, node: Any
    ) -> None:
        super().__init__(address, Handler)
        self.token = token
        self.registry, self.faults, self.state, self.node = registry, faults, state, node
        self.ending = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away; anything else is a bug."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the record of requests is kept elsewhere."""

    def do_GET(self) -> None:
        """Read, list or watch."""
        self._begun = False
        try:
            self._handle()
        except StatusError as error:
            self._refuse(error)
        except OSError:
            # The client has gone; nobody is left to tell.
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 - the last resort: whatever was sent, its sender gets an answer
            traceback.print_exc()
            self._refuse(StatusError(500, "InternalError", f"Internal error occurred: {error!r}"))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    @property
    def _server(self) -> Server:
        return cast("Server", self.server)

    def send_response(self, code: int, message: str | None = None) -> None:
        """Note that there is no other answer any more."""
        self._begun = True
        super().send_response(code, message)

    def _handle(self) -> None:
        raw = self._read()
        # kubectl sends credentials to nobody without TLS, but it keeps what stands before the paths of an address.
        prefix, slash, rest = self.path.lstrip("/").partition("/")
        known = self._is_token(prefix)
        parts = urlsplit(slash + rest if known else self.path)
        if parts.path in ("/healthz", "/readyz", "/livez"):
            self._reply(200, b"ok", "text/plain")
            return
        if not known and not self._is_token(self.headers.get("Authorization", "").removeprefix("Bearer ")):
            raise StatusError(401, "Unauthorized", "Unauthorized")
        media = self.headers.get("Content-Type", "").split(";")[0].strip()
        if parts.path.startswith("/devcluster/"):
            self._admin(parts.path.removeprefix("/devcluster/"), media, raw)
            return
        server = self._server
        document = discovery.answer(server.registry, parts.path) if self.command == "GET" else None
        if document is not None:
            self._json(200, document)
            return
        call = Call(
            server.registry,
            server.faults,
            server.state,
            Stream(self),
            server.ending,
            self.command,
            target_of(server.registry, parts.path),
            {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()},
            self.headers.get("User-Agent", ""),
            self.headers.get("Accept", ""),
            media,
            raw,
            [],
            server.node,
            parts.query,
        )
        self._serve(call)

    def _serve(self, call: Call) -> None:
        """Answer a request to the API, or let a fault do it; either way it is on record."""
        asked, code = call.asked, 500
        try:
            rule = self._server.faults.take(asked)
            if rule is not None and rule.drop == "before":
                self._drop(rule)
                return
            if rule is not None and rule.code:
                raise rule.refusal()
            code, answer = verbs.answer(call)
            if rule is not None and rule.drop == "after":
                self._drop(rule)
            elif answer is not None:
                self._json(code, answer, [("Warning", f'299 - "{_quoted(text)}"') for text in call.warnings])
        except StatusError as error:
            code = error.code
            raise
        finally:
            # A stream is on record from its beginning.
            if asked.verb != "watch" or code != 200:
                self._server.faults.note(asked, code)

    def _read(self) -> bytes:
        length = self.headers.get("Content-Length") or "0"
        if self.headers.get("Transfer-Encoding") or not length.isascii() or not length.isdigit():
            self.close_connection = True
            raise StatusError(411, "BadRequest", "the length of the body must be given")
        if int(length) > _MOST_BYTES:
            self.close_connection = True
            raise StatusError(413, "RequestEntityTooLarge", f"limit is {_MOST_BYTES}")
        return self.rfile.read(int(length))

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(errors="replace"), self._server.token.encode())

    def _admin(self, what: str, media: str, raw: bytes) -> None:
        if media != "application/json":
            raise StatusError(415, "UnsupportedMediaType", "this endpoint takes application/json")
        server = self._server
        try:
            answer = admin.answer(what, json.loads(raw or b"{}"), server.registry, server.faults, server.node)
        except ValueError as error:
            raise StatusError(400, "BadRequest", str(error)) from None
        self._json(200, answer)

    def _drop(self, rule: Rule) -> None:
        """End the connection without an answer, and whoever is to be killed with it."""
        if rule.kill:
            os.kill(rule.kill, signal.SIGKILL)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _refuse(self, error: StatusError) -> None:
        if self._begun:
            # The head of an answer is on its way: nothing but the connection's end can tell.
            self.close_connection = True
            return
        try:
            self._json(error.code, error.body(), list(error.headers.items()))
        except OSError:
            self.close_connection = True

    def _json(self, code: int, body: Any, headers: list[tuple[str, str]] | None = None) -> None:
        self._reply(code, json.dumps(body).encode(), "application/json", headers)

    def _reply(self, code: int, body: bytes, kind: str, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers or []:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "backslashreplace").decode()
