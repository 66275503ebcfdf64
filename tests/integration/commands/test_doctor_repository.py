"""`volsync-py doctor` asks repositories by pods in the namespace: what is wrong, and no value of a Secret."""

from __future__ import annotations

import json
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster, wait_until
from tests.certificates import certificate
from tests.integration.commands.asking import command
from tests.integration.commands.wrong_repositories import CANARY, TLS_PORT, WRONG_REPOSITORIES, WrongRepository
from tests.integration.mover import prepared
from tests.integration.mover.harness import PASSWORD

NAMESPACE = "doctored"
OBJECTS = f"/api/v1/namespaces/{NAMESPACE}"
SOURCES = f"/apis/volsync.backube/v1alpha1/namespaces/{NAMESPACE}/replicationsources"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
MERGE = "application/merge-patch+json"


def name_of(wrong: WrongRepository) -> str:
    return f"r{WRONG_REPOSITORIES.index(wrong)}"


@pytest.fixture(scope="module")
def told(asks: DevCluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, str]:
    """What is said of a namespace with a source for each Secret, and of one whose Secret is right."""
    asks.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    room = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    for name in ("data", "repo"):
        asks.ask("POST", f"{OBJECTS}/persistentvolumeclaims", {"metadata": {"name": name}, "spec": room})
    path = f"{OBJECTS}/persistentvolumeclaims/repo"
    wait_until("the claim", lambda: bool(asks.get(path)["spec"].get("volumeName")))
    volume = asks.kubeconfig.parent / "volumes" / str(asks.get(path)["spec"]["volumeName"])
    shutil.copytree(prepared.made(tmp_path_factory.mktemp("repository")), volume / "repo")
    right = {"RESTIC_REPOSITORY": "/mnt/backups/repo", "RESTIC_PASSWORD": PASSWORD, "MY_NOTE": CANARY}
    put(asks, "right", right, {})
    with of_an_unknown_authority(tmp_path_factory.mktemp("tls")) as port:
        for wrong in WRONG_REPOSITORIES:
            secret = {key: value.replace(TLS_PORT, str(port)) for key, value in wrong.secret.items()}
            put(asks, name_of(wrong), secret, wrong.status)
        done = command(asks.kubeconfig, "doctor", "-n", NAMESPACE, "--all", "-o", "json")
    wait_until(
        "the end of the pods", lambda: not asks.get(JOBS)["items"] and not asks.get(f"{OBJECTS}/pods")["items"], 5
    )
    assert done.stdout, done.stderr
    return done.returncode, done.stdout, done.stderr


@contextmanager
def of_an_unknown_authority(folder: Path) -> Iterator[int]:
    """Serve TLS with a certificate that nobody has been told of, and return the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file, key = certificate(folder, "unknown")
    context.load_cert_chain(file, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


def put(cluster: DevCluster, name: str, secret: Any, status: Any) -> None:
    if secret:
        cluster.ask("POST", f"{OBJECTS}/secrets", {"metadata": {"name": name}, "stringData": dict(secret)})
    claim = {"persistentVolumeClaim": {"claimName": "repo"}}
    volumes = [{"mountPath": "backups", "volumeSource": claim}]
    restic = {"repository": name if secret else "none", "copyMethod": "Direct", "moverVolumes": volumes}
    spec = {"sourcePVC": "data", "trigger": {"manual": "m"}, "restic": restic}
    cluster.ask("POST", SOURCES, {"metadata": {"name": name}, "spec": spec})
    known = {"status": {"restic": {"moverImage": "local"}, **status}}
    cluster.ask("PATCH", f"{SOURCES}/{name}/status", known, MERGE)


def of_repositories(told: tuple[int, str, str], name: str) -> list[tuple[str, str, str, str]]:
    found = json.loads(told[1])["findings"]
    return [
        (one["check"], one["verdict"], one["why"], one["nextStep"])
        for one in found
        if one["check"] in {"secret", "repository"} and one["about"] == name
    ]


@pytest.mark.parametrize("wrong", WRONG_REPOSITORIES, ids=lambda wrong: wrong.title)
def test_what_is_wrong_with_a_repository_is_found_from_the_namespace(
    wrong: WrongRepository, told: tuple[int, str, str]
) -> None:
    seen = [one for one in of_repositories(told, name_of(wrong)) if one[1] != "ok"]
    assert [one[:2] for one in seen] == [(wrong.check, wrong.verdict)]
    assert wrong.why in seen[0][2]
    assert wrong.next_step in seen[0][3]
    assert told[0] == 1


def test_a_repository_that_is_right_opens_and_no_value_is_told(told: tuple[int, str, str]) -> None:
    keys, opens = of_repositories(told, "right")
    assert keys[1:3] == (
        "ok",
        "the Secret right leads to local, with RESTIC_REPOSITORY, RESTIC_PASSWORD and 1 key that movers do not know",
    )
    assert opens[1:3] == ("ok", "it opens from a pod in the namespace")
    assert CANARY not in told[1] + told[2]


def test_nothing_is_created_where_that_is_not_wanted_or_needed(asks: DevCluster, told: tuple[int, str, str]) -> None:
    asks.admin("clear")
    for words in (["-n", NAMESPACE, "--no-pod"], ["-n", "default"]):
        command(asks.kubeconfig, "doctor", *words)
    asked = asks.admin("requests")["requests"]
    assert {r["resource"] for r in asked if r["verb"] == "create"} == {"selfsubjectaccessreviews"}
