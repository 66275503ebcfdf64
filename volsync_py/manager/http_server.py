"""The manager's HTTP endpoints: liveness, readiness, metrics, and what others hand in as routes.

Guarantees that slow or silent clients hold up nobody else: an event loop (Tornado's) reads what they send and writes
what they get, so they cost no thread; a connection serves one request and ends after a time limit for the whole of it,
the TLS handshake included; there is a cap on connections, and beyond it the longest silent one goes. Answers are made
by a few threads. Only GET and HEAD are answered, and `stop` returns. Knows neither Kubernetes nor Prometheus:
readiness, the text of /metrics and the check of a token are functions that it is given.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from attrs import frozen
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from volsync_py.manager.addresses import host_and_port
from volsync_py.manager.certificates import CertificateFiles

# Prometheus gives up after ten seconds, a probe sooner; the largest scrape takes some of them to make.
_REQUEST_SECONDS = 30.0
# Probes and a few scrapers have one connection each, for milliseconds.
_MOST_CONNECTIONS = 100
# Two scrapers and somebody who looks; each is busy with reviews of a token or the text of the metrics.
_THREADS = 4
# More than there are scrapers and probes at once; each may hold a text of many megabytes. Who comes besides is told so.
_MOST_ANSWERED = 10
# A token of many groups has some kilobytes.
_MOST_HEADER_BYTES = 32 * 1024
_TEXT = "text/plain; charset=utf-8"

# Not logged: clients that hang up or speak no TLS are not our errors, and could fill the log.
logging.getLogger("tornado.general").setLevel(logging.CRITICAL)
log = structlog.get_logger()


@frozen
class Answer:
    """What a route returns."""

    status: int = 200
    body: bytes = b"ok"
    content_type: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Request:
    """What a route gets: the headers, the address of who is at the other end of the connection, the path."""

    headers: Mapping[str, str]
    address: str = ""
    path: str = ""


Route = Callable[[Request], Answer]
# Says of a bearer token, and of the address that it comes from, 200, 401, 403, 429, or 500 when nobody can tell.
Authorize = Callable[[str, str], int]


class HttpServer:
    """Serves routes at one address until stopped."""

    def __init__(
        self,
        address: str,
        routes: Mapping[str, Route],
        certificate: CertificateFiles | None = None,
        *,
        request_seconds: float = _REQUEST_SECONDS,
    ) -> None:
        host, port = host_and_port(address)
        self._sockets = bind_sockets(port, host or None)
        self._routes, self._certificate, self._seconds = routes, certificate, request_seconds
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"http {address}", daemon=True)

    @property
    def port(self) -> int:
        """The port, also where the address said 0."""
        return int(self._sockets[0].getsockname()[1])

    def start(self) -> None:
        """Answer from now on; the port is bound already."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, and free the port."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            return
        for one in self._sockets:
            one.close()
        self._loop.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="http")
        application = Application(log_function=_log_nothing)
        server = _Server(
            application,
            ssl_options=self._certificate.listening_context() if self._certificate else None,
            # With one request each, one time limit for the connection is one for the request.
            no_keep_alive=True,
            max_header_size=_MOST_HEADER_BYTES,
            # GET and HEAD have no body.
            max_body_size=1,
        )
        server.request_seconds = self._seconds
        handler = {"routes": self._routes, "pool": pool, "server": server}
        application.add_handlers(".*", [(".*", _Handler, handler)])
        server.add_sockets(self._sockets)
        await self._stopping.wait()
        server.stop()
        server.hang_up()
        # Who is being answered has hung up by now; nobody waits for the answer.
        pool.shutdown(wait=False, cancel_futures=True)


def health_routes(not_ready: Callable[[], str]) -> dict[str, Route]:
    """Return /healthz and /readyz; `not_ready` says what is missing, or nothing when all is there."""

    def readyz(_request: Request) -> Answer:
        missing = not_ready()
        return Answer(503, f"not ready: {missing}\n".encode()) if missing else Answer()

    return {"/healthz": lambda _request: Answer(), "/readyz": readyz}


def metrics_routes(
    expose: Callable[[], bytes], content_type: str, authorize: Authorize | None = None
) -> dict[str, Route]:
    """Return /metrics, for those only that `authorize` lets in."""

    def metrics(_request: Request) -> Answer:
        return Answer(body=expose(), content_type=content_type)

    return {"/metrics": checked(metrics, authorize) if authorize is not None else metrics}


