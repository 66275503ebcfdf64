"""Where the API server is, and who we are for it: certificates, tokens that change, contexts, broken files."""

from __future__ import annotations

import base64
import inspect
import logging
import os
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.config import incluster_config

from tests.certificates import certificate
from tests.integration.commands.asking import command
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


def two_contexts(folder: Path, current: str | None) -> str:
    path = folder / "kubeconfig"
    document: dict[str, Any] = {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:1"}} for name in ("east", "west")],
        "users": [],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "", "namespace": f"in-{name}"}}
            for name in ("east", "west")
        ],
    }
    if current:
        document["current-context"] = current
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("current", ["east", None])
def test_a_context_that_was_asked_for_brings_its_own_namespace(tmp_path: Path, current: str | None) -> None:
    connection = config.load(two_contexts(tmp_path, current), "west")
    assert (connection.host, connection.namespace) == ("https://west:1", "in-west")


def test_the_current_context_is_taken_when_none_is_asked_for(tmp_path: Path) -> None:
    connection = config.load(two_contexts(tmp_path, "east"))
    assert (connection.host, connection.namespace) == ("https://east:1", "in-east")


BROKEN: dict[str, tuple[str, str]] = {
    "no YAML": ("clusters: [\n  : {", "line 2"),
    "a sentence": ("just some words", "expected form"),
    "a list": ("- 1\n- 2\n", "expected form"),
    "a number for the contexts": ("current-context: a\ncontexts: 7\nclusters: []\nusers: []\n", "expected form"),
    "a list for a context": ("current-context: a\ncontexts: [[a]]\nclusters: []\n", "to have 'name' key"),
    "nothing": ("", "cannot be used"),
    "no such context": ("current-context: a\ncontexts: []\nclusters: []\n", "object with name a"),
    "no text": ("\udcff", "expected form"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_no_kubeconfig_is_said_to_be_none(tmp_path: Path, what: str) -> None:
    content, said = BROKEN[what]
    path = tmp_path / "kubeconfig"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(config.ConfigError, match=said) as raised:
        config.load(str(path))
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"kubeconfig .*/none .*no such file"):
        config.load(str(tmp_path / "none"))


def test_no_complaint_about_a_file_shows_a_secret_in_it(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    document = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://a:1"}}],
        # The level that holds the token is missing.
        "users": [{"name": "a", "token": "s3cret"}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(config.ConfigError, match="Expected key user") as raised:
        config.load(str(path))
    assert "s3cret" not in str(raised.value)


def test_a_connection_is_asked_for_signs_of_life_while_nobody_speaks(tmp_path: Path) -> None:
    with peer(lambda asked: ANSWER) as server:
        connection = config.load(kubeconfig(tmp_path, server.url, {}, {}))
        kept = connection.api_client.rest_client.pool_manager.request(
            "GET", f"{server.url}/", preload_content=False, retries=False
        )
        # What is set on it is read from the socket itself.
        with socket.socket(fileno=os.dup(kept.fileno())) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            idle, interval, probes = (
                sock.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        kept.close()
    assert idle + interval * probes <= 60


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the account of a pod, whose API server is at the port that KUBERNETES_SERVICE_PORT names."""
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "namespace").write_text("of-the-pod\n", encoding="utf-8")
    (folder / "token").write_text("first\n", encoding="utf-8")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(folder / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "server.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "localhost")
    return folder


def expire(connection: config.Connection) -> None:
    """Let the minute pass in which the library does not look at the token's file."""
    hook = connection.api_client.configuration.refresh_api_key_hook
    assert hook is not None
    inspect.getclosurevars(hook).nonlocals["self"].token_expires_at = datetime(1970, 1, 1)  # noqa: DTZ001 - as it does


def tls(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder, "server"))
    return context


def test_a_token_that_the_cluster_renews_is_used_from_then_on(
    tmp_path: Path, account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peer(lambda asked: ANSWER, tls(tmp_path)) as server:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", server.url.rpartition(":")[2])
        connection = config.load()
        assert connection.namespace == "of-the-pod"
        client = Client(connection, user_agent="tests")
        client.list(PODS)
        (account / "token").write_text("second", encoding="utf-8")
        expire(connection)
        client.list(PODS)
        # Kept for the next minute.
        (account / "token").write_text("third", encoding="utf-8")
        client.list(PODS)
        assert [a.headers["Authorization"] for a in server.asked] == ["bearer first", "bearer second", "bearer second"]


@pytest.mark.parametrize("how", ["gone", "empty", "no text", "no header"])
def test_a_token_that_cannot_be_used_is_a_failed_request_that_shows_nothing_of_it(
    tmp_path: Path, account: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with peer(lambda asked: ANSWER, tls(tmp_path)) as server:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", server.url.rpartition(":")[2])
        connection = config.load()
        client = Client(connection, user_agent="tests")
        token = account / "token"
        if how == "gone":
            token.unlink()
        else:
            token.write_bytes({"empty": b"", "no text": b"s3cret\xff", "no header": b"s3cret\ns3cret"}[how])
        expire(connection)
        with pytest.raises(errors.Unreachable, match="credentials") as raised:
            client.list(PODS)
        assert "s3cret" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert server.asked == []
        token.write_text("good", encoding="utf-8")
        expire(connection)
        client.list(PODS)
        assert [a.headers["Authorization"] for a in server.asked] == ["bearer good"]


def test_an_account_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "none"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "localhost")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    with pytest.raises(config.ConfigError, match="service account"):
        config.load()


def plugin(folder: Path, lifetime: timedelta) -> dict[str, Any]:
    """Return a user whose token comes from a program, which says what is in the file `token` at that time."""
    until = (datetime.now(UTC) + lifetime).isoformat()
    script = folder / "plugin.py"
    script.write_text(
        "import json, pathlib\n"
        f"token = pathlib.Path({str(folder / 'token')!r}).read_text()\n"
        f"status = {{'token': token, 'expirationTimestamp': {until!r}}}\n"
        "api = 'client.authentication.k8s.io/v1'\n"
        "print(json.dumps({'apiVersion': api, 'kind': 'ExecCredential', 'status': status}))\n",
        encoding="utf-8",
    )
    api = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": api, "command": sys.executable, "args": [str(script)], "interactiveMode": "Never"}}


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [(timedelta(hours=1), ["Bearer one", "Bearer one"]), (timedelta(seconds=-1), ["Bearer one", "Bearer two"])],
)
def test_a_plugin_is_asked_for_a_token_again_when_the_last_one_has_run_out(
    tmp_path: Path, lifetime: timedelta, expected: list[str]
) -> None:
    (tmp_path / "token").write_text("one", encoding="utf-8")
    with peer(lambda asked: ANSWER) as server:
        connection = config.load(kubeconfig(tmp_path, server.url, {}, plugin(tmp_path, lifetime)))
        client = Client(connection, user_agent="tests")
        # Asked once when the connection was made, and again only if that does not hold.
        client.list(PODS)
        (tmp_path / "token").write_text("two", encoding="utf-8")
        client.list(PODS)
        assert [a.headers["Authorization"] for a in server.asked] == expected


API = "client.authentication.k8s.io/v1"
CREDENTIAL = f'{{"apiVersion": "{API}", "kind": "ExecCredential", "status": {{%s}}}}'


def logs_in_with(*words: str, **more: str) -> dict[str, Any]:
    given = {"apiVersion": API, "command": words[0], "args": list(words[1:]), "interactiveMode": "Never"}
    return {"exec": {**given, **more}}


def says(status: str) -> dict[str, Any]:
    return logs_in_with("echo", CREDENTIAL % status)


def issuer_that_is_away() -> dict[str, Any]:
    """Return a user whose token has expired, and whose issuer does not answer."""
    claims = base64.urlsafe_b64encode(b'{"exp": 1}').decode().rstrip("=")
    given = {
        "id-token": f"a.{claims}.c",
        "idp-issuer-url": "http://127.0.0.1:1",
        "refresh-token": "r",
        "client-id": "c",
    }
    return {"auth-provider": {"name": "oidc", "config": given}}


NO_LOGIN: dict[str, tuple[dict[str, Any], str]] = {
    "its program is not there": (
        logs_in_with("/none/log-in"),
        "the program /none/log-in, which it names for logging in, cannot be started ([Errno 2] No such file or "
        "directory: '/none/log-in'): install it, or correct its name",
    ),
    "its program is not there, and it says where to get it": (
        logs_in_with("/none/log-in", installHint="get it\nfrom there"),
        "cannot be started ([Errno 2] No such file or directory: '/none/log-in'): get it from there",
    ),
    "its program fails": (
        logs_in_with("sh", "-c", "echo your session has ended >&2; exit 3"),
        "the program sh, which it names for logging in, failed (exit code 3: your session has ended): log in again, or "
        "run it to see why",
    ),
    "its program fails without a word": (logs_in_with("false"), "failed (exit code 1): log in again"),
    "its program says nothing": (logs_in_with("true"), "gave none that can be used: run it"),
    "its program says an empty token": (says('"token": ""'), "gave none that can be used: run it"),
    "its program says no token": (says('"token": null'), "gave none that can be used: run it"),
    "its program says a certificate without a key": (
        says('"clientCertificateData": "x"'),
        "gave none that can be used",
    ),
    "its file of a token is not there": (
        {"tokenFile": "/none/token"},
        "its tokenFile /none/token cannot be read (No such file or directory): log in again",
    ),
    "its file of a token is empty": ({"tokenFile": "/dev/null"}, "its tokenFile /dev/null is empty: log in again"),
    "its provider is not known": (
        {"auth-provider": {"name": "azure", "config": {"access-token": "s3cret"}}},
        "its auth-provider azure has no token that is known here: log in with a plugin (exec)",
    ),
    "its provider does not answer": (
        issuer_that_is_away(),
        "its auth-provider oidc failed (MaxRetryError): log in again",
    ),
}


@pytest.mark.parametrize("what", NO_LOGIN)
def test_a_login_that_failed_is_said_and_nobody_goes_on_without_credentials(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    user, said = NO_LOGIN[what]
    handlers = list(logging.root.handlers)
    with pytest.raises(config.ConfigError) as raised:
        config.load(kubeconfig(tmp_path, "https://localhost:1", {}, user))
    assert str(raised.value).startswith(f"the kubeconfig {tmp_path}/kubeconfig gives no credentials: ")
    assert said in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert [record for record in caplog.records if record.name == "root"] == []
    assert (logging.root.handlers, logging.root.filters) == (handlers, [])


def test_a_command_says_of_a_failed_login_one_sentence_and_asks_nothing(tmp_path: Path) -> None:
    with peer(lambda asked: ANSWER) as server:
        path = kubeconfig(tmp_path, server.url, {}, logs_in_with("false"))
        done = command(Path(path), "status")
    assert (done.returncode, done.stdout, server.asked) == (1, "", [])
    assert done.stderr == (
        f"Error: the kubeconfig {path} gives no credentials: the program false, which it names for logging in, failed "
        "(exit code 1): log in again, or run it to see why; name another with --kubeconfig, or a --context of it\n"
    )


def test_a_plugin_that_fails_later_leaves_the_token_that_it_gave(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("one", encoding="utf-8")
    with peer(lambda asked: ANSWER) as server:
        connection = config.load(kubeconfig(tmp_path, server.url, {}, plugin(tmp_path, timedelta(seconds=-1))))
        (tmp_path / "token").unlink()
        Client(connection, user_agent="tests").list(PODS)
        assert [a.headers["Authorization"] for a in server.asked] == ["Bearer one"]
    assert [record for record in caplog.records if record.name == "root"] == []


def test_the_way_to_the_server_does_not_change_with_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peer(lambda asked: ANSWER) as server:
        connection = config.load(kubeconfig(tmp_path, server.url, {}, {"token": "t"}))
        monkeypatch.setenv("http_proxy", "http://nobody:1")
        Client(connection, user_agent="tests").list(PODS)
        assert connection.api_client.configuration.proxy is None
        assert len(server.asked) == 1


def test_a_server_may_be_one_of_many_below_a_path(tmp_path: Path) -> None:
    with peer(lambda asked: ANSWER) as server:
        connection = config.load(kubeconfig(tmp_path, f"{server.url}/clusters/one/", {}, {"token": "t"}))
        Client(connection, user_agent="tests").list(PODS, "ns")
        assert [a.path for a in server.asked] == ["/clusters/one/api/v1/namespaces/ns/pods"]


def test_a_proxy_that_sees_the_requests_hears_where_they_go(tmp_path: Path) -> None:
    with peer(lambda asked: ANSWER) as proxy:
        path = kubeconfig(tmp_path, "http://nobody.invalid:1/clusters/one", {"proxy-url": proxy.url}, {"token": "t"})
        Client(config.load(path), user_agent="tests").list(PODS, "ns")
        assert [(a.headers["Host"], a.path) for a in proxy.asked] == [
            ("nobody.invalid:1", "/clusters/one/api/v1/namespaces/ns/pods")
        ]
