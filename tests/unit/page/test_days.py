"""The strip: what each of thirty days is shown as, which the record alone does not say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from volsync_py.core.last_days import MOST_DAYS
from volsync_py.health.state import State
from volsync_py.page.days import bad_days, letters_of, said, strip, worst_of

TODAY = date(2026, 11, 30)
DAILY = {"schedule": "0 2 * * *"}


# Yesterday is over in all zones.
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def shown(
    trigger: dict[str, Any],
    results: str,
    ago: int = 0,
    state: State = State.FINE,
    ahead: int = 0,
    now: datetime = NOW,
    **status: Any,
) -> str:
    until = (TODAY - timedelta(days=ago)).isoformat()
    status["lastDays"] = {"until": until, "results": results}
    letters = letters_of({"spec": {"trigger": trigger}, "status": status}, TODAY + timedelta(days=ahead), now, state)
    assert len(letters) == MOST_DAYS
    return letters.strip()


@pytest.mark.parametrize(
    ("trigger", "results", "ago", "state", "letters"),
    [
        (DAILY, "oo.o", 0, State.FINE, "oomo"),
        (DAILY, "oo", 1, State.FINE, "oo."),
        (DAILY, "oo", 1, State.OVERDUE, "oom"),
        (DAILY, "oo", 3, State.OVERDUE, "oommm"),
        (DAILY, "oo", 3, State.FAILING, "oomm."),
        (DAILY, "oo", 3, State.PAUSED, "oo..."),
        (DAILY, "o" * 30, 52, State.OVERDUE, "m" * 30),
        ({"schedule": "TZ=Europe/Berlin */5 * * * *"}, "o.o", 0, State.FINE, "omo"),
        ({"schedule": "@hourly"}, "o.o", 0, State.FINE, "omo"),
        ({}, "o.o", 0, State.FINE, "omo"),
        ({"schedule": "0 2 * * 0"}, "o......o", 0, State.FINE, "o......o"),
        ({"schedule": "@weekly"}, "o.o", 0, State.FINE, "o.o"),
        ({"schedule": "@every 49h"}, "o.o", 0, State.FINE, "o.o"),
        ({"schedule": "TZ=Europe/Berlin"}, "o.o", 0, State.FINE, "o.o"),
        ({"schedule": 7}, "o.o", 0, State.FINE, "o.o"),
        ({"manual": "a"}, "o.o", 0, State.FINE, "o.o"),
        ({"manual": "a", **DAILY}, "o.o", 0, State.FINE, "o.o"),
    ],
)
def test_a_day_without_a_run_is_missed_if_one_was_due(
    trigger: dict[str, Any], results: str, ago: int, state: State, letters: str
) -> None:
    assert shown(trigger, results, ago, state) == letters


def test_where_the_operator_has_tomorrow_already_today_is_over_for_nobody() -> None:
    assert shown(DAILY, "oo", -1, ahead=1) == "oo"
    assert shown(DAILY, "oo", 0, ahead=1) == "oo."
    assert shown(DAILY, "oo", 1, ahead=1) == "oo.."


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Auckland", "Etc/GMT+12"])
def test_a_day_is_missed_when_it_is_over_in_every_zone(zone: str) -> None:
    seen = ZoneInfo(zone)
    assert shown(DAILY, "oo", 2, now=NOW.astimezone(seen)).rstrip(".") == "oom"
    assert shown(DAILY, "oo", 2, now=(NOW - timedelta(minutes=1)).astimezone(seen)).rstrip(".") == "oo"


def test_a_run_that_goes_on_past_midnight_is_no_missed_day() -> None:
    late = {"schedule": "50 23 * * *"}
    assert shown(late, "oo", 2, lastSyncStartTime="2026-11-29T23:50:00Z") == "oo.."
    # It is the last of three that have begun late, or hang.
    assert shown(late, "oo", 4, lastSyncStartTime="2026-11-29T23:50:00Z") == "oomm.."
    assert shown(late, "oo", 4, State.OVERDUE, lastSyncStartTime="2026-11-29T23:50:00Z") == "oommmm"


@pytest.mark.parametrize(
    ("letters", "bad"), [("ommo", 0), ("ofco", 2), ("oomm.", 2), ("omfomm", 3), ("mm", 2), ("", 0), ("o..", 0)]
)
def test_what_lacks_a_run_before_the_last_one_may_be_of_a_pause(letters: str, bad: int) -> None:
    assert bad_days(letters.rjust(MOST_DAYS)) == bad


def test_without_a_record_nothing_is_said_to_be_missed() -> None:
    obj = {"spec": {"trigger": DAILY}, "status": {"lastSyncTime": "2026-10-01T00:00:00Z"}}
    assert letters_of(obj, TODAY, NOW, State.OVERDUE).strip() == ""
    assert said(letters_of(obj, TODAY, NOW, State.OVERDUE), TODAY) == "nothing on record yet"


def test_the_strip_says_in_words_what_it_shows() -> None:
    letters = "oooomoof".rjust(MOST_DAYS)
    assert said(letters, TODAY) == (
        "no run ended on a day of the schedule on 1 day, 27 Nov; failed, and tried again on 1 day, 30 Nov; "
        "ended well on 6 days"
    )
    assert f'aria-label="{said(letters, TODAY)}"' in strip(letters, TODAY)


def test_the_worst_of_several_stands_for_them() -> None:
    assert worst_of(["oorw.f ", "om.wmc "]) == "omrwmc "
