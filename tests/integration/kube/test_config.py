"""Who we are for the API server: what a kubeconfig says about certificates."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.certificates import certificate
from tests.integration.kube.peer import Say, peer, pods
from volsync_py.kube import config, errors
from volsync_py.kube.client import Client
from volsync_py.kube.resources import PODS

ANSWER = Say(pods(1), headers={"Connection": "close"})


@pytest.fixture
def wants_certificates(tmp_path: Path) -> ssl.SSLContext:
    """A server's side that takes nobody without the client's certificate."""
    server, client = certificate(tmp_path, "server"), certificate(tmp_path, "client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.load_verify_locations(client[0])
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def kubeconfig(folder: Path, url: str, cluster: dict[str, Any], user: dict[str, Any]) -> str:
    path = folder / "kubeconfig"
    document = {
        "current-context": "peer",
        "clusters": [{"name": "peer", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "tester", "user": user}],
        "contexts": [{"name": "peer", "context": {"cluster": "peer", "user": "tester"}}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(path)


def test_every_connection_presents_the_certificate_that_was_loaded_once(
    tmp_path: Path, wants_certificates: ssl.SSLContext
) -> None:
    # Loading it anew for each connection would let a handshake of another thread go without one.
    user = {"client-certificate": str(tmp_path / "client.crt"), "client-key": str(tmp_path / "client.key")}
    with peer(lambda asked: ANSWER, wants_certificates) as server:
        path = kubeconfig(tmp_path, server.url, {"certificate-authority": str(tmp_path / "server.crt")}, user)
        client = Client(config.load(path), user_agent="tests")
        for file in ("client.crt", "client.key", "server.crt"):
            (tmp_path / file).unlink()
        for _ in range(3):
            assert client.list(PODS)["items"] == []
    assert len(server.asked) == 3


def test_a_server_that_the_authority_did_not_sign_is_refused(
    tmp_path: Path, wants_certificates: ssl.SSLContext
) -> None:
    with peer(lambda asked: ANSWER, wants_certificates) as server:
        path = kubeconfig(tmp_path, server.url, {"certificate-authority": str(tmp_path / "client.crt")}, {})
        with pytest.raises(errors.Unreachable, match="certificate"):
            Client(config.load(path), user_agent="tests").list(PODS)
    assert server.asked == []


def test_a_cluster_that_is_not_to_be_verified_is_not(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, "server"))
    with peer(lambda asked: ANSWER, context) as server:
        path = kubeconfig(tmp_path, server.url, {"insecure-skip-tls-verify": True}, {"token": "t"})
        # The library warns of it, once for each request; it is what the kubeconfig asks for.
        with pytest.warns(match="Unverified HTTPS request"):
            assert Client(config.load(path), user_agent="tests").list(PODS)["items"] == []


def test_a_certificate_that_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken.crt"
    broken.write_text("no certificate", encoding="utf-8")
    user = {"client-certificate": str(broken), "client-key": str(broken)}
    with pytest.raises(config.ConfigError, match="cannot be used"):
        config.load(kubeconfig(tmp_path, "https://localhost:1", {}, user))
