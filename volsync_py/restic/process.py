"""One restic process: started, read to the end, ended in time.

Guarantees: both of its streams are read to their ends, whatever it prints; a signal to the mover reaches
it once, and it has time to take its lock away before it is killed; it does not retry for a quarter of an
hour what has no hope. Its exit code is told as the shell would tell it.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from attrs import field, frozen

from volsync_py.restic.classify import RETRY_LINE, classify, is_hopeless, is_missing_bucket
from volsync_py.restic.report import ErrorClass
from volsync_py.restic.run import Deadlines

Message = dict[str, Any]
# Hundreds of errors of one kind tell no more than the last ones.
_MOST_LINES = 200
# restic counts errors at its end, and has told them before.
_COUNTED_ERRORS = re.compile(r"There were \d+ errors")
# How often the deadlines are looked at.
_TICK_SECONDS = 0.2


@frozen
class Ended:
    """How a restic command ended."""

    code: int
    messages: tuple[Message, ...] = ()
    lines: tuple[str, ...] = ()
    document: Any = None
    # Set when the mover ended it, with the reason.
    stopped: ErrorClass | None = None
    missing_bucket: bool = False

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.code == 0 and self.stopped is None

    @property
    def error_class(self) -> ErrorClass:
        """The class of the failure."""
        return self.stopped or classify(self.code, self.lines)

    @property
    def cause(self) -> str:
        """One line that says what went wrong."""
        retried = [line for line in self.lines if RETRY_LINE.search(line)]
        if self.stopped is not None and retried:
            # What restic says when it is told to stop is no cause.
            return _first_line(RETRY_LINE.sub("failed", retried[-1]))
        fatal = [str(m["message"]) for m in self.messages if m.get("message_type") == "exit_error" and m.get("message")]
        if fatal and _COUNTED_ERRORS.search(fatal[-1]) and len(self.lines) > 1:
            return f"{_first_line(fatal[-1])}; the first: {_first_line(self.lines[0])}"
        return _first_line(
            fatal[-1] if fatal else (self.lines[-1] if self.lines else f"restic exited with {self.code}")
        )

    @property
    def text(self) -> str:
        """Everything that was said about the failure."""
        fatal = [str(m.get("message") or "") for m in self.messages if m.get("message_type") == "exit_error"]
        return "\n".join([*fatal, *self.lines])

    def message(self, kind: str) -> Message:
        """Return the last message of a kind, or {}."""
        return next((m for m in reversed(self.messages) if m.get("message_type") == kind), {})

    def errors(self) -> list[str]:
        """Return the items that errors were reported for, each once."""
        items = [str(m.get("item") or "") for m in self.messages if m.get("message_type") == "error"]
        return list(dict.fromkeys(item for item in items if item))


def _first_line(text: str) -> str:
    """Return what matters of a message: stack traces follow on further lines, and restic says "Fatal" twice."""
    lines = text.strip().splitlines() or [""]
    return re.sub(r"^(Fatal: )+", "", lines[0])


@frozen
class Restic:
    """How restic is called in this run."""

    env: Mapping[str, str]
    directory: str
    deadlines: Deadlines
    log: Callable[[str], None]
    options: tuple[str, ...] = ()
    on_status: Callable[[Message], None] = lambda message: None
    program: str = "restic"
    # The process that runs, for the signal handler; and whether a signal has come.
    current: list[subprocess.Popen[bytes]] = field(factory=list)
    interrupted: threading.Event = field(factory=threading.Event)

    def interrupt(self) -> None:
        """End the run: the process that runs is told, nothing else is started."""
        self.interrupted.set()
        for process in self.current:
            process.send_signal(signal.SIGTERM)

    def run(self, *args: str, retry_lock: bool = False, on_item: Callable[[str], None] | None = None) -> Ended:
        """Run one command to its end; `on_item` is told the path of each item that a verbose restore writes."""
        if self.interrupted.is_set():
            return Ended(130, stopped=ErrorClass.INTERRUPTED)
        stuck = f"{self.deadlines.stuck_seconds}s"
        command = [self.program, *args, *self.options, "--json", "--stuck-request-timeout", stuck]
        if retry_lock:
            command += ["--retry-lock", f"{self.deadlines.retryLockSeconds:g}s"]
        return _Running(self, command, on_item or (lambda item: None)).wait()


class _Running:
    """One process and the threads that read it."""

    def __init__(self, restic: Restic, command: Sequence[str], on_item: Callable[[str], None]) -> None:
        self._restic, self._on_item = restic, on_item
        self._messages: deque[Message] = deque(maxlen=_MOST_LINES)
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._document: Any = None
        self._stopped: ErrorClass | None = None
        self._missing_bucket = False
        self._first_retry: float | None = None
        self._started = time.monotonic()
        self._bytes_done = 0
        self._moved = time.monotonic()
        self._process = subprocess.Popen(
            list(command),
            cwd=restic.directory,
            env=dict(restic.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        restic.current.append(self._process)
        if restic.interrupted.is_set():
            self._process.send_signal(signal.SIGTERM)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def wait(self) -> Ended:
        """Return how it ended."""
        kill_at: float | None = None
        while True:
            # Its output ends with it, and that is noticed at once; waiting for a process with a time limit polls.
            self._readers[0].join(_TICK_SECONDS)
            if not self._readers[0].is_alive():
                try:
                    code = self._process.wait(_TICK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    pass
            now = time.monotonic()
            if kill_at is None and (self._restic.interrupted.is_set() or self._overdue(now)):
                kill_at = now + self._restic.deadlines.killSeconds
            if kill_at is not None and now > kill_at:
                self._process.kill()
        for reader in self._readers:
            reader.join()
        self._restic.current.remove(self._process)
        stopped = ErrorClass.INTERRUPTED if self._restic.interrupted.is_set() else self._stopped
        return Ended(
            128 - code if code < 0 else code,
            tuple(self._messages),
            tuple(self._lines),
            self._document,
            stopped if code != 0 or self._restic.interrupted.is_set() else None,
            self._missing_bucket,
        )

    def _overdue(self, now: float) -> bool:
        """End it when a deadline has passed; tell whether it was told to end."""
        deadlines = self._restic.deadlines
        if self._stopped is None and self._first_retry is not None:
            if now - self._first_retry > deadlines.contactSeconds and not self._bytes_done:
                self._stop(ErrorClass.UNREACHABLE)
            elif now - max(self._moved, self._first_retry) > deadlines.stallSeconds:
                self._stop(ErrorClass.STALLED)
        return self._stopped is not None

    def _stop(self, why: ErrorClass) -> None:
        if self._stopped is None:
            self._stopped = why
            self._process.send_signal(signal.SIGTERM)

    def _read(self, stream: IO[bytes]) -> None:
        for raw in stream:
            line = raw.decode(errors="replace").rstrip("\n")
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except ValueError:
                self._text(line)
                continue
            if isinstance(value, dict) and "message_type" in value:
                self._message(value)
            else:
                self._document = value

    def _message(self, message: Message) -> None:
        if message["message_type"] == "verbose_status":
            if message.get("action") != "deleted":
                self._on_item(str(message.get("item") or ""))
            return
        if message["message_type"] != "status":
            self._messages.append(message)
            if message["message_type"] in ("error", "exit_error"):
                error = message.get("error")
                text = str(message.get("message") or (error.get("message") if isinstance(error, dict) else error))
                self._lines.append(text)
                self._hope(text)
            return
        done = int(message.get("bytes_done") or message.get("bytes_restored") or 0)
        if done > self._bytes_done:
            self._bytes_done, self._moved, self._first_retry = done, time.monotonic(), None
        self._restic.on_status(message)

    def _text(self, line: str) -> None:
        self._lines.append(line)
        self._restic.log(line)
        self._hope(line)

    def _hope(self, line: str) -> None:
        if RETRY_LINE.search(line) and self._first_retry is None:
            # The request that failed may have hung for as long as one may.
            hung = self._restic.deadlines.stuck_seconds
            self._first_retry = max(time.monotonic() - hung, self._started)
        if is_missing_bucket(line):
            self._missing_bucket = True
            if RETRY_LINE.search(line):
                self._stop(ErrorClass.REPOSITORY_MISSING)
        hopeless = is_hopeless(line, self._restic.env.get("RESTIC_CACHE_DIR", ""))
        if hopeless is not None:
            self._stop(hopeless)
