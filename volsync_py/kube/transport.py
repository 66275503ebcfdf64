"""One request and its answer, or one stream, over the connections of a `Connection`.

Guarantees that every request says who asks, has a deadline, is counted, and fails as
`kube.errors.Unreachable` only, whose text shows no credentials. Knows nothing of what is asked.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from attrs import frozen

from volsync_py.kube.config import Connection
from volsync_py.kube.errors import Unreachable
from volsync_py.kube.resources import Resource
from volsync_py.kube.server_clock import ServerClock

# (verb, resource, code or "error", seconds until the answer), of each request that was sent.
Observer = Callable[[str, str, str, float], None]

# A handshake with a loaded server takes a second; a server that is not there is not worth more than a few.
_CONNECT_SECONDS = 5.0
# No retries in urllib3: the caller decides what a failure means.
_NEVER = urllib3.Retry(False)
# More than any event; a stream hands each of them out as it comes, however large this is.
_CHUNK_BYTES = 65536


@frozen
class Answer:
    """What came back."""

    status: int
    raw: bytes
    retry_after: str


class Transport:
    """Sends requests; thread-safe."""

    def __init__(
        self, connection: Connection, user_agent: str, timeout_seconds: float, observer: Observer | None
    ) -> None:
        self._api = connection.api_client
        host = connection.host.rstrip("/")
        manager = self._api.rest_client.pool_manager
        # Looked up once: the pool manager would parse the URL and compare pools for each request.
        self._pool: urllib3.HTTPConnectionPool = manager.connection_from_url(host)
        # A proxy that sees the requests has to be told where they go.
        seen = manager.proxy is not None and urlsplit(host).scheme == "http"
        self._base = host if seen else urlsplit(host).path
        self._agent, self._seconds = user_agent, timeout_seconds
        self._timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, timeout_seconds), read=timeout_seconds)
        self.server_clock = ServerClock()
        self._observe = observer or (lambda verb, resource, code, seconds: None)
        self._streams: set[urllib3.BaseHTTPResponse] = set()
        self._lock = threading.Lock()
        # Requests that are still allowed; None: all.
        self._allowed: tuple[Resource, ...] | None = None

    def send(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        method: str = "GET",
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout_seconds: float | None = None,
        part: str = "",
    ) -> Answer:
        """Send a request; `part` says for metrics what of a resource it is about."""
        data = None if body is None else json.dumps(body).encode()
        timeout = self._timeout if timeout_seconds is None else urllib3.Timeout(total=timeout_seconds)
        response = self._request(
            verb,
            resource,
            path,
            part=part,
            query=query or {},
            method=method,
            body=data,
            headers={} if body is None else {"Content-Type": content_type},
            timeout=timeout,
        )
        return _answer(response, response.data)

    def send_for_the_end(
        self, verb: str, resource: Resource, path: str, query: dict[str, str], *, part: str, most_bytes: int
    ) -> Answer:
        """Send a request whose answer may be of any size, and keep its last bytes."""
        deadline = time.monotonic() + self._seconds
        response = self._request(
            verb, resource, path, part=part, query=query, method="GET", timeout=self._timeout, preload_content=False
        )
        kept = b""
        try:
            for chunk in response.stream(_CHUNK_BYTES, decode_content=True):
                kept = (kept + chunk)[-most_bytes:]
                if time.monotonic() > deadline:
                    raise Unreachable(f"{verb} {path}: the answer does not end")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{verb} {path}: {error}") from error
        finally:
            response.close()
        return _answer(response, kept)

    @contextmanager
    def stream(
        self, verb: str, resource: Resource, path: str, query: dict[str, str], silence_seconds: float
    ) -> Iterator[Iterator[bytes] | Answer]:
        """Open a stream and iterate over its lines, or return the refusal.

        It has to begin within the time of any other answer, and is cut off when it is silent for longer
        than `silence_seconds`.
        """
        response = self._request(
            verb, resource, path, query=query, method="GET", timeout=self._timeout, preload_content=False
        )
        try:
            with self._lock:
                self._streams.add(response)
                # shut_down() may have been called while the answer was under way.
                self._check(resource)
            if response.status >= 400:
                yield _answer(response, _rest_of(response))
            else:
                _allow_silence(response, silence_seconds)
                yield _lines(response)
        finally:
            with self._lock:
                self._streams.discard(response)
            response.close()

    def own_connection(self, path: str) -> tuple[Any, str, dict[str, str]]:
        """Return a new connection to the server, the path's URL, and the headers that say who asks.

        It is made as for any other request, with the same TLS, certificates and proxy, and belongs to the caller.
        """
        what = f"exec {path}"
        headers = self._headers(what)
        made = self._pool._new_conn()
        # For each of the steps: TCP, the proxy's answer, TLS.
        made.timeout = min(_CONNECT_SECONDS, self._seconds)
        try:
            if made.proxy is not None and self._pool.scheme == "https":
                self._pool._prepare_proxy(made)
            else:
                made.connect()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{what}: {error}") from error
        # The scheme of a connection that is made already: nothing more is done for TLS.
        port = f":{self._pool.port}" if self._pool.port else ""
        host = f"[{self._pool.host}]" if ":" in self._pool.host else self._pool.host
        sock: Any = made.sock  # type: ignore[attr-defined]
        return sock, f"ws://{host}{port}{urlsplit(self._base).path}{path}", headers

    def refuse_all_but(self, resources: tuple[Resource, ...]) -> None:
        """End the open streams and refuse, from now on, what is asked about any other resource."""
        with self._lock:
            self._allowed = resources
            streams = list(self._streams)
        for stream in streams:
            # One that has just ended by itself has nothing left to shut down.
            with suppress(ValueError, RuntimeError, OSError):
                stream.shutdown()

    def _request(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        query: dict[str, str],
        part: str = "",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> urllib3.BaseHTTPResponse:
        self._check(resource)
        what = f"{verb} {path}"
        all_headers = {**self._headers(what), **(headers or {})}
        given = {key: value for key, value in query.items() if value}
        url = f"{self._base}{path}?{urlencode(given)}" if given else self._base + path
        started, asked, code = time.monotonic(), datetime.now(UTC), "error"
        try:
            response = self._exchange(what, url=url, headers=all_headers, **options)
            code = str(response.status)
            self.server_clock.take(response.headers, asked, datetime.now(UTC))
        finally:
            name = f"{resource.plural}/{part}" if part else resource.plural
            # The request has been made, whether or not the observer can count it.
            with suppress(Exception):
                self._observe(verb, name, code, time.monotonic() - started)
        return response

    def _exchange(self, what: str, **options: Any) -> urllib3.BaseHTTPResponse:
        try:
            response: urllib3.BaseHTTPResponse = self._pool.urlopen(
                retries=_NEVER, redirect=False, assert_same_host=False, **options
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{what}: {error}") from error
        except ValueError:
            # A token that fits into no header; the text of the error would show it.
            raise Unreachable(f"{what}: the credentials cannot be sent") from None
        return response

    def _check(self, resource: Resource) -> None:
        if self._allowed is not None and resource not in self._allowed:
            raise Unreachable("shutting down")

    def _headers(self, what: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": self._agent}
        try:
            self._api.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
        except Exception as error:  # noqa: BLE001 - reading a token may run a plugin, which may fail in any way
            # The text of the error may hold what was read.
            why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            raise Unreachable(f"{what}: the credentials cannot be read: {why}") from None
        # What was read from a file may end in a line break, which ends no header.
        return {name: value.strip() for name, value in headers.items()}


def _answer(response: urllib3.BaseHTTPResponse, raw: bytes) -> Answer:
    return Answer(response.status, raw, response.headers.get("Retry-After", ""))


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    try:
        for chunk in response.stream(_CHUNK_BYTES, decode_content=True):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    yield line
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise Unreachable(f"the stream was cut off: {error}") from error


def _rest_of(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read what a stream says instead of lines."""
    try:
        return response.read()
    except (urllib3.exceptions.HTTPError, OSError):
        # A body that cannot be read is ignored: the status code says enough.
        return b""


def _allow_silence(response: urllib3.BaseHTTPResponse, seconds: float) -> None:
    """Let a stream that has begun be silent for longer than an answer may be.

    Where the server closes the connection after the stream, the library has let go of the socket already;
    such a stream is cut off when it is silent for as long as an answer may be, and goes on where it was.
    """
    sock = getattr(response.connection, "sock", None)
    if sock is not None:
        sock.settimeout(seconds)
