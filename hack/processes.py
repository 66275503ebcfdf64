"""The processes of a working set-up: development cluster, S3 server, manager. For the demo and for tests."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import yaml

from hack.tool_cache import tool_path

ROOT = Path(__file__).parents[1]
# Each starts within a second or three; a busy machine gets more.
_START_SECONDS = 60.0
# Below 32768, from where on the system gives ports to connections: one that is given away cannot be listened on.
_FIRST_PORT, _STRETCHES, _STRETCH_PORTS = 10_000, 25, 400
_DIE_WITH_PARENT = Path(__file__).parent / "die_with_parent.py"
# Linux ends such a child when the thread that started it ends, so one thread starts all of them, and lives as
# long as the program. It is there from the beginning: an interrupt while a thread starts leaves half a thread.
_WORK: SimpleQueue[tuple[Callable[[], None], SimpleQueue[Exception | None]]] = SimpleQueue()


def _starter() -> None:
    while True:
        function, outcome = _WORK.get()
        try:
            function()
        except Exception as error:  # noqa: BLE001 - who asked for it gets it
            outcome.put(error)
        else:
            outcome.put(None)


threading.Thread(target=_starter, name="starter", daemon=True).start()


def _on_starter(function: Callable[[], None]) -> None:
    outcome: SimpleQueue[Exception | None] = SimpleQueue()
    _WORK.put((function, outcome))
    error = outcome.get()
    if error is not None:
        raise error


def free_ports(count: int) -> list[int]:
    """Return different ports of 127.0.0.1 that nobody listens on."""
    # Programs that run at once look in stretches that differ: a port is taken a second or two after it was found.
    first = _FIRST_PORT + os.getpid() % _STRETCHES * _STRETCH_PORTS
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(range(first, first + _STRETCH_PORTS), _STRETCH_PORTS):
            if len(found) < count and _is_taken(held, port):
                found.append(port)
    if len(found) < count:
        raise RuntimeError(f"{count} ports are wanted, and of {first} to {first + _STRETCH_PORTS - 1} fewer are free")
    return found


def _is_taken(held: ExitStack, port: int) -> bool:
    """Take a port for as long as `held` lasts; return whether it could be taken."""
    one = held.enter_context(socket.socket())
    try:
        one.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    return free_ports(1)[0]


def wait_until(what: str, check: Callable[[], bool], seconds: float = _START_SECONDS) -> None:
    """Wait for a predicate; TimeoutError names what did not come."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)


class Process:
    """A process in a session of its own, with its output in a file; it ends, at the latest, with this program."""

    # All of them, so that who is interrupted while one starts can end that too; stopping one twice is no harm.
    started: ClassVar[list[Process]] = []
    process: subprocess.Popen[bytes]

    def __init__(self, name: str, command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, folder / f"{name}.log"
        tied = [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid()), *command]
        _on_starter(lambda: self._start(tied, env))

    def _start(self, command: list[str], env: dict[str, str] | None) -> None:
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self.started.append(self)

    @classmethod
    def stop_all(cls) -> None:
        """End all that were started, the last one first."""
        # Whoever was interrupted may have left one half started.
        _on_starter(lambda: None)
        for process in reversed(cls.started):
            process.stop()

    def says(self, text: str) -> bool:
        """Return whether the process has printed a text; raise if it has ended instead."""
        printed = self.log.read_text(encoding="utf-8", errors="replace")
        if text not in printed and self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{printed[-2000:]}")
        return text in printed

    def wait_until(self, what: str, check: Callable[[], bool]) -> None:
        """Wait until it works; one that does not is no use to anybody, and ended."""
        try:
            wait_until(what, check)
        except Exception:
            self.stop()
            raise

    def stop(self, seconds: float = 15.0) -> int:
        """End it, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()


class DevCluster(Process):
    """The development cluster."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "hack.devcluster", "--state", str(folder / "cluster")]
        command += ["--needed", str(ROOT), "--needed", sys.prefix, "--needed", sys.base_prefix]
        restic = tool_path("restic")
        command += ["--bin", str(restic.parent), "--needed", str(restic.parent)]
        super().__init__("devcluster", command, folder)
        self.wait_until("the development cluster", lambda: self.says("READY "))
        self.kubeconfig = folder / "cluster" / "kubeconfig"
        # With the token, which stands in the kubeconfig only.
        clusters = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))["clusters"]
        self.url = str(clusters[0]["cluster"]["server"])

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Make one request, and return the decoded answer; HTTPError for a refusal."""
        data = None if body is None else json.dumps(body).encode()
        with self.open(method, path, data, {"Content-Type": kind}) as answer:
            return json.loads(answer.read())

    def open(self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """Make one request, and return the answer to be read; HTTPError for a refusal."""
        given = {"User-Agent": "tests", **(headers or {})}
        return urlopen(Request(self.url + path, data, given, method=method), timeout=30)

    def get(self, path: str) -> Any:
        """Return an object, or None if it is not there."""
        try:
            return self.ask("GET", path)
        except HTTPError as error:
            if error.code != 404:
                raise
            error.close()
            return None

    def admin(self, what: str, **body: Any) -> Any:
        """Ask for a fault, or for the record of requests."""
        return self.ask("POST", f"/devcluster/{what}", body)


class S3Server(Process):
    """A SeaweedFS S3 server."""

    ACCESS, SECRET = "demo-access-key", "demonstration-secret"

    def __init__(self, folder: Path, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        identity = {
            "name": "demo",
            "credentials": [{"accessKey": self.ACCESS, "secretKey": self.SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = folder / "identities.json"
        config.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
        parts = ("master", "volume", "filer", "webdav")
        own, *others = free_ports(10)
        self.port = port or own
        command = [str(tool_path("weed")), "mini", f"-dir={folder / 's3'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += ["-master.telemetry=false", f"-s3.config={config}", f"-s3.port={self.port}"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false"]
        names = ["s3.port.grpc", "admin.port", *(f"{p}.port" for p in parts), *(f"{p}.port.grpc" for p in parts[:3])]
        ports = dict(zip(names, others, strict=True))
        self.filer_port = ports["filer.port"]
        command += [f"-{name}={number}" for name, number in ports.items()]
        (folder / "s3").mkdir(exist_ok=True)
        # It writes its logs to the folder for temporary files.
        super().__init__("s3", command, folder, {**os.environ, "TMPDIR": str(folder)})
        self.wait_until("the S3 server", self._answers)

    def _answers(self) -> bool:
        self.says("")
        try:
            urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).close()
        except HTTPError as error:
            error.close()
        except (URLError, OSError):
            return False
        return True


class Manager(Process):
    """The manager, as somebody runs it on a laptop."""

    def __init__(self, folder: Path, kubeconfig: Path, *arguments: str, namespace: str = "default") -> None:
        program = str(Path(sys.executable).parent / "volsync-py")
        self.metrics_port, self.health_port = free_ports(2)
        command = [program, "manager", f"--kubeconfig={kubeconfig}", "--restic-container-image=local"]
        command += [f"--metrics-bind-address=127.0.0.1:{self.metrics_port}"]
        command += [f"--health-probe-bind-address=127.0.0.1:{self.health_port}", *arguments]
        env = {**os.environ, "VOLSYNC_NAMESPACE": namespace}
        super().__init__("manager", command, folder, env)

    def leads(self) -> None:
        """Wait until it works."""
        self.wait_until("the manager", lambda: self.says("manager leads"))
