"""The thread that asks for the screen of `browse`, one question after the other, so that the screen never waits."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import click
from attrs import define, field, frozen

from volsync_py.commands.common.refused import sentence
from volsync_py.commands.repository.repository import Answers
from volsync_py.contract.questions import Ending, Question
from volsync_py.health.words import size
from volsync_py.kube.errors import KubeError

# How often it is told how much has come.
_TELL_SECONDS = 0.25
# What is stopped ends with its connection, a moment later; what hangs ends with the command.
_END_SECONDS = 5.0


class Stopped(Exception):
    """Nobody waits for the answer any more."""


@frozen
class Ended:
    """How a job ended: its result, or why there is none."""

    job: Job
    result: Any = None
    error: str = ""


@define(eq=False)
class Job:
    """Something that asks, what it is called, and who gets the result; it can be stopped."""

    what: str
    work: Callable[[Answers], Any]
    then: Callable[[Any], None]
    stopped: threading.Event = field(factory=threading.Event)


@define(eq=False)
class Asker:
    """A thread that does one job after the other, and tells how far it is and how each ends."""

    asked: Answers
    tell: Callable[[str], None]
    ended: Callable[[Ended], None]
    defect: Exception | None = None
    _jobs: queue.SimpleQueue[Job | None] = field(factory=queue.SimpleQueue)
    _job: Job | None = None
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; it ends with the program, also in the middle of a question."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def do(self, job: Job) -> None:
        """Have a job done next."""
        self._jobs.put(job)

    def end(self) -> None:
        """Stop what is being done, and wait a moment for it."""
        self._over.set()
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def wait(self, seconds: float) -> None:
        """Wait for a pod, until the job that needs it is stopped."""
        assert self._job is not None
        self._job.stopped.wait(seconds)
        self._check(self._job)

    def _check(self, job: Job) -> None:
        if job.stopped.is_set() or self._over.is_set():
            raise Stopped

    def ask(self, question: Question, to: Callable[[bytes], object]) -> Ending:
        """Ask, unless the job is stopped meanwhile, and tell how much has come."""
        job, came, told = self._job, 0, time.monotonic()
        assert job is not None

        def take(chunk: bytes) -> None:
            nonlocal came, told
            self._check(job)
            came += len(chunk)
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                self.tell(f"{job.what}: {size(came)} so far; Esc stops it")
            to(chunk)

        return self.asked.ask(question, take)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._job = job
            try:
                self._check(job)
                self.ended(Ended(job, job.work(self)))
            except Stopped:
                self.ended(Ended(job, error=f"{job.what}: stopped"))
            except click.ClickException as error:
                self.ended(Ended(job, error=error.format_message()))
            except KubeError as error:
                self.ended(Ended(job, error=sentence(error)))
            except OSError as error:
                self.ended(Ended(job, error=f"{job.what}: {error.strerror or error}"))
            except Exception as error:  # noqa: BLE001 - raised by the command when the screen is gone
                self.defect = error
                self.ended(Ended(job))
