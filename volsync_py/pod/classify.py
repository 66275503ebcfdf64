"""From what restic said and how it ended to the class of the failure.

restic's exit code decides where it has one for the case (10, 11, 12, 130, and 3 of a backup); for its
catch-all 1 the text decides. Retry lines count too, because restic tries again for a quarter of an hour
what will never work. What it says of the volume's files is kept apart from what it says of the repository:
names of files are anything, and a file that may not be read is no refused key.

A repository is damaged only if nothing else is wrong: what could not be asked for, or was refused, looks to restic like
what is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from attrs import frozen

from volsync_py.contract.report import ErrorClass
from volsync_py.pod.messages import failure_of, tail, words
from volsync_py.pod.provider_errors import HEALING, known_error
from volsync_py.pod.storage_error import ProviderError

_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_HALF = re.compile(r"already contains keys|config or key .* is damaged|config file already exists", re.IGNORECASE)
_DAMAGED = re.compile(
    r"id [0-9a-f]{64} not found in repository|not found in the repository index|does not exist in the index"
    r"|the repository could be damaged|ciphertext verification failed|pack .* is (missing|damaged)"
    r"|invalid lock file|invalid data returned|unexpected pack size|repository contains errors"
    r"|(load|readfull)\(<(index|snapshot|data).*(no such file|not exist|404 Not Found|not found|file is too short)",
    re.IGNORECASE,
)
# In messages of files these stand at the beginning, before the name, or at the end, behind it.
_DAMAGED_FILE = re.compile(
    r"parts of .* not found in the repository index; storing the file again$|tree [0-9a-f]+ .*could be damaged"
    r"|ReadFull\(<(index|snapshot|data)/.*(no such file|not exist|not found|file is too short)"
    r"|decrypting blob <(data|tree)/",
    re.IGNORECASE,
)
_CONFIGURATION = re.compile(
    r"unknown flag|invalid argument|invalid backend|parsing .* failed|please specify|no policy|unable to open cert"
    r"|root certificate|invalid id|executable file not found|invalid value for|invalid compression|invalid pattern"
    r"|pack size (larger|smaller) than|unsupported|not a directory|cannot unmarshal|path .+: not found"
    r"|snapshot is empty|mutually exclusive",
    re.IGNORECASE,
)
# A program or a folder in a snapshot that is not there is named, and the name may be anything.
_NOT_THERE = re.compile(r"executable file not found|path .+: not found")
_FORBIDDEN = re.compile(r"permission denied|operation not permitted", re.IGNORECASE)
FORBIDDEN_ADVICE = (
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
class Output:
    """What restic said: of the repository and itself, and of the volume's files; and where its own folders are.

    `trouble` is the gravest known error of the repository's server, even if its line is among those not kept.
    """

    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    cache: str = ""
    temporary: str = ""
    trouble: ProviderError | None = None


# Cached, because several questions are asked of each line.
@lru_cache(maxsize=16)
def trouble_of(line: str) -> ProviderError | None:
    """Return the known error of the server or the way to it that a line of the repository tells of, or None."""
    failure = failure_of(line)
    if failure is None:
        return known_error(words(line))
    return known_error(words(failure.reason), is_first=failure.is_first)


def graver(one: ProviderError | None, other: ProviderError | None) -> ProviderError | None:
    """Return the error that decides: the first that does not pass by itself, else the first."""
    if one is None or (other is not None and one.error_class in HEALING and other.error_class not in HEALING):
        return other
    return one


def is_hopeless(line: str, cache_directory: str) -> ErrorClass | None:
    """Return the class of a line of the repository after which waiting is no use, or None."""
    if _NO_SPACE.search(line) and _is_below(line, cache_directory):
        return ErrorClass.CACHE_FULL
    failure = failure_of(line)
    trouble = trouble_of(line) if failure is not None and failure.retried else None
    return None if trouble is None or trouble.error_class in HEALING else trouble.error_class


def is_missing_bucket(line: str) -> bool:
    """Return whether the line says that the bucket is missing, which `init` can create."""
    trouble = trouble_of(line)
    return trouble is not None and trouble.error_class is ErrorClass.REPOSITORY_MISSING


def is_damage(line: str) -> bool:
    """Return whether the line of the repository says that it is damaged; one that tells of a refusal does not."""
    failure = failure_of(line)
    return _DAMAGED.search(line) is not None and (failure is None or not failure.retried) and trouble_of(line) is None


def is_damage_of_file(text: str, item: str = "") -> bool:
    """Return whether a message about a file says that the repository lacks parts of it."""
    return _DAMAGED_FILE.match(text) is not None or _DAMAGED.search(tail(text, item)) is not None


def classify(code: int, lines: Iterable[str], errors: Iterable[str] = ()) -> ErrorClass:
    """Return the class of a command that failed."""
    return judge(code, Output(tuple(lines), tuple(errors)))[0]


def judge(code: int, said: Output) -> tuple[ErrorClass, str]:
    """Return the class of a command that failed, and what can be done about it if that is plainer here."""
    ours = "\n".join(said.lines)
    if _HALF.search(ours):
        return ErrorClass.REPOSITORY_HALF_INITIALIZED, ""
    if code in _BY_CODE:
        return _BY_CODE[code], ""
    if code < 0:
        return ErrorClass.INTERRUPTED, ""
    of_files = [tail(text) for text in said.errors]
    full = [line for line, end in zip(said.errors, of_files, strict=True) if _NO_SPACE.search(end)]
    full += [line for line in said.lines if _NO_SPACE.search(line)]
    return _full(full, said) if full else _by_words(ours, of_files, said)


def _by_words(ours: str, of_files: list[str], said: Output) -> tuple[ErrorClass, str]:
    """Return the class of a failure for which restic has no exit code."""
    if _NOT_THERE.search(ours):
        return ErrorClass.CONFIGURATION, ""
    trouble = said.trouble
    for line in said.lines:
        trouble = graver(trouble, trouble_of(line))
    if trouble is not None and trouble.error_class not in HEALING:
        return trouble.error_class, trouble.advice
    if trouble is None and (any(map(is_damage, said.lines)) or any(map(is_damage_of_file, said.errors))):
        return ErrorClass.REPOSITORY_DAMAGED, ""
    if any(map(_FORBIDDEN.search, of_files)):
        return ErrorClass.CONFIGURATION, FORBIDDEN_ADVICE
    if _CONFIGURATION.search(ours) or any(map(_CONFIGURATION.search, of_files)):
        return ErrorClass.CONFIGURATION, ""
    if _FORBIDDEN.search(ours):
        return ErrorClass.ACCESS_DENIED, ""
    if trouble is not None or any(failure_of(line) for line in said.lines):
        return ErrorClass.UNREACHABLE, trouble.advice if trouble else ""
    return ErrorClass.UNKNOWN, ""


def _full(lines: list[str], said: Output) -> tuple[ErrorClass, str]:
    """Return which of the volumes is full."""
    if any(_is_below(line, said.temporary) for line in lines):
        return ErrorClass.CONFIGURATION, _TEMPORARY_ADVICE
    if any(_is_below(line, said.cache) for line in lines):
        return ErrorClass.CACHE_FULL, ""
    return ErrorClass.TARGET_FULL, ""


def _is_below(line: str, folder: str) -> bool:
    """Return whether a path below the folder is named; a folder of that name further down is another one."""
    return bool(folder) and re.search(rf"(?:^|[\s\"'(:]){re.escape(folder.rstrip('/'))}/", line) is not None
