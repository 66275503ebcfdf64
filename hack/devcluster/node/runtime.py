"""The daemon that starts containers and does file work: what containerd is to a kubelet.

One single-threaded process, so that it may fork without exec: a container starts in milliseconds. It lives in
its own mount namespace (and, unprivileged, its own user namespace), so no mount outlives it. It speaks JSON
lines on one socket; when that closes, everything it started is killed, even if the cluster died by SIGKILL.
Requests: run, execute, signal, task. Answers: started, failed, exited, done. It knows nothing of Kubernetes.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from hack.devcluster.node import linux, sandbox, tasks


class Runtime:
    """The containers and tasks under way."""

    def __init__(self, channel: socket.socket, *, user_namespace: bool) -> None:
        self._channel = channel
        self._user_namespace = user_namespace
        self._selector = selectors.DefaultSelector()
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self._containers: dict[int, str] = {}
        self._pids: dict[str, int] = {}
        self._specs: dict[str, dict[str, Any]] = {}
        self._starting: set[str] = set()
        self._held: dict[str, dict[str, Any]] = {}
        self._unread = b""
        self._operations: dict[str, Callable[..., None]] = {
            "run": self._run,
            "execute": self._execute,
            "signal": self._signal,
            "task": self._task,
        }

    def serve(self) -> None:
        """Work until the other side closes."""
        wake, wake_writer = socket.socketpair()
        for end in (wake, wake_writer):
            end.setblocking(False)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM):
            # A Ctrl-C reaches the whole group; the end comes in order, from the cluster.
            signal.signal(number, signal.SIG_IGN)
        self._selector.register(self._channel, selectors.EVENT_READ, self._on_request)
        self._selector.register(wake, selectors.EVENT_READ, lambda: self._on_child(wake))
        while True:
            for key, _ in self._selector.select():
                handler: Callable[[], bool | None] = key.data
                if handler() is False:
                    self._kill_all()
                    return

    def send(self, **event: Any) -> None:
        """Report an event; the other side may be gone."""
        try:
            self._channel.sendall(json.dumps(event).encode() + b"\n")
        except OSError:
            return

    def _on_request(self) -> bool:
        try:
            data = self._channel.recv(1 << 16)
        except OSError:
            return False
        if not data:
            return False
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            self._operations[request.pop("op")](**request)
        return True

    def _on_child(self, wake: socket.socket) -> None:
        try:
            wake.recv(4096)
        except BlockingIOError:
            return
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self._containers.pop(pid, None)
            if name is not None:
                self._pids.pop(name, None)
                self._specs.pop(name, None)
                code = os.waitstatus_to_exitcode(status)
                ended = {
                    "event": "exited",
                    "id": name,
                    "code": code if code >= 0 else 128 - code,
                    "at": time.time(),
                }
                if name in self._starting:
                    # A quick end may be seen before the start's pipe closes; the order is a promise.
                    self._held[name] = ended
                else:
                    self.send(**ended)

    def _run(self, id: str, spec: dict[str, Any]) -> None:
        """Start a container; its pipe closes silently when the command runs."""
        linux.unshare(linux.CLONE_NEWPID)
        try:
            pid, reader = self._fork(lambda: sandbox.enter(spec, user_namespace=self._user_namespace))
        finally:
            linux.setns(self._own_pids, linux.CLONE_NEWPID)
        self._containers[pid], self._pids[id], self._specs[id] = id, pid, spec
        self._starting.add(id)
        self._collect(reader, lambda text: self._started(id, text))

    def _execute(self, id: str, container: str, words: list[str], address: str) -> None:
        """Start a program in a container, as its user and with its rights."""
        first, spec = self._pids.get(container), self._specs.get(container)
        opened = None if first is None else sandbox.namespaces_of(first)
        if opened is None or spec is None:
            self.send(event="failed", id=id, message="the container does not run")
            self.send(event="exited", id=id, code=128, at=time.time())
            return
        pids, theirs = opened
        try:
            linux.setns(pids, linux.CLONE_NEWPID)
            inside = {**spec, "argv": words}
            pid, reader = self._fork(lambda: sandbox.join(inside, theirs, address, user_namespace=self._user_namespace))
        finally:
            linux.setns(self._own_pids, linux.CLONE_NEWPID)
            for one in (pids, *theirs.values()):
                os.close(one)
        self._containers[pid], self._pids[id] = id, pid
        self._starting.add(id)
        self._collect(reader, lambda text: self._started(id, text))

    def _started(self, name: str, text: str) -> None:
        if text:
            self.send(event="failed", id=name, message=text)
        else:
            self.send(event="started", id=name, at=time.time())
        self._starting.discard(name)
        if name in self._held:
            self.send(**self._held.pop(name))

    def _task(self, id: str, name: str, args: dict[str, Any]) -> None:
        """Do file work beside the loop; its pipe carries nothing, or the error."""
        function = tasks.TASKS[name]
        _, reader = self._fork(lambda: _exit_after(lambda: function(**args)))
        self._collect(reader, lambda text: self.send(event="done", id=id, error=text))

    def _fork(self, body: Callable[[], NoReturn]) -> tuple[int, int]:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _run_child(body, writer)
        os.close(writer)
        return pid, reader

    def _collect(self, reader: int, finished: Callable[[str], None]) -> None:
        chunks: list[bytes] = []

        def on_data() -> None:
            chunk = os.read(reader, 4096)
            if chunk:
                chunks.append(chunk)
                return
            self._selector.unregister(reader)
            os.close(reader)
            finished(b"".join(chunks).decode(errors="replace"))

        self._selector.register(reader, selectors.EVENT_READ, on_data)

    def _signal(self, id: str, number: int, everybody: bool = False) -> None:
        pid = self._pids.get(id)
        if pid is None:
            return
        for target in _namespace_members(pid) if everybody else [pid]:
            try:
                os.kill(target, number)
            except ProcessLookupError:
                continue

    def _kill_all(self) -> None:
        for pid in self._containers:
            os.kill(pid, signal.SIGKILL)
        for pid in list(self._containers):
            os.waitpid(pid, 0)


def _run_child(body: Callable[[], NoReturn], writer: int) -> NoReturn:
    """Run `body` in a forked child: it execs, or its error goes to the pipe."""
    status = 0
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        body()
    except (OSError, sandbox.StartError, ValueError, KeyError) as error:
        os.write(writer, (str(error) or repr(error)).encode()[:4000])
        status = 128
    finally:
        # Not sys.exit: this is a copy of the daemon, whose cleanup is not ours to run.
        os._exit(status)


def _exit_after(function: Callable[[], None]) -> NoReturn:
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    function()
    os._exit(0)


def _namespace_members(first: int) -> list[int]:
    """List the processes of a container, its first one first."""
    kind = os.readlink(f"/proc/{first}/ns/pid")
    members = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/pid") == kind:
                members.append(int(entry))
        except OSError:
            continue
    return sorted(members, key=lambda pid: (pid != first, pid))


def main(fd: int) -> None:
    """Serve the socket `fd` from a process that is the first of its PID namespace."""
    channel = socket.socket(fileno=fd)
    user_namespace = os.geteuid() != 0 or not linux.may_administer()
    try:
        _isolate(user_namespace)
        child = os.fork()
        if child:
            channel.close()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            os.waitpid(child, 0)
            return
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    except OSError as error:
        channel.sendall(json.dumps({"event": "unusable", "message": str(error)}).encode() + b"\n")
        return
    runtime = Runtime(channel, user_namespace=user_namespace)
    runtime.send(event="ready", userNamespace=user_namespace)
    runtime.serve()


def _isolate(user_namespace: bool) -> None:
    if user_namespace:
        uid, gid = os.geteuid(), os.getegid()
        linux.unshare(linux.CLONE_NEWUSER)
        for name, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(line)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWPID)


if __name__ == "__main__":
    main(int(sys.argv[1]))
