"""Probes and metrics over real sockets of this machine."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from volsync_py.certificates import CertificateError, CertificateFiles, SelfSigned
from volsync_py.http_server import HttpServer, health_routes, metrics_routes

TEXT = "text/plain; version=0.0.4"


@contextmanager
def running(server: HttpServer) -> Iterator[HttpServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def ask(
    server: HttpServer, path: str, *, method: str = "GET", token: str = "", tls: ssl.SSLContext | None = None
) -> tuple[int, str]:
    """Ask once; return status and body."""
    if tls:
        client: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", server.port, timeout=5, context=tls
        )
    else:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        client.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = client.getresponse()
        return response.status, response.read().decode()
    finally:
        client.close()


def any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def served_certificate(port: int) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        any_certificate().wrap_socket(plain) as client,
    ):
        return client.getpeercert(binary_form=True) or b""


def test_readiness_says_what_is_missing() -> None:
    missing = ["the list of Jobs"]
    with running(HttpServer("127.0.0.1:0", health_routes(lambda: "".join(missing)))) as server:
        assert ask(server, "/healthz") == (200, "ok")
        assert ask(server, "/readyz") == (503, "not ready: the list of Jobs\n")
        missing.clear()
        assert ask(server, "/readyz?verbose") == (200, "ok")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/other", 404), ("HEAD", "/healthz", 200), ("POST", "/healthz", 501), ("DELETE", "/healthz", 501)],
)
def test_only_reading_known_paths_is_answered(method: str, path: str, expected: int) -> None:
    with running(HttpServer("127.0.0.1:0", health_routes(str))) as server:
        assert ask(server, path, method=method)[0] == expected


@pytest.mark.parametrize(
    ("token", "expected"),
    [("", (401, "Unauthorized\n")), ("bad", (403, "Forbidden\n")), ("good", (200, "a 1\n"))],
)
def test_metrics_ask_who_is_there(token: str, expected: tuple[int, str]) -> None:
    routes = metrics_routes(lambda: b"a 1\n", TEXT, lambda t: 200 if t == "good" else 403)
    with running(HttpServer("127.0.0.1:0", routes)) as server:
        assert ask(server, "/metrics", token=token) == expected


def test_a_silent_client_holds_up_nobody() -> None:
    with (
        SelfSigned() as certificate,
        running(HttpServer("127.0.0.1:0", metrics_routes(lambda: b"a 1\n", TEXT), certificate)) as server,
        socket.create_connection(("127.0.0.1", server.port)),
    ):
        assert ask(server, "/metrics", tls=any_certificate()) == (200, "a 1\n")


def test_every_address_of_the_machine_is_bound_without_a_host() -> None:
    with running(HttpServer(":0", health_routes(str))) as server:
        assert ask(server, "/healthz") == (200, "ok")


def test_a_stopped_server_frees_its_port() -> None:
    server = HttpServer("127.0.0.1:0", health_routes(str))
    server.start()
    port = server.port
    server.stop()

    with running(HttpServer(f"127.0.0.1:{port}", health_routes(str))) as again:
        assert ask(again, "/healthz") == (200, "ok")


def test_a_renewed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    with SelfSigned() as old, SelfSigned() as new:
        files = tmp_path / "tls.crt", tmp_path / "tls.key"
        copy(old, files)
        with running(HttpServer("127.0.0.1:0", health_routes(str), CertificateFiles(*files))) as server:
            before = served_certificate(server.port)
            files[0].write_text("half written")
            assert served_certificate(server.port) == before
            copy(new, files)
            assert served_certificate(server.port) != before


def copy(certificate: CertificateFiles, to: tuple[Path, Path]) -> None:
    shutil.copy(certificate.files[0], to[0])
    shutil.copy(certificate.files[1], to[1])


def test_no_certificate_at_start_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"no usable certificate in .*tls\.crt"):
        CertificateFiles(tmp_path / "tls.crt", tmp_path / "tls.key")
