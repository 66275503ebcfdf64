"""Nobody but who started the cluster can use it: not another user of the machine, not a web page."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from hack.processes import ROOT, DevCluster
from tests.integration.devcluster.http_harness import MAPS, config_map, refused


def without_token(server: DevCluster, method: str, path: str, **headers: str) -> int:
    where = urlsplit(server.url)
    request = Request(f"http://{where.netloc}{path}", None if method == "GET" else b"{}", headers, method=method)
    try:
        with urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("path", ["/api/v1/pods", MAPS, "/version", "/openapi/v3", "/devcluster/node", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_without_the_token_everything_is_401(server: DevCluster, method: str, path: str) -> None:
    json_type = {"Content-Type": "application/json"}
    assert without_token(server, method, path, **json_type) == 401
    assert without_token(server, method, path, Authorization="Bearer devcluster", **json_type) == 401
    assert without_token(server, method, f"/{'x' * 43}{path}", **json_type) == 401


def test_whether_the_server_lives_may_be_asked_by_anybody(server: DevCluster) -> None:
    assert without_token(server, "GET", "/readyz") == 200


def test_a_bearer_of_the_token_is_let_in(server: DevCluster) -> None:
    token = urlsplit(server.url).path.strip("/")
    assert len(token) >= 40
    assert without_token(server, "GET", MAPS, Authorization=f"Bearer {token}") == 200
    assert token not in server.log.read_text(encoding="utf-8")


def test_no_other_user_can_read_the_token_or_the_volumes(server: DevCluster) -> None:
    state = server.kubeconfig.parent
    assert state.stat().st_mode & 0o777 == 0o700
    assert server.kubeconfig.stat().st_mode & 0o777 == 0o600
    for name in ("volumes", "snapshots", "logs", "pods"):
        assert (state / name).stat().st_mode & 0o777 == 0o700, name


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_web_page_can_send_is_no_write(server: DevCluster, kind: str) -> None:
    assert refused(server, "POST", MAPS, config_map("page"), kind)["code"] == 415
    assert refused(server, "DELETE", f"{MAPS}/page", {}, kind)["code"] == 415
    assert refused(server, "PATCH", f"{MAPS}/page", {}, "application/json")["code"] == 415
    assert refused(server, "POST", "/devcluster/clear", {}, kind)["code"] == 415


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"Content-Length: x\r\n\r\n", b"411"),
        (b"Content-Length: 99999999\r\n\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"Content-Length: 5\r\nContent-Type: application/json\r\n\r\n[[[[[", b"400"),
    ],
)
def test_a_request_that_cannot_be_read_gets_an_answer(server: DevCluster, head: bytes, code: bytes) -> None:
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname or "", where.port or 0), 10) as one:
        one.sendall(f"POST {where.path}{MAPS} HTTP/1.1\r\nHost: x\r\n".encode() + head)
        assert one.recv(100).split()[1] == code


def test_a_port_in_use_and_a_folder_that_cannot_be_are_one_sentence(server: DevCluster, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments in (["--port", str(urlsplit(server.url).port)], ["--state", str(tmp_path / "file" / "state")]):
        command = [sys.executable, "-m", "hack.devcluster", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("devcluster: ")
        assert len(done.stderr.splitlines()) == 1


def test_dry_runs_of_deletions_delete_nothing(server: DevCluster) -> None:
    server.ask("POST", MAPS, config_map("dry", labels={"dry": ""}))
    before = server.get(f"{MAPS}/dry")
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}
    server.ask("DELETE", f"{MAPS}/dry?dryRun=All")
    server.ask("DELETE", f"{MAPS}/dry", options)
    server.ask("DELETE", f"{MAPS}/dry", {**options, "propagationPolicy": "Foreground"})
    server.ask("DELETE", f"{MAPS}?labelSelector=dry&dryRun=All")
    server.ask("DELETE", f"{MAPS}?labelSelector=dry", options)
    assert json.dumps(server.get(f"{MAPS}/dry")) == json.dumps(before)
