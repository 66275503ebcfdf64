"""What a command asks the pod that waits for questions about a repository, and how the answer ends.

A question is one JSON document, the first line of the standard input of a program that is run in that pod; the rest of
that input is only there to end. What restic answers goes to standard output, byte for byte. The last line of standard
error is the end of the answer. Nothing here changes a repository: whoever may run the program may not do more with it.
"""

from __future__ import annotations

import json
from enum import StrEnum

from attrs import frozen

from volsync_py.bounded_json import Unreadable, read_json
from volsync_py.contract.codec import Unfit, as_json, read, read_strictly, wire
from volsync_py.contract.report import ErrorClass

# The mover's program, with the word that makes it wait for questions, or answer one.
WAIT, ASK = "wait", "ask"
# The Secret's keys come under their names with this before them: none can change how a program of the pod runs.
SECRET_PREFIX = "VOLSYNC_PY_SECRET_"
# Where who answers tells who waits.
SOCKET = "/tmp/questions"
# A question with hundreds of paths; the API server takes as much in one frame.
MOST_QUESTION_BYTES = 256 * 1024
# The variable by which a pod is told to wait longer than usual for its first question: a number of seconds.
FIRST_WAIT = "VOLSYNC_PY_FIRST_WAIT"
# The exit code of a program whose pod is about to end: another pod is asked.
TOO_LATE = 75
# What who answers tells who waits instead of a number of seconds, when nobody is expected to ask again.
NO_LONGER = -1
# And when who asks again is to be answered by another pod, which has the Secret as it is then.
BY_ANOTHER = -2
# Longer than that, nobody is coming back; what waits takes memory of the namespace, and has the Secret as it once was.
LONGEST_WAIT_SECONDS = 3600.0
# What people are told of a failure is one sentence.
_LONGEST_MESSAGE = 2000


# What another Secret may mend: an address, a password, keys, or something that nobody knows.
_OF_THE_SECRET = frozenset(
    {
        ErrorClass.ACCESS_DENIED,
        ErrorClass.BACKUPS_GONE,
        ErrorClass.CONFIGURATION,
        ErrorClass.REPOSITORY_HALF_INITIALIZED,
        ErrorClass.REPOSITORY_MISSING,
        ErrorClass.STALLED,
        ErrorClass.UNKNOWN,
        ErrorClass.UNREACHABLE,
        ErrorClass.WRONG_PASSWORD,
    }
)


class Kind(StrEnum):
    """What can be asked."""

    # All snapshots; with `policy`, as `restic forget --dry-run` groups them, with the rules that keep each.
    SNAPSHOTS = "snapshots"
    # The entries of folders of a snapshot.
    LIST = "ls"
    # The bytes of a file.
    FILE = "file"
    # The bytes of a tar archive of a folder.
    ARCHIVE = "archive"
    DIFF = "diff"
    FIND = "find"
    STATS = "stats"
    LOCKS = "locks"
    # That the repository opens, and its id.
    OPEN = "open"
    # Which keys the Secret has, and what is wrong with it, without a word of its values; restic is not run.
    KEYS = "keys"
    # Nothing: the pod waits until the input ends. What comes into it before is a word at leaving, after which the pod
    # waits as long as was said; without one, whoever asked is no more.
    HOLD = "hold"
    # Nothing: what was said before of how long the pod is to wait holds no longer. Whoever is being answered stays so.
    END = "end"


class QuestionError(ValueError):
    """A question that cannot be understood; the text says why."""


@frozen
class Question:
    """One question."""

    kind: str = ""
    # An id, the beginning of one, or `latest`, which is the newest of the resource's own.
    snapshot: str = ""
    # The other snapshot of a comparison.
    other: str = ""
    # Paths of the snapshot, or patterns of names.
    paths: tuple[str, ...] = ()
    recursive: bool = False
    # Also of other hosts and paths than those of the resource.
    everything: bool = False
    policy: bool = False
    # What `restic stats` counts.
    mode: str = ""
    # How long the pod waits for another question when this one is answered.
    keep_seconds: float = 0.0

    def to_json(self) -> str:
        """Return the document."""
        return json.dumps(as_json(self), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Question:
        """Read the document; a type that does not fit is refused."""
        try:
            return read_strictly(cls, read_json(text, most=MOST_QUESTION_BYTES), "question")
        except (Unreadable, Unfit) as error:
            raise QuestionError(f"the question cannot be read: {error}") from None


@frozen
class Ending:
    """How an answer ended: of what was sent its size and hash, of a failure its class and a sentence."""

    bytes: int = 0
    sha256: str = wire("", most=64)
    error_class: str = wire("", most=64)
    message: str = wire("", most=_LONGEST_MESSAGE)

    def to_json(self) -> str:
        """Return the line."""
        return json.dumps(as_json(self), separators=(",", ":"), sort_keys=True)

    @classmethod
    def of(cls, text: str) -> Ending | None:
        """Return the ending that the last line of standard error holds, or None."""
        lines = text.splitlines()
        try:
            data = read_json(lines[-1], most=MOST_QUESTION_BYTES) if lines else None
        except Unreadable:
            return None
        return read(cls, data) if isinstance(data, dict) and "sha256" in data else None


def may_be_of_the_secret(error_class: str) -> bool:
    """Return whether a failure may go away by a change of the Secret, which a pod has as it was at its start."""
    return error_class in _OF_THE_SECRET
