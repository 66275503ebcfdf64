"""What the manager tells the mover beyond VolSync's arguments and environment: one JSON document.

It comes in the variable VOLSYNC_PY_RUN and holds no secrets. Without it, the mover does what VolSync's
does. A version that is not known is refused, because doing half of what was asked is worse than nothing.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from attrs import AttrsInstance, asdict, field, fields_dict, frozen

from volsync_py.bounded_json import Unreadable, read_json, writable
from volsync_py.core.names import SNAPSHOT_HOST

VERSION = 1
# What Linux lets one variable of the environment be, with its name.
MOST_BYTES = 128 * 1024
T = TypeVar("T", bound=AttrsInstance)


class RunError(ValueError):
    """The document cannot be used; the text says why."""


@frozen
class Grants:
    """What this mover may do; no other one of the same repository does `init` or `prune` at this time."""

    init: bool = True
    prune: bool = True
    # Off while the repository is known to be damaged.
    forget: bool = True


@frozen
class BackupOptions:
    """restic's options of a backup; empty and zero mean restic's own default."""

    excludeCaches: bool = False
    excludePatterns: list[str] = field(factory=list)
    excludeIfPresent: list[str] = field(factory=list)
    excludeLargerThan: str = ""
    emptySource: str = "Skip"
    compression: str = ""
    packSize: int = 0
    readConcurrency: int = 0
    uploadKiBps: int = 0
    downloadKiBps: int = 0


@frozen
class RetentionOptions:
    """Rules beside those of FORGET_OPTIONS."""

    withinHourly: str = ""
    withinDaily: str = ""
    withinWeekly: str = ""
    withinMonthly: str = ""
    withinYearly: str = ""
    keepTags: list[str] = field(factory=list)


@frozen
class PruneOptions:
    """Limits of one prune."""

    maxUnused: str = ""
    maxRepackSize: str = ""


@frozen
class CheckOptions:
    """A check that is due; `subset` as in restic's --read-data-subset."""

    subset: str = ""


@frozen
class History:
    """What the resource's status has on record of this repository; empty if it has not been used before."""

    repositoryID: str = ""
    lastSnapshot: str = ""
    # The last one that lacks nothing.
    completeSnapshot: str = ""


@frozen
class RestoreOptions:
    """Which snapshot, and what of it."""

    snapshot: str = ""
    host: str = SNAPSHOT_HOST
    tags: list[str] = field(factory=list)
    include: list[str] = field(factory=list)
    exclude: list[str] = field(factory=list)
    subPath: str = ""
    onMissingSnapshot: str = ""
    publishesImage: bool = False
    verify: bool = False


@frozen
class LockOptions:
    """What to do about locks of pods of VolSync's, which the manager can look for."""

    # Of a lock that stops the run, ask whether its pod is still there, instead of waiting.
    askAboutPods: bool = False
    # Before a backup, look for locks that would only stop what follows it.
    lookFirst: bool = False


@frozen
class Deadlines:
    """How long to wait for what, in seconds."""

    contactSeconds: float = 90.0
    retryLockSeconds: float = 60.0
    stallSeconds: float = 900.0
    killSeconds: float = 75.0


@frozen
class Run:
    """The whole document; attributes are named as its keys."""

    host: str = SNAPSHOT_HOST
    tags: list[str] = field(factory=list)
    # The repository is a folder, and the manager knows of no volume at its place: the mover is to look.
    repositoryOnVolume: bool = False
    grants: Grants = field(factory=Grants)
    backup: BackupOptions = field(factory=BackupOptions)
    retention: RetentionOptions = field(factory=RetentionOptions)
    prune: PruneOptions = field(factory=PruneOptions)
    check: CheckOptions | None = None
    history: History = field(factory=History)
    restore: RestoreOptions = field(factory=RestoreOptions)
    deadlines: Deadlines = field(factory=Deadlines)
    locks: LockOptions = field(factory=LockOptions)

    def to_json(self) -> str:
        """Return the document."""
        return json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Run:
        """Read the document; unknown keys are ignored, a version or a type that does not fit is refused."""
        try:
            data = read_json(text, most=MOST_BYTES)
        except Unreadable as error:
            raise RunError(f"VOLSYNC_PY_RUN cannot be read: {error}") from None
        if not isinstance(data, dict) or data.get("version") != VERSION:
            version = data.get("version") if isinstance(data, dict) else None
            version = version if isinstance(version, int) else None
            raise RunError(
                f"VOLSYNC_PY_RUN has version {version!r}, this mover knows {VERSION}: use one image for both"
            )
        parts: dict[str, Any] = {
            "grants": _part(Grants, data, "grants"),
            "backup": _part(BackupOptions, data, "backup"),
            "retention": _part(RetentionOptions, data, "retention"),
            "prune": _part(PruneOptions, data, "prune"),
            "check": _part(CheckOptions, data, "check") if data.get("check") else None,
            "history": _part(History, data, "history"),
            "restore": _part(RestoreOptions, data, "restore"),
            "deadlines": _part(Deadlines, data, "deadlines"),
            "locks": _part(LockOptions, data, "locks"),
        }
        plain = {key: _checked(key, data[key], default) for key, default in _PLAIN.items() if key in data}
        return cls(**plain, **parts)


_PLAIN: dict[str, Any] = {"host": SNAPSHOT_HOST, "tags": [], "repositoryOnVolume": False}


def _part(kind: type[T], data: dict[str, Any], key: str) -> T:
    given = data.get(key) or {}
    if not isinstance(given, dict):
        raise RunError(f"VOLSYNC_PY_RUN: {key} is no object")
    defaults = kind()
    known = fields_dict(kind)
    return kind(**{k: _checked(f"{key}.{k}", v, getattr(defaults, k)) for k, v in given.items() if k in known})


def _checked(where: str, value: Any, default: Any) -> Any:
    """Return a value that is of its default's type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        int: number and isinstance(value, int),
        float: number,
        str: _is_word(value),
        list: isinstance(value, list) and all(map(_is_word, value)),
    }[type(default)]
    if not fits:
        raise RunError(f"VOLSYNC_PY_RUN: {where} is {type(value).__name__}, not {type(default).__name__}")
    return value


def _is_word(value: Any) -> bool:
    """Return whether a value can be an argument of a program."""
    return isinstance(value, str) and "\0" not in value and writable(value) == value
