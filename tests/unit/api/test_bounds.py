"""Whoever writes a resource makes everybody's manager read it: each text and list has an end, which both sides know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hack.generate_crds import TARGET
from tests.unit.movers.objects import destination, env_of, source
from tests.unit.movers.seen import decision_on, status_of
from volsync_py.api.spec import parse
from volsync_py.contract.run_document import MOST_BYTES, Run
from volsync_py.core.labels import Annotation
from volsync_py.core.schedule import parse_schedule
from volsync_py.core.trigger import Trigger

DEFINITIONS = [
    yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(TARGET.glob("volsync.backube_*.yaml"))
]
LONG = "x" * 4097
MINUTES = ",".join(map(str, range(60)))


def endless(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Return the paths of what has no end; what a field that allows everything holds is not looked at."""
    kind = "string" if schema.get("x-kubernetes-int-or-string") else schema.get("type")
    end = {"string": "maxLength", "array": "maxItems"}.get(str(kind))
    if end is not None and end not in schema:
        yield path
    for name, inner in (schema.get("properties") or {}).items():
        yield from endless(inner, f"{path}.{name}")
    if "items" in schema:
        yield from endless(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        if "maxProperties" not in schema:
            yield path
        yield from endless(schema["additionalProperties"], f"{path}.*")


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d["spec"]["names"]["plural"])
def test_every_text_list_and_map_of_the_schema_has_an_end(definition: dict[str, Any]) -> None:
    properties = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert [p for part in ("spec", "status") for p in endless(properties[part], part)] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trigger.schedule", f"{MINUTES},{MINUTES} " + "0," * 400 + "0 * * *"),
        ("trigger.manual", LONG),
        ("trigger.startingDeadlineSeconds", 0),
        ("restic.unlock", LONG),
        ("restic.tags", ["t"] * 1001),
        ("restic.tags", [LONG]),
        ("restic.moverVolumes", [{}] * 1001),
        ("restic.moverTolerations", [{}] * 1001),
        ("restic.moverPodLabels", {str(n): "" for n in range(1001)}),
        ("restic.exclude.patterns", ["ä" * 100] * 200),
        ("restic.capacity", "1" * 5000),
        ("sourcePVC", LONG),
    ],
    ids=lambda one: one if isinstance(one, str) and len(one) < 60 else "",
)
def test_what_was_stored_before_its_field_had_an_end_is_named(field: str, value: Any) -> None:
    objects = source()
    *sections, name = field.split(".")
    inside = objects[0]["spec"]
    for section in sections:
        inside = inside.setdefault(section, {})
    inside[name] = value
    if name in ("schedule", "startingDeadlineSeconds"):
        inside |= {"manual": None, "schedule": "@daily"} | {name: value}
    (told,) = (c for c in status_of(decision_on(objects))["conditions"] if c["type"] == "Synchronizing")
    assert (told["status"], told["reason"]) == ("False", "Error")
    assert told["message"].startswith(f"spec.{field.removesuffix('.patterns')}")
    assert len(told["message"]) < 600


def test_a_schedule_is_read_once_and_not_in_each_pass() -> None:
    objects = source()
    objects[0]["spec"]["trigger"] = {"schedule": f"{MINUTES} 1,2,3 * * *"}
    first, second = (parse(objects[0], ZoneInfo("UTC")).trigger.schedule for _ in range(2))
    assert first is not None
    assert first is second


# No class and no escape, which not every text can hold.
LETTERS = st.characters(min_codepoint=32, codec="utf-8", exclude_characters="[\\")


@settings(max_examples=30)
@given(patterns=st.lists(st.text(LETTERS, min_size=1, max_size=40)))
def test_what_is_accepted_fits_into_the_movers_environment(patterns: list[str]) -> None:
    listed = [pattern for pattern in patterns if pattern.strip()] * 40
    objects = source(exclude={"patterns": listed[:1000]}, tags=["t" * 4096] * 10)
    said = {c["type"]: c for c in status_of(decision_on(objects))["conditions"]}["Synchronizing"]
    if said["reason"] == "Error":
        assert len(json.dumps(listed[:1000])) > 50_000
        return
    told = env_of(objects)["VOLSYNC_PY_RUN"].replace("$$", "$")
    assert len(told) < MOST_BYTES - 16 * 1024
    assert Run.from_json(told).backup.exclude_patterns == tuple(listed[:1000])


def test_a_run_now_that_is_too_long_is_served_once() -> None:
    objects = destination()
    objects[0]["metadata"]["annotations"] = {str(Annotation.RUN_NOW): LONG}
    assert parse(objects[0], ZoneInfo("UTC")).trigger.run_now == LONG[:-1]


@settings(max_examples=40)
@given(
    text=st.sampled_from(["* * * * *", "*/7 1-3 * * *", "@every 90s", "@every 1h3s", "0 0 29 2 *", "@hourly"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    start=st.integers(0, 400 * 86400),
    away=st.integers(0, 2 * 3600 * 10**6),
    deadline=st.integers(1, 7200),
    jitter=st.integers(0, 1800),
)
@example(text="* * * * *", zone="UTC", start=0, away=3610 * 10**6, deadline=10, jitter=0)
@example(text="@every 90s", zone="UTC", start=0, away=3610 * 10**6, deadline=10, jitter=0)
def test_slots_that_are_too_late_are_jumped_over_to_the_one_that_steps_would_come_to(
    text: str, zone: str, start: int, away: int, deadline: int, jitter: int
) -> None:
    last = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=start)
    now = last + timedelta(microseconds=away)
    trigger = Trigger(
        "u",
        last,
        schedule=parse_schedule(text, ZoneInfo(zone)),
        has_schedule=True,
        jitter=timedelta(seconds=jitter),
        starting_deadline=timedelta(seconds=deadline),
    )
    stepped = trigger.slot_after(last)
    while stepped is not None and stepped + timedelta(seconds=deadline) < now:
        stepped = trigger.slot_after(stepped)
    assert trigger.next_sync(last, now) == stepped


def test_a_jump_takes_as_few_steps_over_years_as_over_minutes() -> None:
    asked: list[datetime] = []

    class Counting(Trigger):
        def slot_after(self, instant: datetime) -> datetime | None:
            asked.append(instant)
            return super().slot_after(instant)

    now = datetime(2026, 1, 1, tzinfo=UTC)
    schedule = parse_schedule("* * * * *", UTC)
    wait = timedelta(seconds=10)
    trigger = Counting("u", now, schedule=schedule, has_schedule=True, starting_deadline=wait)
    assert trigger.next_sync(now - timedelta(days=3650), now) == now
    assert len(asked) == 2
