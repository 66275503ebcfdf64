"""The program that answers one question: run by an exec in the pod that waits, with the question on standard input.

It ends when its standard input does: then nobody waits for the answer. The pod is told of it by a connection that it
holds for as long as it lives; its last word there is how long the pod is to wait for another question. Standard output
is restic's, byte for byte; the last line of standard error is the ending, with the size and the hash of what was sent,
or why there is no answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from attrs import define, field

from volsync_py.bounded_json import read_object
from volsync_py.contract.log_lines import one_line
from volsync_py.contract.questions import (
    BY_ANOTHER,
    LONGEST_WAIT_SECONDS,
    MOST_QUESTION_BYTES,
    NO_LONGER,
    SOCKET,
    TOO_LATE,
    Ending,
    Kind,
    Question,
    QuestionError,
    may_be_of_the_secret,
)
from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Run, RunError
from volsync_py.core.names import SNAPSHOT_HOST
from volsync_py.pod.asked_restic import Own, arguments, lock
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.disk import class_of
from volsync_py.pod.environment import MoverError, Redactor, check_mandatory, check_repository, restic_environment
from volsync_py.pod.given import given_environment
from volsync_py.pod.maintenance import retention_rules
from volsync_py.pod.process import Restic
from volsync_py.pod.secret_keys import described
from volsync_py.pod.shared_cache import cache_of_one
from volsync_py.pod.signals import Stop

# How long Python takes to start on a busy node, and how often is looked whether it has.
_BEGINNING_SECONDS, _LOOK_SECONDS = 30.0, 0.05
# How restic says that no snapshot, or more than one, is meant.
_NO_SNAPSHOT = re.compile(r"no snapshot found|no matching ID found|multiple IDs with prefix")
# How it says that a path was mistyped: that is about the question alone.
_NO_PATH = re.compile(r"path .+ not found")
# restic has no lock to give back, and needs no time.
_LAST_SECONDS = 1.0
_INTERRUPTED = 130
# More locks than a repository has that anybody looks after.
_MOST_LOCKS = 200
# What a list of locks may take.
_MOST_LIST_BYTES = 1024 * 1024


@define
class Sent:
    """What went to standard output."""

    stream: BinaryIO
    size: int = 0
    hash: hashlib._Hash = field(factory=hashlib.sha256)

    def __call__(self, chunk: bytes) -> None:
        """Send a piece."""
        self.stream.write(chunk)
        self.stream.flush()
        self.size += len(chunk)
        self.hash.update(chunk)


def answer(environ: Mapping[str, str], stop: Stop, path: str = SOCKET) -> int:
    """Answer the question on standard input, and return the exit code."""
    sent = Sent(sys.stdout.buffer)
    redact: Callable[[str], str] = str
    code, error_class, message = 0, "", ""
    kept: float = 0
    with socket.socket(socket.AF_UNIX) as waiting:
        if not _joined(waiting, path):
            return TOO_LATE
        try:
            line, more = _first_line(sys.stdin.buffer.fileno())
            question = Question.from_json(line)
            if question.kind == Kind.HOLD and not (more or _leaves_with_a_word(sys.stdin.buffer.fileno())):
                return 0
            kept = NO_LONGER if question.kind == Kind.END else max(question.keep_seconds, 0)
            given = given_environment(environ)
            redact = Redactor(given)
            if question.kind == Kind.KEYS:
                sent(json.dumps(described(environ)).encode())
            elif question.kind not in (Kind.END, Kind.HOLD):
                _answer(question, given, stop, sent)
        except QuestionError as error:
            code, error_class, message = 2, ErrorClass.CONFIGURATION, str(error)
        except MoverError as error:
            code, error_class, message = error.code or 1, error.error_class, error.message
            if may_be_of_the_secret(error_class) and not _NO_PATH.search(message):
                kept = BY_ANOTHER
        except BrokenPipeError:
            return 1
        except OSError as error:
            code, error_class, message = 1, class_of(error), f"{error.strerror or error}"
        waiting.sendall(json.dumps(kept).encode())
        ending = Ending(sent.size, sent.hash.hexdigest(), error_class, one_line(redact(message)))
        # A line of its own, whatever stood there before.
        os.write(2, f"\n{ending.to_json()}\n".encode())
    return code


def _joined(waiting: socket.socket, path: str) -> bool:
    """Return whether the pod waits for this answer; one that has decided to end does not any more."""
    # The program of the pod may have been started a moment ago.
    until = time.monotonic() + _BEGINNING_SECONDS
    while True:
        try:
            waiting.connect(path)
        except FileNotFoundError:
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_SECONDS)
        except OSError:
            return False
        else:
            return True


def _answer(question: Question, environ: Mapping[str, str], stop: Stop, sent: Sent) -> None:
    check_mandatory(environ)
    private = Path(tempfile.mkdtemp(prefix="volsync-py-"))
    try:
        document = _document(environ)
        check_repository(environ, on_volume=document.repository_on_volume)
        with cache_of_one(environ["RESTIC_CACHE_DIR"]) as cache:
            restic = _restic({**environ, "RESTIC_CACHE_DIR": cache}, document, private)
            stop.then(restic.interrupt)
            threading.Thread(target=_end_with_input, args=(restic,), daemon=True).start()
            own = Own(document.host or SNAPSHOT_HOST, environ["DATA_DIR"], tuple(retention_rules(environ, document)))
            if question.kind == Kind.LOCKS:
                _locks(restic, arguments(question, own), sent)
            else:
                _must(restic.stream(sent, *arguments(question, own)))
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _document(environ: Mapping[str, str]) -> Run:
    try:
        return Run.from_json(environ["VOLSYNC_PY_RUN"]) if environ.get("VOLSYNC_PY_RUN") else Run()
    except RunError as error:
        raise MoverError(ErrorClass.CONFIGURATION, str(error), 2) from None


def _restic(environ: Mapping[str, str], document: Run, private: Path) -> Restic:
    custom_ca = environ.get("CUSTOM_CA", "")
    options = ["--cacert", custom_ca] if custom_ca else []
    if not environ["RESTIC_CACHE_DIR"]:
        options.append("--no-cache")
    redact = Redactor(environ)

    def say(line: str) -> None:
        os.write(2, f"{one_line(redact(line))}\n".encode())

    env = restic_environment(environ, private)
    return Restic(env, environ["DATA_DIR"], document.deadlines, say, tuple(options), progress=say, redact=redact)


def _locks(restic: Restic, args: list[str], sent: Sent) -> None:
    """Send each lock as a line of JSON, with its id; one that has gone meanwhile is none."""
    listed = bytearray()

    def take(chunk: bytes) -> None:
        listed.extend(chunk[: _MOST_LIST_BYTES - len(listed)])

    _must(restic.stream(take, *args))
    for identity in listed.decode(errors="replace").split()[:_MOST_LOCKS]:
        one = bytearray()
        ended = restic.stream(one.extend, *lock(identity))
        if ended.ok:
            found = read_object(bytes(one), most=_MOST_LIST_BYTES) or {}
            sent(json.dumps({**found, "id": identity}).encode() + b"\n")
        elif ended.stopped is not None:
            _must(ended)


def _must(ended: CompletedRestic) -> None:
    if not ended.ok:
        error_class = ErrorClass.NO_ELIGIBLE_SNAPSHOT if _NO_SNAPSHOT.search(ended.cause) else ended.error_class
        raise MoverError(error_class, ended.cause, ended.code or 1, by_restic=True)


def _first_line(stdin: int) -> tuple[str, bytes]:
    """Return the first line of the input, and what has come behind it already."""
    taken = b""
    while b"\n" not in taken and len(taken) <= MOST_QUESTION_BYTES:
        chunk = os.read(stdin, 65536)
        if not chunk:
            break
        taken += chunk
    line, _, more = taken.partition(b"\n")
    return line.decode(errors="replace"), more


def _leaves_with_a_word(stdin: int) -> bool:
    """Wait for the end of the input, and return whether a word came before it."""
    ready, _, _ = select.select([stdin], [], [], LONGEST_WAIT_SECONDS)
    return bool(ready and os.read(stdin, 1))


def _end_with_input(restic: Restic) -> None:
    """End restic when nobody waits any more for what it says."""
    while os.read(0, 4096):
        pass
    restic.interrupt()
    # What is written to somebody who has gone may never be taken, and would hold up everything else here.
    time.sleep(_LAST_SECONDS)
    for process in list(restic.current):
        process.kill()
    os._exit(_INTERRUPTED)
