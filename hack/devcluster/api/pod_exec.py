"""Programs that are run in a pod's container, over a websocket as kubectl and client libraries speak it.

Guarantees: bytes go through as they are, each with the channel that Kubernetes gives it; who asks goes, and the
program's input ends; the last message says how it ended. Only websockets: the older SPDY is refused.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import Any

from hack.devcluster.api.call import Call
from hack.devcluster.api.errors import StatusError, bad_request, not_found
from hack.devcluster.api.objects import Object
from hack.devcluster.api.pod_log import container_of, status_of_container

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_CHUNK_BYTES = 32 * 1024


def serve(call: Call) -> None:
    """Run a program, and answer with what it writes."""
    pod = call.registry.get(call.target.resource, call.target.namespace, call.target.name)
    if pod is None:
        raise not_found("pods", call.target.name)
    name = container_of(call, pod)
    if "running" not in (status_of_container(pod, name).get("state") or {}):
        raise StatusError(400, "BadRequest", f'container not found ("{name}")')
    words = call.words("command")
    if not words:
        raise bad_request("you must specify at least 1 command for the container")
    protocol = next((one for one in _PROTOCOLS if one in call.stream.protocols()), "")
    if not protocol:
        raise bad_request("Upgrade request required")
    started = call.node.execute(call.target.namespace, call.target.name, name, words)
    _Session(call.stream.upgrade(protocol), started).run()


class _Session:
    """One websocket and the program behind it."""

    def __init__(self, connection: socket.socket, program: Any) -> None:
        # Imported here: the demonstration, whose pods nobody enters, does without.
        from wsproto.connection import Connection, ConnectionType

        self._connection, self._program = connection, program
        self._frames = Connection(ConnectionType.SERVER)
        self._lock = threading.Lock()

    def run(self) -> None:
        """Copy in both directions until the program has ended."""
        for target, args in ((self._copy_in, ()), (self._copy_out, (_STDERR,))):
            threading.Thread(target=target, args=args, daemon=True).start()
        self._copy_out(_STDOUT)
        self._program.wait()
        from wsproto.events import CloseConnection
        from wsproto.utilities import LocalProtocolError

        self._send(_STATUS, json.dumps(_status(self._program)).encode())
        with self._lock, suppress(LocalProtocolError):
            self._write(self._frames.send(CloseConnection(code=1000)))

    def _copy_out(self, channel: int) -> None:
        with self._program.output(channel) as output:
            while data := output.recv(_CHUNK_BYTES):
                self._send(channel, data)
        self._program.copied(channel)

    def _send(self, channel: int, data: bytes) -> None:
        from wsproto.events import BytesMessage
        from wsproto.utilities import LocalProtocolError

        # Who asked may have said goodbye, and hears nothing any more.
        with self._lock, suppress(LocalProtocolError):
            self._write(self._frames.send(BytesMessage(data=bytes([channel]) + data)))

    def _write(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError:
            # Who asked has gone; the program's input ends, and what it still writes is for nobody.
            return

    def _copy_in(self) -> None:
        from wsproto.events import BytesMessage, CloseConnection

        message = b""
        try:
            while data := self._connection.recv(_CHUNK_BYTES):
                self._frames.receive_data(data)
                for event in self._frames.events():
                    # Whoever says so is gone, also if the connection itself ends later.
                    if isinstance(event, CloseConnection):
                        return
                    if isinstance(event, BytesMessage):
                        message += bytes(event.data)
                        if event.message_finished:
                            self._take(message)
                            message = b""
        except OSError:
            pass
        finally:
            self._program.end_input()

    def _take(self, message: bytes) -> None:
        if message[:1] == bytes([_STDIN]):
            self._program.write(message[1:])
        elif message == bytes([_CLOSE, _STDIN]):
            self._program.end_input()


def _status(program: Any) -> Object:
    """Return the Status that a kubelet sends at the end."""
    if program.error:
        text = f"Internal error occurred: error executing command in container: {program.error}"
        return {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": text, "code": 500}
    if program.code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {program.code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(program.code)}]},
    }
