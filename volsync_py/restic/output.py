"""What a restic process says, read from both of its streams to their ends.

Each stream has a thread that reads it. These threads only take note: an error of theirs is kept for the main thread,
and the rest is still read, because restic would wait for ever for a reader that has gone.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import IO, Any

from volsync_py.bounded_json import Unreadable, read_json, real_of
from volsync_py.restic.classify import Said, is_damage, is_hopeless, is_missing_bucket
from volsync_py.restic.contact import RETRY_LINE, Contact
from volsync_py.restic.ended import Ended, Message
from volsync_py.restic.report import ErrorClass

# Hundreds of errors of one kind tell no more than these.
MOST_LINES = 200
# The first ones name the cause, the last ones the end.
_FIRST_LINES = 50
# Whatever is recognised in a line is in its beginning.
_LONGEST_TEXT = 4096
# A name in a list for people; the whole of a longer one is in no log either.
_LONGEST_ITEM = 300
# A list of snapshots is one line; this is one of a hundred thousand.
_LONGEST_LINE_BYTES = 64 * 1024 * 1024
# restic has half a dozen kinds of messages.
_MOST_KINDS = 32
# What is counted in its messages; whoever reads one of them meets a number, or 0.
_NUMBERS = frozenset(
    "percent_done bytes_done bytes_restored bytes_skipped total_bytes files_done files_restored files_skipped"
    " files_deleted total_files data_added data_added_packed total_files_processed total_bytes_processed"
    " total_duration files_new files_changed files_unmodified dirs_new dirs_changed dirs_unmodified num_errors".split()
)
_NO_TEXT = re.compile("\ufffd+")


class _Lines:
    """The first and the last lines of many."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=MOST_LINES - _FIRST_LINES)

    def append(self, line: str) -> None:
        (self._first if len(self._first) < _FIRST_LINES else self._last).append(line)

    def all(self) -> tuple[str, ...]:
        return (*self._first, *self._last)


class Output:
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
    ) -> None:
        self._contact, self._log, self._progress, self._on_status = contact, log, progress, on_status
        self._cache, self._temporary, self._wanted = cache, temporary, wanted
        self._lock = threading.Lock()
        # Streams that have not come to their ends.
        self.open = 2
        # Set when there is something for the main thread to look at: an end, an error, a reason to stop.
        self.news = threading.Event()
        self.failure: Exception | None = None
        self.stop_for: ErrorClass | None = None
        # The main thread sets it once it has told restic to stop: what comes then is no cause of anything.
        self.quiet = False
        self._lines, self._errors = _Lines(), _Lines()
        self._items: dict[str, None] = {}
        self._told: set[str] = set()
        self._untold = 0
        self._failed: dict[str, int] = {}
        self._latest: dict[str, Message] = {}
        self._nodes: list[str] = []
        self._found: list[str] = []
        self._document: Any = None
        self._missing_bucket = self._damaged = False

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

    def ended(self, code: int, stopped: ErrorClass | None) -> Ended:
        """Return how it ended; both streams have been read."""
        if self._untold:
            self._log(f"error: and {self._untold} more")
        return Ended(
            code,
            Said(self._lines.all(), self._errors.all(), self._cache, self._temporary),
            stopped,
            self._latest,
            tuple(self._nodes),
            self._document,
            tuple(self._items),
            # An unreadable folder is met by who counts the files and by who reads them.
            max(self._failed.values(), default=0) if len(self._items) >= MOST_LINES else len(self._items),
            tuple(self._found),
            self._missing_bucket,
            self._damaged,
        )

    def _take(self, raw: bytes, is_error: bool) -> None:
        # Lines that overwrite each other on a terminal end with a carriage return.
        line = raw.decode(errors="replace").rstrip().rpartition("\r")[2]
        if not line:
            return
        value = _json(line)
        line = line[:_LONGEST_TEXT]
        if isinstance(value, dict) and isinstance(value.get("message_type"), str):
            self._message({**value, **{key: real_of(value, key) for key in _NUMBERS & value.keys()}})
        elif value is not None:
            self._document = value
        elif is_error:
            self._lines.append(line)
            self._hope(line)
            if not self.quiet and self.stop_for is None and not (self._missing_bucket and is_missing_bucket(line)):
                self._log(line)
        else:
            # restic prints the progress of prune like this, even when asked for JSON.
            self._progress(line)

    def _message(self, message: Message) -> None:
        kind = message["message_type"]
        if kind == "verbose_status":
            item = str(message.get("item") or "").lstrip("/")
            if message.get("action") != "deleted" and comparable(item) in self._wanted:
                self._found.append(comparable(item))
        elif kind == "status":
            done = int(message.get("bytes_done") or message.get("bytes_restored") or 0)
            self._contact.moved(done, time.monotonic())
            self._on_status(message)
        elif kind == "error":
            self._error(message)
        elif kind == "node":
            if len(self._nodes) < MOST_LINES:
                self._nodes.append(str(message.get("path") or ""))
        else:
            if kind in self._latest or len(self._latest) < _MOST_KINDS:
                self._latest[kind] = message
            if kind == "exit_error":
                text = str(message.get("message") or "")[:_LONGEST_TEXT]
                self._lines.append(text)
                self._hope(text)

    def _error(self, message: Message) -> None:
        error = message.get("error")
        text = str(message.get("message") or (error.get("message") if isinstance(error, dict) else error))
        text = text[:_LONGEST_TEXT]
        item, during = str(message.get("item") or "")[-_LONGEST_ITEM:], str(message.get("during") or "")
        self._errors.append(text)
        self._damaged = self._damaged or is_damage(text)
        if item:
            self._failed[during] = self._failed.get(during, 0) + 1
            if len(self._items) < MOST_LINES:
                self._items[item] = None
        told = text if item in text else f"{item}: {text}"
        if self.quiet or self.stop_for is not None or told in self._told:
            return
        if len(self._told) >= MOST_LINES:
            self._untold += 1
            return
        self._told.add(told)
        self._log(f"error: {told}")

    def _hope(self, line: str) -> None:
        """Look in a line for what decides about going on."""
        self._contact.said(line, time.monotonic())
        self._damaged = self._damaged or is_damage(line)
        why = is_hopeless(line, self._cache)
        if is_missing_bucket(line):
            self._missing_bucket = True
            if RETRY_LINE.search(line):
                why = ErrorClass.REPOSITORY_MISSING
        if why is not None and self.stop_for is None:
            self.stop_for = why
            self.news.set()


def comparable(name: str) -> str:
    """Return a name in a form that restic's JSON and the file system agree on.

    Bytes that are no text are U+FFFD in the one, one for each, and cannot be told from each other; here they are one.
    """
    return _NO_TEXT.sub("\ufffd", name.encode(errors="surrogateescape").decode(errors="replace"))


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
