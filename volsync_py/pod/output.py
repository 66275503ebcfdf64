"""What a restic process says, read from both of its streams to their ends.

Each stream has a thread that reads it. These threads only take note: an error of theirs is kept for the main thread,
and the rest is still read, because restic would wait for ever for a reader that has gone.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import IO, Any

from volsync_py.bounded_json import Unreadable, read_json, real_of, writable
from volsync_py.contract.report import ErrorClass
from volsync_py.pod.backend_health import Contact
from volsync_py.pod.classify import (
    Output,
    graver,
    is_damage,
    is_damage_of_file,
    is_hopeless,
    is_missing_bucket,
    trouble_of,
)
from volsync_py.pod.completed import CompletedRestic, Message
from volsync_py.pod.kept_lines import MOST_LINES, KeptLines
from volsync_py.pod.masking import beginning, ending
from volsync_py.pod.messages import Failure, continues, decides, failure_of, mended_request
from volsync_py.pod.restic_words import bytes_left
from volsync_py.pod.storage_error import ProviderError

# Patterns are searched in the beginning of a line only.
_LONGEST_TEXT = 4096
# The longest name in a list for people; longer ones are cut in the log, too.
_LONGEST_ITEM = 300
# A list of snapshots is one line; this is one of a hundred thousand.
_LONGEST_LINE_BYTES = 64 * 1024 * 1024
# What a pipe holds.
_CHUNK_BYTES = 64 * 1024
# restic has half a dozen kinds of messages.
_MOST_KINDS = 32
# What is counted in its messages; whoever reads one of them meets a number, or 0.
_NUMBERS = frozenset(
    "percent_done bytes_done bytes_restored bytes_skipped total_bytes files_done files_restored files_skipped"
    " files_deleted total_files data_added data_added_packed total_files_processed total_bytes_processed"
    " total_duration files_new files_changed files_unmodified dirs_new dirs_changed dirs_unmodified num_errors".split()
)
# What grows in a message of status while something is done.
_WORK = (
    *("bytes_done", "files_done", "total_files", "total_bytes"),
    *("bytes_restored", "files_restored", "files_skipped", "files_deleted"),
)
_NO_TEXT = re.compile("\ufffd+")


class OutputReader:
    """What has been said so far."""

    def __init__(
        self,
        contact: Contact,
        log: Callable[[str], None],
        progress: Callable[[str], None],
        on_status: Callable[[Message], None],
        *,
        cache: str = "",
        temporary: str = "",
        wanted: Collection[str] = (),
        redact: Callable[[str], str] = str,
    ) -> None:
        self._redact = redact
        self._contact, self._log, self._progress, self._on_status = contact, log, progress, on_status
        self._cache, self._temporary, self._wanted = cache, temporary, wanted
        self._lock = threading.Lock()
        # How many streams have not ended yet.
        self.open = 2
        # Set when there is something for the main thread to look at: an end, an error, a reason to stop.
        self.news = threading.Event()
        self.failure: Exception | None = None
        self.stop_for: ErrorClass | None = None
        self.advice = ""
        # How many bytes were said, and how much work was told of: what is read, written, found and looked at.
        self.bytes = self.work = 0
        # Whether the repository has answered, as far as restic's words show.
        self.heard = False
        # Set by the main thread once it has told restic to stop: later messages are not the cause.
        self.quiet = False
        self._lines, self._errors = KeptLines(), KeptLines()
        self._items: dict[str, None] = {}
        self._failures: list[tuple[str, str]] = []
        self._told: set[str] = set()
        self._untold = 0
        self._failed: dict[str, int] = {}
        self._latest: dict[str, Message] = {}
        self._nodes: list[str] = []
        self._found: list[str] = []
        self._document: Any = None
        self._left: int | None = None
        self._missing_bucket = self._damaged = False
        # What was told of last, and whether it is a request that failed …
        self._last_text = ""
        self._failure: Failure | None = None
        # … the known errors of requests that are tried again, and the gravest of those that are not.
        self._failing: dict[str, ProviderError] = {}
        self._trouble: ProviderError | None = None

    def read(self, stream: IO[bytes], *, is_error: bool) -> None:
        """Read a stream to its end, whatever happens."""
        with stream:
            for raw in _lines_of(stream):
                if self.failure is not None:
                    continue
                try:
                    with self._lock:
                        self._take(raw, is_error)
                except Exception as error:  # noqa: BLE001 - raised again by the main thread
                    self.failure = error
                    self.news.set()
        with self._lock:
            self.open -= 1
        self.news.set()

    def pass_on(self, stream: IO[bytes], to: Callable[[bytes], None]) -> None:
        """Hand a stream on as it comes, to its end or to that of who takes it."""
        with stream:
            while chunk := stream.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]
                # What restic writes to us is no progress of the repository's, but who takes it may take its time.
                self.bytes += len(chunk)
                self.work += 1
                self.heard = True
                try:
                    to(chunk)
                except OSError as error:
                    self.failure = error
                    self.news.set()
                    break
        with self._lock:
            self.open -= 1
        self.news.set()

    def ended(self, code: int, stopped: ErrorClass | None, why: str = "") -> CompletedRestic:
        """Return how it ended; both streams have been read, or nobody will say anything more. `why`: our reason."""
        with self._lock:
            if self._untold:
                self._log(f"error: and {self._untold} more")
            trouble = self._trouble
            for other in self._failing.values():
                trouble = graver(trouble, other)
            return CompletedRestic(
                code,
                Output(self._lines.all(), self._errors.all(), self._cache, self._temporary, trouble),
                stopped,
                self._latest,
                tuple(self._nodes),
                self._document,
                tuple(self._items),
                # An unreadable folder is met by who counts the files and by who reads them.
                max(self._failed.values(), default=0) if len(self._items) >= MOST_LINES else len(self._items),
                tuple(self._found),
                self._missing_bucket,
                self._damaged and trouble is None,
                failures=tuple(self._failures),
                left=self._left,
                why=why,
                advice=self.advice,
            )

    def _take(self, raw: bytes, is_error: bool) -> None:
        self.bytes += len(raw)
        # Lines that overwrite each other on a terminal end with a carriage return.
        line = raw.decode(errors="replace").rstrip().rpartition("\r")[2]
        if not line:
            return
        value = _json(line)
        line = self._begin(line)
        if isinstance(value, dict) and isinstance(value.get("message_type"), str):
            self._message({**value, **{key: real_of(value, key) for key in _NUMBERS & value.keys()}})
        elif value is not None:
            self._document = value
        elif is_error:
            self._told_of_repository(line)
            if not self.quiet and self.stop_for is None and not (self._missing_bucket and is_missing_bucket(line)):
                self._log(line)
        else:
            # restic prints the progress of prune like this, even when asked for JSON.
            left = bytes_left(line)
            self._left = self._left if left is None else left
            self._progress(line)

    def _message(self, message: Message) -> None:
        kind = message["message_type"]
        if kind == "verbose_status":
            item = writable(str(message.get("item") or "")).lstrip("/")
            if comparable(item) in self._wanted:
                self._found.append(comparable(item))
        elif kind == "status":
            self.heard = True
            done = int(message.get("bytes_done") or message.get("bytes_restored") or 0)
            self._contact.moved(done, time.monotonic())
            self.work = sum(int(message.get(key) or 0) for key in _WORK)
            self._on_status(message)
        elif kind == "error" and "item" not in message and isinstance(message.get("message"), str):
            self._complaint(self._begin(message["message"].strip()))
        elif kind == "error":
            self._error(message)
        elif kind == "node":
            path = writable(str(message.get("path") or "")).lstrip("/")
            if message.get("type") == "dir" and comparable(path) in self._wanted:
                self._found.append(comparable(path))
            if len(self._nodes) < MOST_LINES:
                self._nodes.append(str(message.get("path") or ""))
        else:
            if kind in self._latest or len(self._latest) < _MOST_KINDS:
                self._latest[kind] = message
            if kind == "exit_error":
                self._told_of_repository(self._begin(str(message.get("message") or "")))

    def _begin(self, text: str) -> str:
        return beginning(text, _LONGEST_TEXT, self._redact)

    def _complaint(self, text: str) -> None:
        """Take an error of `check`, which has its errors and its retries of requests all in one form."""
        if text:
            self._told_of_repository(text)
            self._tell(text if failure_of(text) or mended_request(text) else f"error: {text}")

    def _error(self, message: Message) -> None:
        error = message.get("error")
        text = str(message.get("message") or (error.get("message") if isinstance(error, dict) else error))
        whole, during = str(message.get("item") or ""), str(message.get("during") or "")
        if len(self._failures) < MOST_LINES:
            # Cut from the left: the cause is at the end, and paths are shorter than this.
            self._failures.append((whole[:_LONGEST_TEXT], text[-_LONGEST_TEXT:]))
        # Messages beyond the bound are dropped before masking, which costs time.
        is_told = min(len(self._items), len(self._told)) < MOST_LINES
        text, item = self._begin(text), ending(whole, _LONGEST_ITEM, self._redact if is_told else str)
        self._errors.append(text)
        self._damaged = self._damaged or is_damage_of_file(text, whole)
        if item:
            self._failed[during] = self._failed.get(during, 0) + 1
            if len(self._items) < MOST_LINES:
                self._items[item] = None
        self._tell(f"error: {text if item in text else f'{item}: {text}'}")

    def _tell(self, text: str) -> None:
        """Log an error, each once and no more than anybody reads."""
        if self.quiet or self.stop_for is not None or text in self._told:
            return
        if len(self._told) >= MOST_LINES:
            self._untold += 1
            return
        self._told.add(text)
        self._log(text)

    def _told_of_repository(self, line: str) -> None:
        """Take note of what is said of the repository, and of what decides about going on."""
        if self._failure is not None and continues(line):
            if len(self._last_text) < _LONGEST_TEXT:
                self._lines.extend_last(line)
                self._last_text += f"\n{line}"
            if not decides(line):
                return
        else:
            self._lines.append(line)
            self._last_text, self._failure = line, failure_of(line)
            self._contact.said(line, time.monotonic())
            if mended := mended_request(line):
                self.heard = True
                self._lines.without(mended)
                self._failing.pop(mended, None)
        self._weigh(self._last_text, self._failure)

    def _weigh(self, text: str, failure: Failure | None) -> None:
        """Take note of how grave a message of the repository is."""
        trouble = trouble_of(text)
        if failure is not None and failure.retried:
            if trouble is not None and len(self._failing) < MOST_LINES:
                self._failing[failure.request] = graver(self._failing.get(failure.request), trouble) or trouble
        elif not self.quiet:
            self._trouble = graver(self._trouble, trouble)
        self._damaged = self._damaged or is_damage(text)
        self._hope(text, trouble)

    def _hope(self, line: str, trouble: ProviderError | None) -> None:
        self._missing_bucket = self._missing_bucket or is_missing_bucket(line)
        why = is_hopeless(line, self._cache)
        if why is not None and self.stop_for is None:
            self.stop_for = why
            self.advice = trouble.advice if trouble is not None and trouble.error_class is why else ""
            self.news.set()


def comparable(name: str) -> str:
    """Return a name in a form that restic's JSON and the file system agree on.

    Bytes that are no text are U+FFFD in the one, one for each, and cannot be told from each other; here they are one.
    """
    if name.isascii():
        return name
    return _NO_TEXT.sub("\ufffd", name.encode(errors="surrogateescape").decode(errors="replace"))


def is_exact(name: str) -> bool:
    """Return whether no other name has the same comparable form."""
    return "\ufffd" not in comparable(name)


def _lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Return the lines of a stream; of one that is too long, the beginning."""
    cut = False
    while raw := stream.readline(_LONGEST_LINE_BYTES):
        if not cut:
            yield raw
        cut = not raw.endswith(b"\n")


def _json(line: str) -> Any:
    """Return the value of a line of JSON, or None."""
    if line[0] not in "{[":
        return None
    try:
        return read_json(line, most=_LONGEST_LINE_BYTES)
    except Unreadable:
        return None
