"""What the manager tells the mover beyond VolSync's arguments and environment: one JSON document.

It comes in the variable VOLSYNC_PY_RUN and holds no secrets. Without it, the mover does what VolSync's
does. A version that is not known is refused, because doing half of what was asked is worse than nothing.
"""

from __future__ import annotations

import json

from attrs import field, frozen

from volsync_py.bounded_json import Unreadable, read_json
from volsync_py.contract.codec import Unfit, as_json, read_strictly, wire
from volsync_py.contract.options import (
    BackupOptions,
    PruneOptions,
    RestoreOptions,
    RetentionOptions,
    host_option,
    tags_option,
)
from volsync_py.core import defaults

VERSION = 1
# The longest variable of an environment that Linux allows, with its name.
MOST_BYTES = 128 * 1024


class RunError(ValueError):
    """The document cannot be used; the text says why."""


@frozen
class Grants:
    """What this mover may do; of those of the same repository, no other one may `init` at this time."""

    init: bool = True
    prune: bool = True
    # Off while the repository is known to be damaged.
    forget: bool = True


@frozen
class Check:
    """A check that is due; `subset` as in restic's --read-data-subset."""

    subset: str = ""


@frozen
class History:
    """What the resource's status has on record of this repository; empty if it has not been used before."""

    repository_id: str = wire("", key="repositoryID")
    last_snapshot: str = ""
    # The last snapshot that lacks no file.
    complete_snapshot: str = ""


@frozen
class Verification:
    """What a verification is told; `command` looks at what has come back, () if nothing does."""

    # The last backup on record: what is looked at is it, or a newer one.
    snapshot: str = ""
    snapshot_time: str = ""
    command: tuple[str, ...] = ()
    command_seconds: float = float(defaults.VERIFICATION_COMMAND_SECONDS)


@frozen
class LockOptions:
    """What to do about locks of pods of VolSync's, which the manager can look for."""

    # When a lock stops the run, report its host so that the manager looks for the pod, instead of waiting.
    ask_about_pods: bool = False
    # Before a backup, look for locks that would only stop what follows it.
    look_first: bool = False


@frozen
class Deadlines:
    """How long to wait for what, in seconds."""

    contact_seconds: float = float(defaults.CONTACT_SECONDS)
    retry_lock_seconds: float = float(defaults.RETRY_LOCK_SECONDS)
    stall_seconds: float = float(defaults.STALL_SECONDS)
    kill_seconds: float = 75.0


@frozen
class Run:
    """The whole document."""

    host: str = host_option("Host name of the snapshots; volsync if unset.", flag="--host")
    tags: tuple[str, ...] = tags_option("tags", "Tags of the snapshots.", flag="--tag")
    # The repository is a folder, and the manager knows of no volume at its place: the mover is to look.
    repository_on_volume: bool = False
    grants: Grants = field(factory=Grants)
    backup: BackupOptions = field(factory=BackupOptions)
    retention: RetentionOptions = field(factory=RetentionOptions)
    prune: PruneOptions = field(factory=PruneOptions)
    check: Check | None = None
    history: History = field(factory=History)
    restore: RestoreOptions = field(factory=RestoreOptions)
    verification: Verification | None = None
    deadlines: Deadlines = field(factory=Deadlines)
    locks: LockOptions = field(factory=LockOptions)

    def to_json(self) -> str:
        """Return the document."""
        return json.dumps({"version": VERSION, **as_json(self)}, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Run:
        """Read the document; unknown keys are ignored, a version or a type that does not fit is refused."""
        try:
            data = read_json(text, most=MOST_BYTES)
        except Unreadable as error:
            raise RunError(f"VOLSYNC_PY_RUN cannot be read: {error}") from None
        version = data.get("version") if isinstance(data, dict) else None
        if version != VERSION:
            version = version if isinstance(version, int) else None
            raise RunError(
                f"VOLSYNC_PY_RUN has version {version!r}, this mover knows {VERSION}: use one image for both"
            )
        try:
            return read_strictly(cls, data)
        except Unfit as error:
            raise RunError(f"VOLSYNC_PY_RUN: {error}") from None
