"""Write docs/conditions.md: `python -m hack.generate_conditions_page` after a change of what the operator says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hack.pages import DOCS, code, table
from hack.said import UNKNOWN, Call, calls
from volsync_py.core.actions import EventType
from volsync_py.core.condition_writer import HEALTHY, MAINTAINED, SYNCHRONIZING, VERIFIED
from volsync_py.movers.restic.verification_record import stands

TARGET = DOCS / "conditions.md"
_HEAD = """# Conditions and events

Made from the code: every condition and event that the operator can report. "…" stands for what differs each time: a
name, a number, the words of the API server or of restic. The classes of failures have
[a page of their own](failures.md). `volsync-py explain REASON` knows both.

"""
_AFTER = """
`kubectl wait --for condition=Healthy` waits for a good run. A good run of a destination may have found nothing to
restore, unless `onMissingSnapshot` is `Fail`; `status.restic.restored` says what came back. There is no condition
`Ready`: GitOps tools wait for that, and a backup that fails must not hold up a deployment.

## Reasons of the conditions

"""
_TROUBLES = """
## Reasons that stop a run, and warnings

They are reasons of `Healthy` (`MaintenanceWaits`: of `Maintained`). The message ends with the next step. The other
reasons are the [classes of failures](failures.md).

"""
_EVENTS = """
## Events

They are on the custom resource, and name the object that they are about (`related`); those of the populator are on the
claim. `action` is what the operator was doing, as in `kubectl get events -o yaml`. An event that is repeated is sent at
growing intervals while nothing changes.

"""
_CONDITIONS = (
    (SYNCHRONIZING, "VolSync", "a run is under way, also while it waits or is tried again", "no run is under way", ""),
    (
        HEALTHY,
        "ours",
        "the last run succeeded",
        "a run fails or cannot begin; the reason is the class of the failure",
        "no run has ended yet",
    ),
    (
        MAINTAINED,
        "ours, sources",
        "retention, prune and check are up to date",
        "one of them failed, or is overdue; the backup itself was made",
        "",
    ),
    (
        VERIFIED,
        "ours, sources with `verification`",
        "the last verification found the backup to be whole",
        "it did not",
        "none has ended yet",
    ),
)
# The reason of an event that is about a failure.
_CLASS = "the class of the failure"
Row = tuple[str, ...]


def reasons() -> Iterator[Row]:
    """Return condition, status, reason and message of what is said in conditions by name."""
    for call in calls("say"):
        if len(call.arguments) == 4 and call.arguments[2] != UNKNOWN:
            yield call.arguments
    for status in ({}, {"restic": {"lastVerified": {"snapshot": UNKNOWN}}}):
        yield VERIFIED, *stands(status)


def troubles() -> Iterator[Row]:
    """Return reason, message and next step of what stops a run."""
    for call in calls("Trouble"):
        reason, message, step = (*call.arguments, "", "")[:3]
        if UNKNOWN not in (reason, message):
            yield reason, message, step


def events() -> Iterator[Row]:
    """Return type, reason, action and note of the events."""
    found = [(call.module.rpartition(".")[2], call) for call in calls("Event", "_event", "_told")]
    # In these two modules all events have the same, which is given where a function of theirs makes them.
    same = {module: call.arguments[2] for module, call in found if call.name == "Event"}
    for module, call in found:
        if call.name == "Event" and module not in ("told", "copy_trigger"):
            kind, reason, action, note = call.arguments[:4]
            yield kind, _CLASS if reason == UNKNOWN else reason, action, note
        elif call.name == "_event" and module == "told":
            kind, reason, note = call.arguments[:3]
            yield kind, f"VolSyncPopulator{reason}", same[module], note
        elif module == "copy_trigger" and call.arguments[1] and UNKNOWN not in call.arguments[1]:
            kind, reason, note = _of_copy_trigger(call)
            yield kind, reason, same[module], note


def _of_copy_trigger(call: Call) -> Row:
    if call.name == "Event":
        return call.arguments[0], call.arguments[1], call.arguments[3]
    return EventType.NORMAL, call.arguments[1], call.arguments[2]


def page() -> str:
    """Return the page."""
    return "".join(
        [
            _HEAD,
            table(("condition", "of", "True", "False", "Unknown"), ((code(row[0]), *row[1:]) for row in _CONDITIONS)),
            _AFTER,
            table(("condition", "status", "reason", "message"), _each(reasons(), quoted=(0, 2))),
            _TROUBLES,
            table(("reason", "message", "next step"), _each(troubles(), quoted=(0,))),
            _EVENTS,
            table(("type", "reason", "action", "note"), _each(events(), quoted=(1, 2))),
        ]
    )


def _each(rows: Iterable[Row], quoted: tuple[int, ...]) -> Iterator[Row]:
    """Return each row once, in the order of its names, some of its cells as code."""
    for row in sorted(dict.fromkeys(rows), key=lambda row: [row[place] for place in quoted]):
        yield tuple(code(cell) if place in quoted and cell != _CLASS else cell for place, cell in enumerate(row))


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
