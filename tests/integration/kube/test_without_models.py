"""A command's connection: as the manager's, without the models."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.certificates import certificate
from tests.integration.kube.peer import Say, peer, pods
from tests.integration.kube.test_config import kubeconfig, plugin, tls

ASK = """
import sys
from volsync_py.kube.without_models import import_without_models
import_without_models()
from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.resources import PODS
Client(config.load(sys.argv[1]), user_agent="tests").list(PODS)
heavy = {"kubernetes.client.models", "kubernetes.dynamic", "pydantic", "requests", "oauthlib.oauth2.rfc6749"}
heavy &= set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
ON_DEMAND = """
from volsync_py.kube.without_models import import_without_models
import_without_models()
from kubernetes.config import kube_config
session = kube_config.OAuth2Session(client_id="someone", token={"refresh_token": "t"})
print(type(session).__module__, kube_config.oauthlib.oauth2.rfc6749.errors.InvalidClientIdError.__name__)
"""


def run(program: str, *words: str) -> str:
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tokens_plugins_and_certificates_are_those_of_the_manager(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-a-plugin", encoding="utf-8")
    client = [str(path) for path in certificate(tmp_path, "client")]
    with peer(lambda asked: Say(pods(1), headers={"Connection": "close"}), tls(tmp_path)) as server:
        cluster = {"certificate-authority": str(tmp_path / "server.crt")}
        users: list[dict[str, Any]] = [
            {"token": "a-token"},
            {"client-certificate": client[0], "client-key": client[1], "username": "me", "password": "secret"},
        ]
        for user in users:
            run(ASK, kubeconfig(tmp_path, server.url, cluster, user))
        run(ASK, kubeconfig(tmp_path, server.url, cluster, plugin(tmp_path, timedelta(hours=1))))
    assert [asked.headers["Authorization"].split()[-1] for asked in server.asked] == [
        "a-token",
        "bWU6c2VjcmV0",
        "of-a-plugin",
    ]


def test_what_was_left_out_is_imported_when_it_is_used() -> None:
    assert run(ON_DEMAND).split() == ["requests_oauthlib.oauth2_session", "InvalidClientIdError"]
