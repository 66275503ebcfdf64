"""The form of restic's messages: what in them is of which request, what is a name, and which lines people need.

Names are anything: of files, hosts, buckets, folders. What decides about a run is looked for in what is left without
them. restic puts its messages of files into JSON, so that a name cannot begin a line of its own.
"""

from __future__ import annotations

import re

from attrs import frozen

# restic's retry lines, and its last word on a request; a request is told by its kind and the object.
_REQUEST = r"(?P<request>(?:Stat|Load|Save|List|Remove)\(.*?\))"
_FAILED_LINE = re.compile(
    _REQUEST + r" (?:returned error, retrying after (?P<pause>[^:]+)|failed): (?P<reason>.*)", re.DOTALL
)
_MENDED_LINE = re.compile(_REQUEST + r" operation successful after \d+ retries")
RETRY_LINE = re.compile(r"returned error, retrying after( [^:]+)?")
# What libraries put on further lines, Azure's and Google's codes; the last of these decides.
_CONTINUATION = re.compile(r"-+$|RESPONSE \d{3}:|ERROR CODE\b|Reason: |Response: ")
_UNDECIDED = re.compile(r"-+$|RESPONSE \d{3}:")
# The first objects that restic asks for; when these fail, nothing has ever answered.
_FIRST_OBJECTS = re.compile(r"\(<(?:config|key)/")
# Quoted text, URLs and places in restic's form, absolute paths, and the host that is looked up.
_NAMES = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"|`[^`\n]*`|\b[a-z0-9+]+://\S*|\b(?:s3|rest|azure|gs|b2|swift|sftp|rclone|local):\S+"
    r"|(?<![\w.>])/\S+|\blookup \S+(?: on \S+)?|<[a-z]+/[0-9a-f]*>",
)
# Words that count are at the beginning; the rest is an answer's body.
_LONGEST = 2000
# How a stack trace goes on: a function, and below it where it is.
_FRAME = re.compile(r"^\s+\S+\.(go|s):\d+$")
_RULE = re.compile(r"^[-=\s]*$|^Response contained no body$")
# restic ends some messages with the place of the repository, which its owner knows.
_PLACE = re.compile(r"^(s3|rest|azure|gs|b2|swift|sftp|rclone|local):\S+$")
# Enough lines for a list of refused patterns; a condition holds no more.
_MOST_TOLD = 6
_LONGEST_TOLD = 400


@frozen
class Failure:
    """A request that failed; `retried`: restic tries it again after `pause`, a Go duration."""

    request: str
    reason: str
    retried: bool
    pause: str = ""

    @property
    def is_first(self) -> bool:
        """Whether it is of the first objects of a repository."""
        return _FIRST_OBJECTS.search(self.request) is not None


def failure_of(line: str) -> Failure | None:
    """Return the failed request that a line tells of, or None."""
    found = _FAILED_LINE.match(line)
    if found is None:
        return None
    return Failure(found["request"], found["reason"], found["pause"] is not None, (found["pause"] or "").strip())


def continues(line: str) -> bool:
    """Return whether a line goes on with what a library said of the request before."""
    return _CONTINUATION.match(line) is not None


def decides(line: str) -> bool:
    """Return whether a further line tells what was wrong, so that nothing of the rest is needed."""
    return _UNDECIDED.match(line) is None


def mended_request(line: str) -> str:
    """Return the request of which a line says that it has succeeded after all, or ""."""
    found = _MENDED_LINE.match(line)
    return found["request"] if found else ""


def words(text: str) -> str:
    """Return a message of the repository without names: its first line, and those on which libraries put codes.

    A path takes the colon behind it along, and what is quoted is a name, too, also if a server's sentence is quoted:
    `open /x/locks/ab: read-only file system` becomes `open … read-only file system`.
    """
    first, _, rest = text[:_LONGEST].strip().partition("\n")
    return _NAMES.sub("…", first) + ("\n" + rest if rest else "")


def tail(text: str, item: str = "") -> str:
    """Return what a message about a file says of it: the end, after its name."""
    for name in (item, item.lstrip("/")):
        if name:
            text = text.replace(name, "…")
    return text.rpartition(": ")[2]


def told(text: str) -> str:
    """Return the lines of a message that people need, as one: no stack trace, no rules, and no more than fits."""
    lines = re.sub(r"^(Fatal: )+", "", text.strip()).splitlines()
    kept: list[str] = []
    for number, line in enumerate(lines):
        is_function = number + 1 < len(lines) and _FRAME.match(lines[number + 1]) is not None
        if not (_FRAME.match(line) or is_function or _RULE.match(line) or (number and _PLACE.match(line))):
            kept.append(line.strip())
    one = "; ".join(kept[:_MOST_TOLD]) + (" …" if len(kept) > _MOST_TOLD else "")
    one = re.sub(r":; ", ": ", one)
    return one if len(one) <= _LONGEST_TOLD else one[: _LONGEST_TOLD - 2] + " …"
