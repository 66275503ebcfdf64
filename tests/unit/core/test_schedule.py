"""Schedules answer as the Go library does; the golden file holds its answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volsync_py.core.schedule import ScheduleError, parse_schedule, parse_zone

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "cron_golden_robfig_v3.0.1.json").read_text(encoding="utf-8"))


# Where clocks move by half an hour, the Go library loses the day after the change. A backup that is lost
# with it is no compatibility that anybody wants: ours runs each day.
DAYS_THAT_GO_LOSES = {"0 0 * * *", "0 12 * * *", "@daily"}


def loses_a_day(case: dict[str, Any]) -> bool:
    zoned = "Lord_Howe" in case["TZ"] + case["Spec"]
    return zoned and case["Spec"].removeprefix("CRON_TZ=Australia/Lord_Howe ") in DAYS_THAT_GO_LOSES


@pytest.mark.parametrize(
    "case", [c for c in GOLDEN if not loses_a_day(c)], ids=lambda c: f"{c['TZ']} {c['Spec']} {c['Start']}"
)
def test_the_next_instants_are_those_of_the_go_library(case: dict[str, Any]) -> None:
    zone = parse_zone(case["TZ"]) if case["TZ"] else UTC
    if "err" in case or "panic" in case:
        with pytest.raises(ScheduleError):
            parse_schedule(case["Spec"], zone)
        return
    schedule = parse_schedule(case["Spec"], zone)
    instant: datetime | None = datetime.fromisoformat(case["Start"])
    answers = []
    for _ in case["next"] or []:
        assert instant is not None
        instant = schedule.next_after(instant)
        answers.append(None if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%SZ"))
        if instant is None:
            break
    expected = [t or None for t in case["next"] or []]
    assert answers == expected[: len(answers)]
    assert len(answers) == len(expected) or answers[-1] is None


@pytest.mark.parametrize("case", [c for c in GOLDEN if loses_a_day(c)], ids=lambda c: f"{c['TZ']} {c['Spec']}")
def test_a_change_by_half_an_hour_loses_no_day(case: dict[str, Any]) -> None:
    zone = parse_zone("Australia/Lord_Howe")
    schedule = parse_schedule(case["Spec"], zone)
    instant = datetime.fromisoformat(case["Start"])
    days = []
    for _ in range(5):
        found = schedule.next_after(instant)
        assert found is not None
        instant = found
        days.append(instant.astimezone(zone).toordinal())
    assert days == list(range(days[0], days[0] + 5))


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", ", 0 * * *"])
def test_a_schedule_that_never_matches_has_no_next_instant(text: str) -> None:
    assert parse_schedule(text, UTC).next_after(datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("text", ["", "CRON_TZ=UTC", "TZ=Nowhere/Land * * * * *", "* * * *", "61 * * * *"])
def test_an_unusable_schedule_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"\w+ \w+"):
        parse_schedule(text, UTC)


@settings(max_examples=60)
@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    st.sampled_from(["30 2 * * *", "0 0 * * *", "*/17 1-3 * * *", "15,45 * * * 0"]),
    st.integers(0, 15 * 365 * 86400).map(lambda s: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
)
def test_the_next_instant_is_later_and_shows_an_allowed_time(zone: str, text: str, start: datetime) -> None:
    schedule = parse_schedule(text, parse_zone(zone))
    found = schedule.next_after(start)
    assert found is not None
    assert found > start
    minute, hour, *_ = text.split()
    local = found.astimezone(schedule.zone)
    assert hour in ("*", "1-3") or local.hour == int(hour)
    assert not minute.isdigit() or local.minute == int(minute)
