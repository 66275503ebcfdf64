"""What has become of a restore that the command has asked for. Pure."""

from __future__ import annotations

from volsync_py.commands.common.typed_time import written
from volsync_py.commands.runs.asked_run import Ended, trouble
from volsync_py.contract.report import ErrorClass
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import HEALTHY, SYNCHRONIZING
from volsync_py.core.objects import Object, mapping, status_of
from volsync_py.core.stored_times import time_in
from volsync_py.health.state import condition
from volsync_py.health.words import count, plain, size

# A mover that ends with one of these has not begun to write. Configuration is none: so is called what restic says of
# a single file, too, when all others are written.
_NOTHING_WRITTEN = frozenset({ErrorClass.NO_ELIGIBLE_SNAPSHOT, ErrorClass.WRONG_PASSWORD})


def ended(destination: Object) -> Ended | None:
    """Return how a restore ended, None if it has not; the operator gives up for now after some attempts."""
    status = status_of(destination)
    token = ((destination.get("spec") or {}).get("trigger") or {}).get("manual")
    if status.get("lastManualSync") == token:
        restored = mapping(status, "restic", "restored")
        if not restored.get("id"):
            return Ended(False, "ended without a word on what was restored; its log says why")
        healthy = condition(status, HEALTHY)
        warning = f"; {trouble(status)}" if healthy.get("reason") not in (None, "Succeeded") else ""
        return Ended(True, f"{_back(restored)}{warning}")
    if has_failed(destination):
        return Ended(False, f"failed after {count(Attempt.of(status).count, 'attempt')}: {trouble(status)}")
    return None


def doing(destination: Object) -> str:
    """Return what is known of a restore that has not ended."""
    status = status_of(destination)
    attempt = Attempt.of(status)
    if attempt.count:
        return f"attempt {attempt.count} failed, {trouble(status)}"
    synchronizing = condition(status, SYNCHRONIZING)
    return plain(synchronizing.get("message") or "") or "waits for the operator"


def is_seen(destination: Object) -> bool:
    """Return whether an operator has looked at it."""
    return bool(status_of(destination).get("conditions"))


def has_failed(destination: Object) -> bool:
    """Return whether the operator has given up for now."""
    return (status_of(destination).get("latestMoverStatus") or {}).get("result") == "Failed"


def has_written_nothing(destination: Object) -> bool:
    """Return whether a restore has failed at its first attempt, before it can have written anything.

    Of a destination that was made again after an earlier failure it says nothing: its attempts are counted anew.
    """
    status = status_of(destination)
    attempt = Attempt.of(status)
    return has_failed(destination) and attempt.count == 1 and attempt.error_class in _NOTHING_WRITTEN


def _back(restored: Object) -> str:
    files = restored.get("files")
    number = count(files, "file or folder", "files and folders") if isinstance(files, int) else "? files"
    made = time_in(restored, "time")
    return f"{number}, {size(restored.get('bytes'))}, from snapshot {plain(restored['id'])[:8]} of {written(made)}"
