"""A question as restic's arguments: a closed list of commands that only read, each without a lock.

What comes from outside is a snapshot's name, paths and patterns; each stands behind `--`, so that none is an option.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from volsync_py.contract.questions import Kind, Question, QuestionError

LATEST = "latest"
_ID = re.compile(r"[0-9a-f]{1,64}")
_MODES = ("restore-size", "files-by-contents", "blobs-per-file", "raw-data")


@frozen
class Own:
    """Which snapshots are the resource's own, and the rules of its retention as arguments."""

    host: str
    path: str
    policy: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """The options that choose them."""
        return ["--host", self.host, "--path", self.path]


def arguments(question: Question, own: Own) -> list[str]:
    """Return restic's arguments for a question; QuestionError for what is not on the list."""
    try:
        make = _ARGUMENTS[Kind(question.kind)]
    except (ValueError, KeyError):
        raise QuestionError(f"{question.kind!r} is nothing that can be asked") from None
    command, *rest = make(question, own)
    return [command, "--no-lock", *rest]


def _snapshots(question: Question, own: Own) -> list[str]:
    if question.policy:
        # All groups, because the answer is also the list; retention itself looks at the resource's own alone.
        return ["forget", "--dry-run", "--group-by", "host,paths", *own.policy]
    return ["snapshots"]


def _list(question: Question, own: Own) -> list[str]:
    flags = ["--recursive"] if question.recursive else []
    return ["ls", *flags, *_options(question, own), "--", _snapshot(question.snapshot), *_paths(question)]


def _file(question: Question, own: Own) -> list[str]:
    return ["dump", *_options(question, own), "--", _snapshot(question.snapshot), *_paths(question, most=1)]


def _archive(question: Question, own: Own) -> list[str]:
    command, *rest = _file(question, own)
    return [command, "--archive", "tar", *rest]


def _diff(question: Question, own: Own) -> list[str]:
    return ["diff", "--", _id(question.snapshot), _id(question.other)]


def _find(question: Question, own: Own) -> list[str]:
    if not question.paths:
        raise QuestionError("nothing is looked for")
    chosen = ["--snapshot", _id(question.snapshot)] if question.snapshot else []
    own_only = [] if question.everything else own.options
    return ["find", *chosen, *own_only, "--", *question.paths]


def _stats(question: Question, own: Own) -> list[str]:
    if question.mode not in _MODES:
        raise QuestionError(f"{question.mode!r} is nothing that is counted")
    if question.snapshot:
        return ["stats", "--mode", question.mode, *_options(question, own), "--", _snapshot(question.snapshot)]
    return ["stats", "--mode", question.mode, *([] if question.everything else own.options)]


def _open(question: Question, own: Own) -> list[str]:
    return ["cat", "config"]


def _locks(question: Question, own: Own) -> list[str]:
    return ["list", "locks"]


def lock(identity: str) -> list[str]:
    """Return the arguments that print one lock."""
    return ["cat", "--no-lock", "lock", _id(identity)]


def _options(question: Question, own: Own) -> list[str]:
    """Return what makes `latest` the newest of the resource's own."""
    return own.options if question.snapshot == LATEST else []


def _snapshot(text: str) -> str:
    return text if text == LATEST else _id(text)


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise QuestionError(f"{text[:80]!r} is no id of a snapshot")
    return text


def _paths(question: Question, most: int | None = None) -> tuple[str, ...]:
    if not question.paths or (most is not None and len(question.paths) > most):
        raise QuestionError("the number of paths does not fit")
    for path in question.paths:
        if not path.startswith("/"):
            raise QuestionError(f"{path[:80]!r} is no path of a snapshot: those begin with /")
    return question.paths


_ARGUMENTS: dict[Kind, Callable[[Question, Own], list[str]]] = {
    Kind.SNAPSHOTS: _snapshots,
    Kind.LIST: _list,
    Kind.FILE: _file,
    Kind.ARCHIVE: _archive,
    Kind.DIFF: _diff,
    Kind.FIND: _find,
    Kind.STATS: _stats,
    Kind.LOCKS: _locks,
    Kind.OPEN: _open,
}
