"""`spec.trigger` as the manager reads it: one `Trigger`, and what is wrong with its fields."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from functools import lru_cache

from volsync_py.api.fields import LONGEST_QUOTE, LONGEST_TEXT, Fields
from volsync_py.core.cronspec import LONGEST_SCHEDULE
from volsync_py.core.durations import parse_go_duration
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object
from volsync_py.core.schedule import Schedule, ScheduleError, parse_schedule, parse_zone
from volsync_py.core.times import parse_rfc3339
from volsync_py.core.trigger import Trigger

# More different schedules than a large cluster has; each takes a few kilobytes.
_MOST_SCHEDULES = 4096


def trigger_of(obj: Object, spec: Fields, default_zone: tzinfo) -> Trigger:
    """Return when a resource synchronizes; problems are noted in `spec`."""
    fields = spec.section("trigger")
    meta = obj["metadata"]
    manual, zone = fields.text("manual"), fields.text("timeZone")
    text = fields.text("schedule", most=LONGEST_SCHEDULE)
    schedule = (
        _schedule(fields, text, zone, default=_zone(fields, zone) or default_zone) if text and not manual else None
    )
    # With zero no run would ever begin: the reconcile that begins it always comes a moment after its slot.
    deadline = fields.number("startingDeadlineSeconds", least=1)
    annotations = meta.get("annotations") or {}
    return Trigger(
        uid=str(meta.get("uid") or ""),
        created=parse_rfc3339(meta["creationTimestamp"]),
        manual=manual,
        schedule=schedule,
        has_schedule=bool(fields.data.get("schedule")),
        jitter=_duration(fields, "jitter"),
        starting_deadline=None if deadline is None else timedelta(seconds=deadline),
        run_on_create=fields.flag("runOnCreate", default=True),
        run_now=str(annotations.get(Annotation.RUN_NOW) or "")[:LONGEST_TEXT],
    )


def schedule_in(fields: Fields, trigger: Fields, default_zone: tzinfo) -> Schedule | None:
    """Return the `schedule` of another section, in the zone of the trigger's; None if there is none to be used."""
    text = fields.text("schedule", most=LONGEST_SCHEDULE)
    zone = _zone(trigger, trigger.text("timeZone")) or default_zone
    return _schedule(fields, text, "", default=zone) if text else None


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
    found = _usable(text, default)
    if isinstance(found, Schedule):
        return found
    fields.problem("schedule", *found)
    return None


@lru_cache(maxsize=_MOST_SCHEDULES)
def _usable(text: str, default: tzinfo) -> Schedule | tuple[str, str]:
    """Return the schedule, or what is wrong with it and what to do; each is read once, not in each pass."""
    try:
        schedule = parse_schedule(text, default)
    except ScheduleError as error:
        return str(error)[:LONGEST_QUOTE], "give five fields such as '*/30 * * * *', or @daily"
    if schedule.next_after(parse_rfc3339("2024-01-01T00:00:00Z")) is None:
        return f"{text[:LONGEST_QUOTE]!r} never matches a day", "correct the day or the month"
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