def checked(route: Route, authorize: Authorize) -> Route:
    """Return a route for those only who are let in."""

    def answer(request: Request) -> Answer:
        scheme, _, token = header(request.headers, "authorization").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        status = authorize(bearer, request.address) if bearer else 401
        if status != HTTPStatus.OK:
            return Answer(status, f"{HTTPStatus(status).phrase}\n".encode())
        return route(request)

    return answer


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header by its name in small letters, "" if there is none."""
    return next((value for key, value in headers.items() if key.lower() == name), "")


class _Server(HTTPServer):
    """Tornado's server, with a cap on connections and a time limit for each."""

    request_seconds = _REQUEST_SECONDS

    def initialize(self, *args: Any, **options: Any) -> None:
        """Take Tornado's options; its way of making an object."""
        super().initialize(*args, **options)
        # Every open connection with the end of its time, the oldest first.
        self._open: dict[IOStream, asyncio.TimerHandle] = {}
        # Those whose answer is being made or sent; one that has hung up counts until a thread is free of it.
        self._answering: set[IOStream] = set()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Serve one more connection."""
        if len(self._open) >= _MOST_CONNECTIONS:
            # There always is one: fewer are answered at a time than may be open.
            self._close(next(one for one in self._open if one not in self._answering))
        self._open[stream] = asyncio.get_running_loop().call_later(self.request_seconds, self._close, stream)
        super().handle_stream(stream, address)

    def begins_to_answer(self, stream: IOStream) -> bool:
        """Count a request that has come completely, unless there are too many of them; say whether it may go on."""
        if len(self._answering) >= _MOST_ANSWERED:
            return False
        self._answering.add(stream)
        return True

    def has_answered(self, stream: IOStream) -> None:
        """Count a request no more."""
        self._answering.discard(stream)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that has ended."""
        super().on_close(server_conn)
        assert isinstance(server_conn, HTTP1ServerConnection)
        self._close(server_conn.stream)

    def hang_up(self) -> None:
        """End every connection."""
        for stream in list(self._open):
            self._close(stream)

    def _close(self, stream: IOStream) -> None:
        timer = self._open.pop(stream, None)
        if timer is not None:
            timer.cancel()
        stream.close()


class _Handler(RequestHandler):
    SUPPORTED_METHODS = ("GET", "HEAD")

    def initialize(self, routes: Mapping[str, Route], pool: ThreadPoolExecutor, server: _Server) -> None:
        """Take what is served, the threads that make answers, and the server that counts them."""
        self._routes, self._pool, self._server = routes, pool, server

    def set_default_headers(self) -> None:
        """Name the program, not the library and its version."""
        self.set_header("Server", "volsync-py")

    def compute_etag(self) -> None:
        """Make none: nobody asks for the metrics of before."""

    async def get(self) -> None:
        """Answer with what the route says."""
        connection = self.request.server_connection
        assert isinstance(connection, HTTP1ServerConnection)
        path = self.request.path
        # A route whose name ends with an asterisk serves what is below it.
        route = self._routes.get(path) or self._routes.get(f"/{path[1:].partition('/')[0]}/*")
        if route is None:
            await self._send(Answer(404, b"not found\n"))
        elif self._server.begins_to_answer(connection.stream):
            try:
                await self._send(await self._made_by(route))
            finally:
                self._server.has_answered(connection.stream)
        else:
            await self._send(Answer(503, b"too many at once\n"))

    head = get

    async def _made_by(self, route: Route) -> Answer:
        # The connection's own: a header that names another one is anybody's.
        request = Request(dict(self.request.headers.items()), self.request.remote_ip or "", self.request.path)
        return await asyncio.get_running_loop().run_in_executor(self._pool, route, request)

    async def _send(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        for name, value in answer.headers:
            self.set_header(name, value)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self.set_header("WWW-Authenticate", "Bearer")
        with suppress(StreamClosedError):
            await self.finish(answer.body)

    def write_error(self, status_code: int, **options: Any) -> None:
        """Say in a word what is wrong; a page would be of no use to a program."""
        self.set_header("Content-Type", _TEXT)
        self.finish(f"{HTTPStatus(status_code).phrase}\n")

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Tell of a route that failed; what a client does wrong is not told."""
        if not isinstance(error, HTTPError):
            log.error("a request over HTTP failed: this is a defect", exc_info=(kind, error, trace))


def _log_nothing(_handler: RequestHandler) -> None:
    """Log nothing: probes come every few seconds."""
