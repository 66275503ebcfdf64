"""The machine below a throw-away cluster: its servers are processes, and they can be killed and stopped.

`VOLSYNC_PY_CLUSTER_RUN` is the cluster's state folder: `pid/NAME` in it holds the process id of each server, and a
server that ends is started again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from tests.cluster.lent import wait_for


@frozen
class Machine:
    """What holds the cluster up."""

    run: Path

    def pid(self, server: str) -> int:
        """Return the process id of kubelet, etcd, kube-apiserver …, which may be on its way back."""
        return wait_for(server, lambda: self._runs(server))

    def kill(self, server: str) -> None:
        """Kill a server, and wait until another one has taken its place."""
        before = self.pid(server)
        os.kill(before, signal.SIGKILL)
        wait_for(f"another {server}", lambda: self._runs(server) not in (None, before))

    def _runs(self, server: str) -> int | None:
        """Return the process id of a server; while it is away its file holds the old one, which may be another's."""
        pid = int((self.run / "pid" / server).read_text(encoding="ascii"))
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            return pid if server in (Path(part).name for part in command) else None
        return None

    @contextmanager
    def stopped(self, *pids: int) -> Iterator[None]:
        """Stop processes for as long as the context lasts."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def audit(self) -> Iterator[str]:
        """Return the lines of the API server's audit log."""
        with (self.run / "log" / "audit.log").open(encoding="utf-8") as lines:
            yield from lines


def processes_of(pod_uid: str) -> list[int]:
    """Return the ids of the processes in a pod's control groups, whatever the API server says of the pod."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if pod_uid in (entry / "cgroup").read_text(encoding="utf-8"):
                found.append(int(entry.name))
    return found
