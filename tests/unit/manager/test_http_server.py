"""Probes and metrics over real sockets of this machine."""

from __future__ import annotations

import http.client
import select
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from hack.processes import wait_until
from volsync_py.manager.certificates import CertificateError, CertificateFiles, SelfSigned
from volsync_py.manager.http_server import Answer, HttpServer, Request, health_routes, metrics_routes

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
            "127.0.0.1", server.port, timeout=20, context=tls
        )
    else:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
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
    [("GET", "/other", 404), ("HEAD", "/healthz", 200), ("POST", "/healthz", 405), ("DELETE", "/healthz", 405)],
)
def test_only_reading_known_paths_is_answered(method: str, path: str, expected: int) -> None:
    with running(HttpServer("127.0.0.1:0", health_routes(str))) as server:
        assert ask(server, path, method=method)[0] == expected


@pytest.mark.parametrize(
    ("token", "expected"),
    [("", (401, "Unauthorized\n")), ("bad", (403, "Forbidden\n")), ("good", (200, "a 1\n"))],
)
def test_metrics_ask_who_is_there(token: str, expected: tuple[int, str]) -> None:
    routes = metrics_routes(lambda: b"a 1\n", TEXT, lambda t, _address: 200 if t == "good" else 403)
    with running(HttpServer("127.0.0.1:0", routes)) as server:
        assert ask(server, "/metrics", token=token) == expected


def test_who_asks_is_told_by_the_connection_and_not_by_a_header() -> None:
    told: list[str] = []

    def authorize(_token: str, address: str) -> int:
        told.append(address)
        return 200

    with running(HttpServer("127.0.0.1:0", metrics_routes(lambda: b"a 1\n", TEXT, authorize))) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        lies = {"X-Forwarded-For": "10.1.1.1", "X-Real-Ip": "10.1.1.1", "Forwarded": "for=10.1.1.1"}
        client.request("GET", "/metrics", headers={"Authorization": "Bearer t", **lies})
        assert client.getresponse().status == 200
        client.close()
    assert told == ["127.0.0.1"]


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


def threads() -> int:
    return sum(one.name.startswith("http") for one in threading.enumerate())


@contextmanager
def dribbling(port: int, clients: int) -> Iterator[None]:
    """Have clients that send their request byte by byte, as long as anybody listens."""
    line = b"GET /metrics HTTP/1.1\r\nX-Endless: " + b"x" * 10_000
    ended = threading.Event()
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)) for _ in range(clients)]

        def dribble() -> None:
            for number in range(len(line)):
                for one in sockets:
                    # One that was hung up on has had its time.
                    with suppress(OSError):
                        one.send(line[number : number + 1])
                if ended.wait(0.05):
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize("secure", [False, True])
def test_many_slow_clients_cost_no_threads_and_a_scrape_is_answered(secure: bool) -> None:
    routes = metrics_routes(lambda: b"a 1\n", TEXT)
    with SelfSigned() as certificate, running(HttpServer("127.0.0.1:0", routes, certificate if secure else None)) as it:
        before = threads()
        with dribbling(it.port, 300):
            for _ in range(20):
                assert ask(it, "/metrics", tls=any_certificate() if secure else None) == (200, "a 1\n")
            # The loop's, and those of the pool.
            assert threads() - before <= 4


