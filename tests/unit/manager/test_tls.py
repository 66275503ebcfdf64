"""What TLS the metrics are served with: Kubernetes' names for it, asked of a real handshake."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.reviews import Reviewer
from volsync_py.manager.endpoints import make_servers
from volsync_py.manager.page_routes import PageRoutes
from volsync_py.manager.settings import parse_settings
from volsync_py.manager.tls import SUITES
from volsync_py.telemetry.metrics import Metrics

ECDSA = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
KUBECONFIG = """
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: a, user: {}}]
current-context: a
"""


@contextmanager
def served(folder: Path, *flags: str) -> Iterator[int]:
    """Serve metrics as the manager does; gives their port."""
    words = ["--metrics-bind-address=127.0.0.1:0", "--metrics-secure", "--health-probe-bind-address=0", *flags]
    settings = parse_settings(words, {"VOLSYNC_PY_IMAGE": "local"}, pod_namespace="")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG, encoding="utf-8")
    client = Client(config.load(str(kubeconfig)))
    pages = PageRoutes({}, str, lambda: datetime.now(UTC), "nowhere")
    (server,) = make_servers(settings, Metrics(), lambda path: Reviewer(client, path=path), str, pages)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()
        client.shut_down()


def handshake(port: int, newest: ssl.TLSVersion, suites: str = "") -> tuple[str, str]:
    """Shake hands; return the version and the suite."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = newest
    if suites:
        context.set_ciphers(suites)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain) as client:
        cipher = client.cipher()
        assert cipher is not None
        return str(client.version()), cipher[0]


def test_without_a_word_it_is_1_2_at_least(tmp_path: Path) -> None:
    with served(tmp_path) as port:
        assert handshake(port, ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"
        assert handshake(port, ssl.TLSVersion.TLSv1_3)[0] == "TLSv1.3"


def test_a_newer_version_may_be_asked_for(tmp_path: Path) -> None:
    with served(tmp_path, "--tls-min-version=VersionTLS13") as port:
        assert handshake(port, ssl.TLSVersion.TLSv1_3)[0] == "TLSv1.3"
        with pytest.raises(ssl.SSLError):
            handshake(port, ssl.TLSVersion.TLSv1_2)


def test_of_the_suites_only_those_that_are_named_are_served(tmp_path: Path) -> None:
    with served(tmp_path, f"--tls-cipher-suites={ECDSA},TLS_AES_128_GCM_SHA256") as port:
        assert handshake(port, ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", SUITES[ECDSA])
        with pytest.raises(ssl.SSLError):
            handshake(port, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256")


@pytest.mark.parametrize("name", SUITES.values(), ids=SUITES.keys())
def test_openssl_knows_each_suite(name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(name)

    assert name in {cipher["name"] for cipher in context.get_ciphers()}


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--tls-min-version=VersionTLS11", "'VersionTLS11' is neither of VersionTLS12, VersionTLS13"),
        ("--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA", "'TLS_RSA_WITH_RC4_128_SHA': not among TLS_ECDHE"),
        ("--tls-cipher-suites=ALL:@SECLEVEL=0", "'ALL:@SECLEVEL=0': not among"),
        ("--tls-cipher-suites=TLS_AES_128_GCM_SHA256", "none of these is of TLS 1.2"),
    ],
)
def test_what_would_be_weaker_or_is_not_known_is_refused(
    flag: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_settings([flag], {"VOLSYNC_PY_IMAGE": "local"}, pod_namespace="")

    assert says in capsys.readouterr().err
