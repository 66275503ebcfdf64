"""One restic process: started, read to the end, ended in time.

Guarantees: both of its streams are read to their ends, whatever it prints; a signal to the mover reaches
it once, and it has time to take its lock away before it is killed; it does not retry for a quarter of an
hour what has no hope. Its exit code is told as the shell would tell it.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import IO

from attrs import evolve, field, frozen

from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Deadlines
from volsync_py.pod.backend_health import STUCK_REQUEST_SECONDS, Contact
from volsync_py.pod.classify import Output
from volsync_py.pod.completed import CompletedRestic, Message
from volsync_py.pod.disk import remove_caches
from volsync_py.pod.first_contact import FirstContact
from volsync_py.pod.freed import Freed
from volsync_py.pod.output import OutputReader
from volsync_py.pod.progress import (
    LEAST_BYTES_A_SECOND,
    LEAST_BYTES_OF_AN_ANSWER,
    LEAST_BYTES_OF_SILENT_RETRIES,
    Progress,
    usage_of,
)

# How often the deadlines are checked.
_TICK_SECONDS = 0.2
# The commands that run in the volume's folder. All others run elsewhere, so that none can touch the volume by mistake.
_IN_THE_VOLUME = ("backup", "restore")
_ELSEWHERE = "/"
# A killed process ends at once, unless it waits for a device; its output ends with it, unless a child has kept it.
_GONE_SECONDS = 10.0
# Backends whose libraries retry for ever without telling restic.
_RETRIED_IN_SILENCE = ("gs:", "b2:")


@frozen
class Restic:
    """How restic is called in this run."""

    env: Mapping[str, str]
    directory: str
    deadlines: Deadlines
    log: Callable[[str], None]
    options: tuple[str, ...] = ()
    on_status: Callable[[Message], None] = lambda message: None
    progress: Callable[[str], None] = lambda line: None
    program: str = "restic"
    # Takes secrets out of a text.
    redact: Callable[[str], str] = str
    # The process that runs, for the signal handler; and whether a signal has come.
    current: list[subprocess.Popen[bytes]] = field(factory=list)
    interrupted: threading.Event = field(factory=threading.Event)
    # The repository has answered in this run.
    heard: threading.Event = field(factory=threading.Event)

    def interrupt(self) -> None:
        """End the run: the process that runs is told, nothing else is started."""
        self.interrupted.set()
        for process in self.current:
            process.send_signal(signal.SIGTERM)

    def run(self, *args: str, wanted: Collection[str] = ()) -> CompletedRestic:
        """Run one command to its end; of the items that a verbose restore writes, the wanted ones are told.

        restic fails on a cache that it cannot open, and nothing is lost with one but time.
        """
        ended = self._run(*args, wanted=wanted)
        if not ended.without_cache:
            return ended
        removed = remove_caches(self.env["RESTIC_CACHE_DIR"])
        what_now = "which is made anew" if removed else "and without one a run takes longer"
        self.log(f"Warning: restic cannot open its cache, {what_now}")
        again = evolve(self, options=self.options if removed else (*self.options, "--no-cache"))
        return again._run(*args, wanted=wanted)

    def _run(self, *args: str, wanted: Collection[str]) -> CompletedRestic:
        if self.interrupted.is_set():
            return CompletedRestic(130, Output(), ErrorClass.INTERRUPTED)
        stuck = f"{STUCK_REQUEST_SECONDS}s"
        command = [self.program, *args, *self.options, "--json", "--stuck-request-timeout", stuck]
        return _Running(self, command, wanted, self.deadlines.stall_seconds).wait()

    def stream(self, to: Callable[[bytes], None], command: str, *args: str) -> CompletedRestic:
        """Run one command to its end, and hand its standard output on as it comes; nothing of it is kept."""
        if self.interrupted.is_set():
            return CompletedRestic(130, Output(), ErrorClass.INTERRUPTED)
        # Before the arguments: behind a `--` they would be some.
        options = [*self.options, "--json", "--stuck-request-timeout", f"{STUCK_REQUEST_SECONDS}s"]
        return _Running(self, [self.program, command, *options, *args], (), self.deadlines.stall_seconds, to).wait()


class _Running:
    """One process and the threads that read it; with `to`, its standard output is handed on and not looked at."""

    def __init__(
        self,
        restic: Restic,
        command: Sequence[str],
        wanted: Collection[str],
        stall: float,
        to: Callable[[bytes], None] | None = None,
    ) -> None:
        self._restic, self._stall = restic, stall
        self._stopped: ErrorClass | None = None
        self._why = ""
        self._contact = Contact(restic.deadlines, time.monotonic())
        in_silence = restic.env.get("RESTIC_REPOSITORY", "").startswith(_RETRIED_IN_SILENCE)
        now = time.monotonic()
        self._progress = Progress(now, LEAST_BYTES_OF_SILENT_RETRIES if in_silence else LEAST_BYTES_A_SECOND)
        self._answers = Progress(now, LEAST_BYTES_OF_SILENT_RETRIES if in_silence else LEAST_BYTES_OF_AN_ANSWER)
        self._first = FirstContact(restic.heard, restic.env.get("RESTIC_CACHE_DIR", ""))
        self._output = OutputReader(
            self._contact,
            restic.log,
            restic.progress,
            restic.on_status,
            cache=restic.env.get("RESTIC_CACHE_DIR", ""),
            temporary=restic.env.get("TMPDIR", ""),
            wanted=wanted,
            redact=restic.redact,
        )
        self._process = subprocess.Popen(
            list(command),
            cwd=restic.directory if command[1] in _IN_THE_VOLUME else _ELSEWHERE,
            env=dict(restic.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        deletes = command[1] == "restore" and "--delete" in command
        self._freed = Freed(restic.directory) if deletes else None
        restic.current.append(self._process)
        if restic.interrupted.is_set():
            self._process.send_signal(signal.SIGTERM)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._read(self._process.stderr, is_error=True)
        self._read(self._process.stdout, is_error=False, to=to)

    def _read(self, stream: IO[bytes], *, is_error: bool, to: Callable[[bytes], None] | None = None) -> None:
        read = self._output.read
        target = partial(read, stream, is_error=is_error) if to is None else partial(self._output.pass_on, stream, to)
        threading.Thread(target=target, daemon=True).start()

    def wait(self) -> CompletedRestic:
        """Return how it ended; what went wrong in reading it is raised."""
        code = self._ended()
        if self._freed is not None:
            self._freed.stop()
        self._restic.current.remove(self._process)
        if self._output.failure is not None:
            raise self._output.failure
        interrupted = self._restic.interrupted.is_set()
        stopped = ErrorClass.INTERRUPTED if interrupted else self._stopped
        why = "" if interrupted else self._why
        ended = self._output.ended(128 - code if code < 0 else code, stopped if code != 0 or interrupted else None, why)
        self._first.ended(ended)
        return evolve(ended, redact=self._restic.redact)

    def _ended(self) -> int:
        """Wait for the end of the process and of what it says, within the deadlines; return its code."""
        kill_at = give_up_at = float("inf")
        gone = min(_GONE_SECONDS, self._restic.deadlines.kill_seconds)
        while True:
            # Its output ends with it, and that is noticed at once; waiting for a process with a time limit polls.
            self._output.news.wait(_TICK_SECONDS)
            self._output.news.clear()
            code = self._code()
            now = time.monotonic()
            if code is not None and self._output.open == 0:
                return code
            if code is not None:
                give_up_at = min(give_up_at, now + gone)
            elif kill_at == float("inf") and self._is_to_end(now):
                kill_at = now + self._restic.deadlines.kill_seconds
            if code is None and now > kill_at:
                self._process.kill()
                give_up_at = min(give_up_at, now + gone)
            if now > give_up_at:
                self._output.quiet = True
                return -signal.SIGKILL if code is None else code

    def _code(self) -> int | None:
        """Return the process's code, if it has one; when nobody can say anything more, it comes in a moment."""
        try:
            return self._process.wait(_TICK_SECONDS) if self._output.open == 0 else self._process.poll()
        except subprocess.TimeoutExpired:
            return None

    def _is_to_end(self, now: float) -> bool:
        """Return whether it is to end, and let it know if that is our decision."""
        if self._restic.interrupted.is_set():
            self._output.quiet = True
            return True
        self._stopped = self._output.stop_for or self._contact.verdict(now, heard=self._heard()) or self._idle(now)
        if self._stopped is None and self._output.failure is None:
            return False
        self._output.quiet = True
        self._process.send_signal(signal.SIGTERM)
        return True

    def _heard(self) -> bool:
        return self._first.made(told=self._output.heard)

    def _idle(self, now: float) -> ErrorClass | None:
        """Return what it is when the process has done nothing for too long."""
        usage = usage_of(self._process.pid)
        if usage is None:
            return None
        # Bytes that restic writes to us are not progress.
        own = evolve(usage, bytes=max(usage.bytes - self._output.bytes, 0))
        work = self._output.work + (self._freed.times if self._freed is not None else 0)
        seconds = self._progress.saw(own, work, now)
        contact = self._restic.deadlines.contact_seconds
        if not self._heard() and self._answers.saw(own, self._output.work, now) > contact:
            # No reason of ours if restic has said something: its complaint tells more.
            self._why = "" if self._output.bytes else f"nothing was heard of the repository for {contact:g} s"
            return ErrorClass.UNREACHABLE
        if seconds > self._stall:
            self._why = f"restic has done nothing for {self._stall:g} s: it has read, written and computed nothing"
            return ErrorClass.STALLED
        return None
