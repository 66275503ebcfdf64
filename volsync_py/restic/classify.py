"""From what restic said and how it ended to the class of the failure.

restic's exit code decides where it has one for the case (10, 11, 12, 130, and 3 of a backup); for its
catch-all 1 the text decides. Retry lines count too, because restic tries again for a quarter of an hour
what will never work. What it says of the volume's files is kept apart from what it says of the repository:
names of files are anything, and a file that may not be read is no refused key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from volsync_py.restic.contact import RETRY_LINE
from volsync_py.restic.report import ErrorClass

# What no retry can mend: seen once, the run is ended.
_DENIED = re.compile(
    r"access key id|AccessKeyId|SignatureDoesNotMatch|request signature|signature (does not|mis)match"
    r"|AccessDenied|access denied|AuthenticationFailed|AuthorizationFail|invalid_grant"
    r"|403 Forbidden|401 Unauthorized|invalid credentials|Bucket name"
    r"|unknown authority|certificate is not valid|certificate has expired|x509:",
    re.IGNORECASE,
)
_BUCKET_MISSING = re.compile(r"bucket does not exist|NoSuchBucket", re.IGNORECASE)
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"connection refused|no such host|i/o timeout|deadline exceeded|connection reset|network is unreachable"
    r"|no route to host|server misbehaving|502 Bad|503 Serv|504 Gate|500 Internal|EOF|TLS handshake"
    r"|returned error, retrying",
    re.IGNORECASE,
)
_HALF = re.compile(r"already contains keys|config or key .* is damaged|config file already exists", re.IGNORECASE)
_DAMAGED = re.compile(
    r"id [0-9a-f]{64} not found in repository|not found in the repository index|does not exist in the index"
    r"|the repository could be damaged|ciphertext verification failed|pack .* is (missing|damaged)"
    r"|invalid lock file|invalid data returned|unexpected pack size|repository contains errors"
    r"|load\(<(index|snapshot|data).*(no such file|not exist|404 Not Found|not found)",
    re.IGNORECASE,
)
_CONFIGURATION = re.compile(
    r"unknown flag|invalid argument|invalid backend|parsing .* failed|please specify|no policy|unable to open cert"
    r"|root certificate|invalid id|executable file not found"
    r"|unsupported|not a directory|cannot unmarshal|path .+: not found|snapshot is empty|mutually exclusive",
    re.IGNORECASE,
)
# A program or a folder in a snapshot that is not there is named, and the name may be anything.
_NOT_THERE = re.compile(r"executable file not found|path .+: not found")
_FORBIDDEN = re.compile(r"permission denied|operation not permitted", re.IGNORECASE)
_FORBIDDEN_ADVICE = (
    "the mover's user may not do that: let the namespace have privileged movers, "
    "or give moverSecurityContext the user and group that own the files"
)
_TEMPORARY_ADVICE = (
    "the folder for temporary files is full, and it is memory: raise moverResources.limits.memory, or lower "
    "RESTIC_PACK_SIZE"
)
_BY_CODE = {
    10: ErrorClass.REPOSITORY_MISSING,
    11: ErrorClass.REPOSITORY_LOCKED,
    12: ErrorClass.WRONG_PASSWORD,
    2: ErrorClass.UNKNOWN,
    130: ErrorClass.INTERRUPTED,
    137: ErrorClass.INTERRUPTED,
    141: ErrorClass.INTERRUPTED,
    143: ErrorClass.INTERRUPTED,
}


@frozen
class Said:
    """What restic said: of the repository and itself, and of the volume's files; and where its own folders are."""

    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    cache: str = ""
    temporary: str = ""


def is_hopeless(line: str, cache_directory: str) -> ErrorClass | None:
    """Return the class of a line of the repository after which waiting is no use, or None."""
    if _NO_SPACE.search(line) and _is_below(line, cache_directory):
        return ErrorClass.CACHE_FULL
    if RETRY_LINE.search(line) and _DENIED.search(line):
        return ErrorClass.ACCESS_DENIED
    return None


def is_missing_bucket(line: str) -> bool:
    """Tell whether the line says that the bucket is missing, which `init` can create."""
    return _BUCKET_MISSING.search(line) is not None


def is_damage(line: str) -> bool:
    """Tell whether the line says that the repository is damaged."""
    return _DAMAGED.search(line) is not None and not RETRY_LINE.search(line)


def classify(code: int, lines: Iterable[str], errors: Iterable[str] = ()) -> ErrorClass:
    """Return the class of a command that failed."""
    return judge(code, Said(tuple(lines), tuple(errors)))[0]


def judge(code: int, said: Said) -> tuple[ErrorClass, str]:
    """Return the class of a command that failed, and what can be done about it if that is plainer here."""
    ours, both = "\n".join(said.lines), "\n".join((*said.lines, *said.errors))
    if _HALF.search(ours):
        return ErrorClass.REPOSITORY_HALF_INITIALIZED, ""
    if code in _BY_CODE:
        return _BY_CODE[code], ""
    if code < 0:
        return ErrorClass.INTERRUPTED, ""
    full = [line for line in (*said.lines, *said.errors) if _NO_SPACE.search(line)]
    if full:
        return _full(full, said)
    for pattern, text, error_class, advice in (
        (_NOT_THERE, ours, ErrorClass.CONFIGURATION, ""),
        (_DENIED, ours, ErrorClass.ACCESS_DENIED, ""),
        (_DAMAGED, both, ErrorClass.REPOSITORY_DAMAGED, ""),
        (_FORBIDDEN, "\n".join(said.errors), ErrorClass.CONFIGURATION, _FORBIDDEN_ADVICE),
        (_BUCKET_MISSING, ours, ErrorClass.REPOSITORY_MISSING, ""),
        (_CONFIGURATION, both, ErrorClass.CONFIGURATION, ""),
        (_FORBIDDEN, ours, ErrorClass.ACCESS_DENIED, ""),
        (_UNREACHABLE, both, ErrorClass.UNREACHABLE, ""),
    ):
        if pattern.search(text):
            return error_class, advice
    return ErrorClass.UNKNOWN, ""


def _full(lines: list[str], said: Said) -> tuple[ErrorClass, str]:
    """Return which of the volumes is full."""
    if any(_is_below(line, said.temporary) for line in lines):
        return ErrorClass.CONFIGURATION, _TEMPORARY_ADVICE
    if any(_is_below(line, said.cache) for line in lines):
        return ErrorClass.CACHE_FULL, ""
    return ErrorClass.TARGET_FULL, ""


def _is_below(line: str, folder: str) -> bool:
    """Tell whether a path below the folder is named; a folder of that name further down is another one."""
    return bool(folder) and re.search(rf"(?:^|[\s\"'(:]){re.escape(folder.rstrip('/'))}/", line) is not None
