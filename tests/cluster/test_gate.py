"""The gate that holds movers back: who has ended behind it has asked for nothing."""

from __future__ import annotations

import socket
import threading

from tests.cluster.gate import Gate
from tests.cluster.lent import wait_for


def test_what_is_held_back_is_passed_on_for_those_who_still_wait() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, heard), daemon=True).start()
        gate = Gate(0, server.getsockname()[1])
        gate.shut()
        with socket.create_connection(("127.0.0.1", gate.port)) as stays:
            stays.sendall(b"stays")
            with socket.create_connection(("127.0.0.1", gate.port)) as leaves:
                leaves.sendall(b"leaves")
                wait_for("both", lambda: gate.waiting == 2)
            wait_for("the one that stays", lambda: gate.waiting == 1)
            gate.open()
            assert stays.recv(100) == b"answer"
        # The connection that was left had been made before; its end comes without a word of its own.
        wait_for("both ends", lambda: len(heard) == 2)
        gate.stop()
    assert sorted(heard) == [b"", b"stays"]


def _answer(server: socket.socket, heard: list[bytes]) -> None:
    while len(heard) < 2:
        one, _ = server.accept()
        threading.Thread(target=_hear, args=(one, heard), daemon=True).start()


def _hear(one: socket.socket, heard: list[bytes]) -> None:
    with one:
        heard.append(one.recv(100))
        one.sendall(b"answer")
