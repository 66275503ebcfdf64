"""A browser without a screen, which is told what to do: for tests of the page, and for its pictures.

It speaks Chromium's DevTools protocol over a WebSocket, as far as it is needed here.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

from hack.tool_cache import tool_path

# It is there within a second or two, and each answer at once; a machine may be busy.
_SECONDS = 60.0
_POLL_SECONDS = 0.05
_LISTENS = re.compile(r"DevTools listening on (ws://\S+)")
_BOX = """(box => ({x: box.x, y: box.y + scrollY, width: box.width, height: box.height}))(
    document.querySelector(%s).getBoundingClientRect())"""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    # The same pixels on each machine.
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
)


class BrowserFailed(Exception):
    """The browser did not start, or refused what it was told."""


class Browser:
    """One window with one page."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self._connection, self._last, self._session = connection, 0, ""
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.tell("Page.enable")
        # What a test looks with is none of the page's.
        self.tell("Page.setBypassCSP", enabled=True)

    def tell(self, method: str, **given: Any) -> dict[str, Any]:
        """Do one thing; return what it answers."""
        self._last += 1
        session = {"sessionId": self._session} if self._session else {}
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": given, **session}))
        while True:
            said = json.loads(self._connection.recv())
            if said.get("id") == self._last:
                break
        if "error" in said:
            raise BrowserFailed(f"{method}: {said['error']}")
        answer: dict[str, Any] = said["result"]
        return answer

    def show(self, page: str, *, dark: bool = False, width: int = 1180, height: int = 900) -> None:
        """Show a page, in light or in dark, in a window of this size."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.tell("Emulation.setEmulatedMedia", features=scheme)
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        frame = self.tell("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self.tell("Page.setDocumentContent", frameId=frame, html=page)

    def run(self, script: str) -> Any:
        """Run a script in the page; return what it comes to, also if that takes time."""
        done = self.tell("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise BrowserFailed(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def press_tab(self) -> None:
        """Go to what the keyboard reaches next."""
        key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        self.tell("Input.dispatchKeyEvent", type="rawKeyDown", **key)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **key)

    def picture(self, selector: str = "") -> bytes:
        """Return what the window shows as PNG, or one element, wherever it is."""
        clip = {"clip": {**self.run(_BOX % json.dumps(selector)), "scale": 1}} if selector else {}
        shot = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=bool(selector), **clip)
        return base64.b64decode(shot["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and end it."""
    folder = tempfile.mkdtemp(prefix="browser-")
    said = Path(folder) / "said"
    command = [str(tool_path("browser")), *_FLAGS, f"--user-data-dir={folder}/profile", "about:blank"]
    env = {**os.environ, "HOME": folder}
    with said.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env)
    try:
        connection = websocket.create_connection(_address(process, said), timeout=_SECONDS)
        try:
            yield Browser(connection)
        finally:
            connection.close()
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    """Wait until it listens; return where."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = _LISTENS.search(said.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(_POLL_SECONDS)
    raise BrowserFailed(f"the browser did not start: {said.read_text(errors='replace')[-2000:]}")
