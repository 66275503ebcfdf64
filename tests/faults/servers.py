"""Servers that repositories are on, and things that look like servers."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from hack.processes import Process, free_port
from hack.tool_cache import tool_path


class RestServer(Process):
    """restic's own server for repositories."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        command = [
            str(tool_path("rest-server")),
            f"--path={folder / 'repositories'}",
            f"--listen=127.0.0.1:{self.port}",
        ]
        super().__init__("rest-server", [*command, *(options or ("--no-auth",))], folder)
        self.wait_until("the REST server", self._answers)

    def _answers(self) -> bool:
        self.says("")
        try:
            urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).close()
        except HTTPError as error:
            error.close()
        except (URLError, OSError):
            return False
        return True


class Silent:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """End it."""
        self._socket.close()
