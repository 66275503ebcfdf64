"""A pass-through proxy that counts HTTP requests, and the bytes of their answers."""

from __future__ import annotations

import re
import socket
import threading

_REQUEST_LINE = re.compile(rb"(?:^|\r\n)(?:GET|PUT|POST|DELETE|HEAD) [^\r\n]* HTTP/1\.[01]\r\n")


class CountingProxy:
    """Listens on a port of its own; `count` goes up with each request, `bytes` with what comes back."""

    def __init__(self, target_port: int) -> None:
        self._target, self.count, self.bytes = target_port, 0, 0
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self) -> int:
        """Return the count, and start again."""
        with self._lock:
            count, self.count = self.count, 0
        return count

    def _accept(self) -> None:
        while True:
            ours, _ = self._socket.accept()
            theirs = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pass, args=(ours, theirs, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(theirs, ours, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, count: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                # restic sends the head of a request in one write.
                if count and (found := len(_REQUEST_LINE.findall(data[:4096]))):
                    with self._lock:
                        self.count += found
                if not count:
                    with self._lock:
                        self.bytes += len(data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
