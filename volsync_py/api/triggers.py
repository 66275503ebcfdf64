"""`spec.trigger` as the manager reads it: one `Trigger`, and what is wrong with its fields."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from volsync_py.api.fields import Fields
from volsync_py.core.actions import Object
from volsync_py.core.durations import parse_go_duration
from volsync_py.core.labels import Annotation
from volsync_py.core.schedule import Schedule, ScheduleError, parse_schedule, parse_zone
from volsync_py.core.times import parse_rfc3339
from volsync_py.core.trigger import Trigger


def trigger_of(obj: Object, spec: Fields, default_zone: tzinfo) -> Trigger:
    """Return when a resource synchronizes; problems are noted in `spec`."""
    fields = spec.section("trigger")
    meta = obj["metadata"]
    manual, text, zone = fields.text("manual"), fields.text("schedule"), fields.text("timeZone")
    schedule = (
        _schedule(fields, text, zone, default=_zone(fields, zone) or default_zone) if text and not manual else None
    )
    deadline = fields.number("startingDeadlineSeconds")
    annotations = meta.get("annotations") or {}
    return Trigger(
        uid=str(meta.get("uid") or ""),
        created=parse_rfc3339(meta["creationTimestamp"]),
        manual=manual,
        schedule=schedule,
        has_schedule=bool(text),
        jitter=_duration(fields, "jitter"),
        starting_deadline=None if deadline is None else timedelta(seconds=deadline),
        run_on_create=fields.flag("runOnCreate", default=True),
        run_now=str(annotations.get(Annotation.RUN_NOW) or ""),
    )


def _zone(fields: Fields, zone: str) -> tzinfo | None:
    """Return the zone that `timeZone` names, or None."""
    if not zone:
        return None
    try:
        return parse_zone(zone)
    except ScheduleError as error:
        fields.problem("timeZone", str(error), "give an IANA name such as Europe/Berlin")
        return None


def _schedule(fields: Fields, text: str, zone: str, *, default: tzinfo) -> Schedule | None:
    if zone and text.startswith(("TZ=", "CRON_TZ=")):
        fields.problem("timeZone", "the schedule names a time zone too", "remove one of them")
        return None
    try:
        schedule = parse_schedule(text, default)
    except ScheduleError as error:
        fields.problem("schedule", str(error), "give five fields such as '*/30 * * * *', or @daily")
        return None
    if schedule.next_after(parse_rfc3339("2024-01-01T00:00:00Z")) is None:
        fields.problem("schedule", f"{text!r} never matches a day", "correct the day or the month")
        return None
    return schedule


def _duration(fields: Fields, name: str) -> timedelta:
    text = fields.text(name)
    if not text:
        return timedelta(0)
    try:
        value = parse_go_duration(text)
    except ValueError as error:
        fields.problem(name, str(error), "give a duration such as 10m")
        return timedelta(0)
    if value < timedelta(0):
        fields.problem(name, f"{text!r} is negative", "give a duration such as 10m")
        return timedelta(0)
    return value
