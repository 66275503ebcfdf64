"""From what restic printed and how it ended to the class of the failure.

restic's exit code decides where it has one for the case (10, 11, 12, 130, and 3 of a backup); for its
catch-all 1 the text decides. Retry lines count too, because restic tries again for a quarter of an hour
what will never work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from volsync_py.restic.report import ErrorClass

# What no retry can mend: seen once, the run is ended.
_DENIED = re.compile(
    r"access.?key|signature|AccessDenied|access denied|InvalidAccessKeyId|403 Forbidden|401 Unauthorized"
    r"|unknown authority|certificate is not valid|certificate has expired|x509:|Bucket name|invalid credentials",
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
    r"|ciphertext verification failed|pack .* is (missing|damaged)|invalid lock file|invalid data returned"
    r"|unexpected pack size|repository contains errors|load\(<(index|snapshot|data)",
    re.IGNORECASE,
)
_CONFIGURATION = re.compile(
    r"unknown flag|invalid argument|invalid backend|parsing .* failed|please specify|no policy|unable to open cert"
    r"|root certificate|invalid id"
    r"|unsupported|not a directory|cannot unmarshal|path .+: not found|snapshot is empty|mutually exclusive",
    re.IGNORECASE,
)
RETRY_LINE = re.compile(r"returned error, retrying after( [^:]+)?")


def is_hopeless(line: str, cache_directory: str) -> ErrorClass | None:
    """Return the class of a line after which waiting is no use, or None."""
    if _NO_SPACE.search(line) and cache_directory and cache_directory in line:
        return ErrorClass.CACHE_FULL
    if RETRY_LINE.search(line) and _DENIED.search(line):
        return ErrorClass.ACCESS_DENIED
    return None


def is_missing_bucket(line: str) -> bool:
    """Tell whether the line says that the bucket is missing, which `init` can create."""
    return _BUCKET_MISSING.search(line) is not None


def classify(code: int, lines: Iterable[str]) -> ErrorClass:
    """Return the class of a command that failed."""
    by_code = {
        10: ErrorClass.REPOSITORY_MISSING,
        11: ErrorClass.REPOSITORY_LOCKED,
        12: ErrorClass.WRONG_PASSWORD,
        2: ErrorClass.UNKNOWN,
        130: ErrorClass.INTERRUPTED,
        137: ErrorClass.INTERRUPTED,
        141: ErrorClass.INTERRUPTED,
        143: ErrorClass.INTERRUPTED,
    }
    text = "\n".join(lines)
    if _HALF.search(text):
        return ErrorClass.REPOSITORY_HALF_INITIALIZED
    if code in by_code:
        return by_code[code]
    if code < 0:
        return ErrorClass.INTERRUPTED
    for pattern, error_class in (
        (_NO_SPACE, ErrorClass.TARGET_FULL),
        (_DENIED, ErrorClass.ACCESS_DENIED),
        (_DAMAGED, ErrorClass.REPOSITORY_DAMAGED),
        (_BUCKET_MISSING, ErrorClass.REPOSITORY_MISSING),
        (_CONFIGURATION, ErrorClass.CONFIGURATION),
        (_UNREACHABLE, ErrorClass.UNREACHABLE),
    ):
        if pattern.search(text):
            return error_class
    return ErrorClass.UNKNOWN