def hung_up(client: socket.socket) -> bool:
    """Return whether the other side has ended the connection, which is what this waits for."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def test_one_deadline_holds_for_the_whole_request() -> None:
    with running(HttpServer("127.0.0.1:0", health_routes(str), request_seconds=0.5)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as silent:
            assert hung_up(silent)
        with dribbling(server.port, 3), socket.create_connection(("127.0.0.1", server.port), timeout=20) as half:
            half.send(b"GET /healthz HTTP/1.1\r\n")
            assert hung_up(half)


def test_who_does_not_read_the_answer_is_hung_up_on() -> None:
    with (
        running(
            HttpServer("127.0.0.1:0", metrics_routes(lambda: b"x" * 50_000_000, TEXT), request_seconds=0.5)
        ) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        client.send(b"GET /metrics HTTP/1.1\r\nHost: me\r\n\r\n")
        assert client.recv(1) == b"H"
        wait_until("the end of the connection", lambda: established(server.port) == 0, 20)


def established(port: int) -> int:
    """Count connections whose other end is at a port of this machine, as the kernel does."""
    lines = Path("/proc/self/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    return sum(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)


def test_the_longest_silent_connection_makes_room_for_a_new_one() -> None:
    with running(HttpServer("127.0.0.1:0", health_routes(str))) as server, ExitStack() as held:
        first, *_ = [
            held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20)) for _ in range(101)
        ]
        assert hung_up(first)
        assert ask(server, "/healthz") == (200, "ok")


def test_a_request_that_is_being_answered_is_never_the_one_to_go() -> None:
    go, asked = threading.Event(), threading.Event()

    def expose() -> bytes:
        asked.set()
        assert go.wait(20)
        return b"a 1\n"

    with running(HttpServer("127.0.0.1:0", metrics_routes(expose, TEXT))) as server, ExitStack() as held:
        scraper = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        scraper.send(b"GET /metrics HTTP/1.1\r\nHost: me\r\n\r\n")
        assert asked.wait(20)
        one, *_ = [
            held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20)) for _ in range(100)
        ]
        assert hung_up(one)
        go.set()
        assert scraper.recv(15) == b"HTTP/1.1 200 OK"


GET_METRICS = b"GET /metrics HTTP/1.1\r\nHost: me\r\n\r\n"


def test_more_requests_than_can_be_answered_are_told_so() -> None:
    go = threading.Event()

    def expose() -> bytes:
        assert go.wait(20)
        return b"a 1\n"

    with running(HttpServer("127.0.0.1:0", metrics_routes(expose, TEXT))) as server, ExitStack() as held:
        clients = [
            held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20)) for _ in range(20)
        ]
        for one in clients:
            one.send(GET_METRICS)
        wait_until("who is told", lambda: len(select.select(clients, [], [], 0)[0]) == 10)
        refused = select.select(clients, [], [], 0)[0]
        assert {one.recv(15) for one in refused} == {b"HTTP/1.1 503 Se"}
        go.set()
        assert {one.recv(15) for one in clients if one not in refused} == {b"HTTP/1.1 200 OK"}
        assert ask(server, "/metrics") == (200, "a 1\n")


def test_who_hangs_up_counts_until_no_thread_works_for_it() -> None:
    go = threading.Event()

    def expose() -> bytes:
        assert go.wait(20)
        return b"a 1\n"

    def status() -> int:
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.2) as client:
            client.send(GET_METRICS)
            try:
                return int(client.recv(15).split()[1])
            except TimeoutError:
                return 0

    with running(HttpServer("127.0.0.1:0", metrics_routes(expose, TEXT))) as server:
        wait_until("one too many", lambda: status() == 503)
        go.set()
        wait_until("the end of the others", lambda: status() == 200)


def test_a_route_that_fails_is_a_word_and_a_line_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_request: Request) -> Answer:
        raise ValueError("broken")

    with running(HttpServer("127.0.0.1:0", {"/metrics": broken})) as server:
        assert ask(server, "/metrics") == (500, "Internal Server Error\n")
    assert "this is a defect" in capsys.readouterr().out


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET /metrics HTTP/1.1\r\nContent-Length: 99999\r\n\r\n"])
def test_what_is_no_request_is_refused_without_a_word_in_the_log(
    sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        running(HttpServer("127.0.0.1:0", metrics_routes(lambda: b"a 1\n", TEXT))) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        client.send(sent)
        assert b"200" not in client.recv(100)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["[::1]", ""])
def test_addresses_of_both_kinds_are_served(host: str) -> None:
    with running(HttpServer(f"{host}:0", health_routes(str))) as server:
        families = [socket.AF_INET6] if host == "[::1]" else [socket.AF_INET6, socket.AF_INET]
        for family in families:
            with socket.socket(family) as client:
                client.settimeout(5)
                client.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", server.port))
                client.send(b"GET /healthz HTTP/1.1\r\nHost: me\r\n\r\n")
                assert client.recv(15) == b"HTTP/1.1 200 OK"
