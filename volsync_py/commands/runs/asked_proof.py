"""What has become of a verification that somebody has asked for with the annotation prove-now. Pure."""

from __future__ import annotations

from volsync_py.commands.runs.asked_run import Ended
from volsync_py.core.condition_writer import SYNCHRONIZING, VERIFIED
from volsync_py.core.objects import Object, mapping
from volsync_py.health.facts import proof
from volsync_py.health.state import condition
from volsync_py.health.words import plain


def ended(source: Object, token: str) -> Ended | None:
    """Return how it ended, None if it has not; a failed attempt is an end, one that was ended for a backup is none."""
    spec, status = mapping(source, "spec"), mapping(source, "status")
    restic = mapping(status, "restic")
    told = mapping(restic, "verification")
    if token in (told.get("lastProveNow"), told.get("triedProveNow")):
        return _result(restic, told, status, is_over=token == told.get("lastProveNow"))
    name = source["metadata"]["name"]
    if spec.get("paused") is True:
        return Ended(False, f"is paused, and is proved when that ends: volsync-py resume {name}")
    trigger = mapping(spec, "trigger")
    if not trigger.get("manual") and not trigger.get("schedule"):
        return Ended(False, "is backed up without a pause, and never proved: give it a schedule, spec.trigger.schedule")
    return None


def doing(source: Object, token: str) -> str:
    """Return what is known of one that has not ended."""
    status = mapping(source, "status")
    told = mapping(status, "restic", "verification")
    if told.get("triedProveNow") == token:
        return f"was ended for a backup, and begins again at {plain(told.get('nextAttemptTime') or 'once')}"
    if told.get("waiting"):
        return plain(told["waiting"])
    if condition(status, SYNCHRONIZING).get("status") == "True":
        return "waits for the backup that is under way"
    return "its newest backup is restored and compared, when the operator has seen the request"


def _result(restic: Object, told: Object, status: Object, *, is_over: bool) -> Ended | None:
    verified = condition(status, VERIFIED)
    if not is_over:
        error = mapping(told, "lastError")
        if error.get("class") == "Interrupted":
            return None
        # The condition says nothing of what is tried again.
        why = plain(f"{error.get('class')}: {error.get('message')}")
        return Ended(False, f"is not proved, and tried again at {plain(told.get('nextAttemptTime'))}: {why}")
    why = plain(f"{verified.get('reason')}: {verified.get('message')}")
    if told.get("result") != "Succeeded":
        return Ended(False, f"is not proved: {why}")
    last = mapping(restic, "lastVerified")
    return Ended(
        True, proof(last), {name: last.get(name) for name in ("snapshot", "files", "bytes", "commandExitCode")}
    )
