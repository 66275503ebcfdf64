"""What keeps a manager from starting is said in a sentence, before anybody hears of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kube.peer import Peer, peer
from tests.integration.main.scripted import Api, manager_of

PROGRAM = str(Path(sys.executable).parent / "volsync-py")
QUIET = ("--metrics-bind-address=0", "--health-probe-bind-address=0")


@pytest.fixture
def server() -> Iterator[Peer]:
    with peer(Api()) as one:
        yield one


def start(server: Peer, folder: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    """Run a manager that cannot start; return its exit code and what it says."""
    server.client(folder)
    command = [PROGRAM, "manager", f"--kubeconfig={folder / 'kubeconfig'}", "--restic-container-image=local"]
    env = {**os.environ, "VOLSYNC_NAMESPACE": "default", **environ}
    ended = subprocess.run(
        [*command, "--log-format=text", *arguments], capture_output=True, text=True, timeout=30, env=env, check=False
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "says"),
    [
        ([*QUIET, "--workers=0"], {}, 2, "--workers: 0 is too few"),
        (["--metrics-bind-address=8080"], {}, 2, "'8080' is no address"),
        (["--health-probe-bind-address=:99999"], {}, 2, "':99999' is no address"),
        ([*QUIET, "--leader-elect-lease-duration=11s"], {}, 2, "counts in whole seconds, here 11"),
        ([*QUIET, "--kubeconfig=/dev/null"], {}, 1, "no connection is configured"),
        (["--metrics-bind-address=127.0.0.1:0", "--metrics-secure"], {"PATH": ""}, 1, "no openssl program"),
        (["--metrics-bind-address=:0", "--metrics-cert-path=/nowhere"], {}, 1, "no usable certificate in /nowhere"),
        (["--health-probe-bind-address=host.invalid:1"], {}, 1, "nothing can be served at host.invalid:1"),
    ],
)
def test_what_cannot_work_is_said_before_the_lease_is_asked_for(
    arguments: list[str], environ: dict[str, str], code: int, says: str, server: Peer, tmp_path: Path
) -> None:
    ended, said = start(server, tmp_path, *arguments, **environ)

    assert (ended, "defect" in said, "Traceback" in said) == (code, False, False)
    assert says in said
    assert server.asked == []


def test_a_port_that_is_taken_is_named(server: Peer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended, said = start(server, tmp_path, "--metrics-bind-address=0", f"--health-probe-bind-address={address}")

    assert ended == 1
    assert f"nothing can be served at {address}" in said
    assert "defect" not in said
    assert server.asked == []


def test_a_kubeconfig_that_is_no_yaml_is_named(server: Peer, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("clusters: [", encoding="utf-8")
    ended, said = start(server, tmp_path, *QUIET, f"--kubeconfig={broken}")

    assert ended == 1
    assert "no connection is configured" in said
    assert "defect" not in said


def test_flags_without_an_effect_are_named_once_and_so_is_the_zone(
    server: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    flags = ("--zap-devel", "--rclone-container-image=registry/rclone:1")
    manager = manager_of(server, tmp_path, *flags)
    manager.leads()
    assert manager.stop() == 0

    said = manager.log.read_text(encoding="utf-8")
    for flag in ("--zap-devel", "--rclone-container-image"):
        assert said.count(flag) == 1
    assert said.count("Asia/Kolkata") == 1


def test_a_zone_that_cannot_be_read_keeps_nobody_from_starting_and_is_said(
    server: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST")
    manager = manager_of(server, tmp_path)
    manager.leads()
    assert manager.stop() == 0

    said = manager.log.read_text(encoding="utf-8")
    assert "schedules that name no zone are in UTC" in said
    assert "TZ 'CET-1CEST' of the manager is no time zone" in said
