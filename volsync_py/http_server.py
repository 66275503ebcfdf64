"""The manager's HTTP endpoints: liveness, readiness and metrics.

Guarantees that a slow or silent client holds up nobody else (a thread and a time limit for each connection, the
TLS handshake included), that only GET and HEAD are answered, and that `stop` returns. Knows neither Kubernetes nor
Prometheus: readiness, the text of /metrics and the check of a token are functions that it is given.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import frozen

from volsync_py.addresses import host_and_port
from volsync_py.certificates import CertificateFiles

# A probe or a scraper answers within its own few seconds; what is silent for longer is gone.
_CLIENT_SECONDS = 10


@frozen
class Answer:
    """What a route returns."""

    status: int = 200
    body: bytes = b"ok"
    content_type: str = "text/plain; charset=utf-8"


# Gets the request's headers.
Route = Callable[[Mapping[str, str]], Answer]


class HttpServer:
    """Serves routes at one address until stopped."""

    def __init__(self, address: str, routes: Mapping[str, Route], certificate: CertificateFiles | None = None) -> None:
        self._server = _Server(host_and_port(address), routes, certificate)
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"http {address}", daemon=True)

    @property
    def port(self) -> int:
        """The port, also where the address said 0."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Answer from now on; the port is bound already."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def health_routes(not_ready: Callable[[], str]) -> dict[str, Route]:
    """Return /healthz and /readyz; `not_ready` says what is missing, or nothing when all is there."""

    def readyz(_headers: Mapping[str, str]) -> Answer:
        missing = not_ready()
        return Answer(503, f"not ready: {missing}\n".encode()) if missing else Answer()

    return {"/healthz": lambda _headers: Answer(), "/readyz": readyz}


def metrics_routes(
    expose: Callable[[], bytes], content_type: str, authorize: Callable[[str], int] | None = None
) -> dict[str, Route]:
    """Return /metrics; `authorize` turns a bearer token into 200, 401, 403, or 500 when nobody can tell."""

    def metrics(headers: Mapping[str, str]) -> Answer:
        if authorize is not None:
            scheme, _, token = _header(headers, "authorization").partition(" ")
            status = authorize(token.strip()) if scheme.lower() == "bearer" and token.strip() else 401
            if status != HTTPStatus.OK:
                return Answer(status, f"{HTTPStatus(status).phrase}\n".encode())
        return Answer(body=expose(), content_type=content_type)

    return {"/metrics": metrics}


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Else `stop` would wait for a scraper that keeps its connection open.
    block_on_close = False

    def __init__(
        self, address: tuple[str, int], routes: Mapping[str, Route], certificate: CertificateFiles | None
    ) -> None:
        self.routes = routes
        self._certificate = certificate
        if not address[0] or ":" in address[0]:
            self.address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() or address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Not HTTPServer's: that looks the machine's name up in DNS, which may take seconds.
        _bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        connection, client = super().get_request()
        connection.settimeout(_CLIENT_SECONDS)
        if self._certificate is None:
            return connection, client
        # The handshake happens at the first read, in the connection's own thread.
        context = self._certificate.context()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), client

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Say nothing: clients that hang up or speak no TLS are not our trouble."""


def _bind(server: ThreadingHTTPServer) -> None:
    """Bind as socketserver does, without what http.server adds."""
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.socket.bind(server.server_address)
    server.server_address = server.socket.getsockname()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "volsync-py"
    sys_version = ""
    timeout = _CLIENT_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        route = self.server.routes.get(self.path.partition("?")[0])
        answer = route(dict(self.headers.items())) if route else Answer(404, b"not found\n")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: probes come every few seconds."""
