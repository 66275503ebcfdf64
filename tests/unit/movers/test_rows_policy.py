"""What a backup keeps, prunes and unlocks, and what its Secret must hold (R2 to R4, U2, P1 to P4, V1 to V5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import container_of, env_of, secret, source
from tests.unit.movers.seen import NOW, created, decision_on
from volsync_py.core.times import format_rfc3339
from volsync_py.movers.restic.repository import check_secret

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("retain", "options"),
    [
        pytest.param({}, "--keep-last 1", id="R2"),
        pytest.param(
            {"hourly": 1, "daily": 2, "weekly": 3, "monthly": 4, "yearly": 5},
            " --keep-hourly 1 --keep-daily 2 --keep-weekly 3 --keep-monthly 4 --keep-yearly 5",
            id="R3",
        ),
        pytest.param({"within": "5m21d"}, " --keep-within 5m21d", id="R4"),
        pytest.param({"last": "unlimited"}, " --keep-last unlimited", id="a count without an end"),
        pytest.param({"hourly": 0, "daily": 1}, " --keep-hourly 0 --keep-daily 1", id="zero as given"),
        pytest.param({"hourly": 0, "withinDaily": "7d"}, " --keep-hourly 0", id="other rules keep something"),
    ],
)
def test_retention_is_exactly_what_was_asked_for(retain: dict[str, Any], options: str) -> None:
    assert env_of(source(retain=retain))["FORGET_OPTIONS"] == options


def test_an_unlock_that_is_not_set_is_not_due_whatever_was_unlocked_before_u2() -> None:
    objects = source()
    objects[0]["status"] = {"restic": {"lastUnlocked": "before"}}
    assert container_of(objects)["args"] == ["backup"]


@pytest.mark.parametrize(
    ("interval", "since_creation", "since_prune", "due"),
    [
        pytest.param(None, MINUTE, None, False, id="P1, too early"),
        pytest.param(None, 7 * DAY + MINUTE, None, True, id="P1"),
        pytest.param(None, 60 * DAY, 7 * DAY - MINUTE, False, id="P2, too early"),
        pytest.param(None, 60 * DAY, 7 * DAY + MINUTE, True, id="P2"),
        pytest.param(3, 3 * DAY - MINUTE, None, False, id="P3, too early"),
        pytest.param(3, 3 * DAY, None, False, id="P3, strictly after"),
        pytest.param(3, 3 * DAY + MINUTE, None, True, id="P3"),
        pytest.param(21, 60 * DAY, 21 * DAY - MINUTE, False, id="P4, too early"),
        pytest.param(21, 60 * DAY, 21 * DAY + MINUTE, True, id="P4"),
        pytest.param(0, MINUTE, None, True, id="zero: each time"),
        pytest.param(-1, MINUTE, None, True, id="less than zero: each time"),
    ],
)
def test_a_prune_is_due_strictly_after_its_interval(
    interval: int | None, since_creation: timedelta, since_prune: timedelta | None, due: bool
) -> None:
    objects = source(pruneIntervalDays=interval)
    objects[0]["metadata"]["creationTimestamp"] = format_rfc3339(NOW - since_creation)
    if since_prune is not None:
        objects[0]["status"] = {"restic": {"lastPruned": format_rfc3339(NOW - since_prune)}}
    job = created(decision_on(objects), "Job")
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args == (["backup", "prune"] if due else ["backup"])


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        pytest.param(["RESTIC_REPOSITORY", "RESTIC_PASSWORD"], None, id="V1"),
        pytest.param(["RESTIC_REPOSITORY"], "secret should have fields: [RESTIC_REPOSITORY RESTIC_PASSWORD]", id="V2"),
        pytest.param(["RESTIC_PASSWORD"], "secret should have fields: [RESTIC_REPOSITORY RESTIC_PASSWORD]", id="V3"),
        pytest.param(["RESTIC_REPOSITORY", "X"], "secret is missing field: RESTIC_PASSWORD", id="V2 and another"),
        pytest.param(["RESTIC_PASSWORD", "X"], "secret is missing field: RESTIC_REPOSITORY", id="V3 and another"),
        pytest.param(["RESTIC_REPOSITORY", "RESTIC_PASSWORD", "X"], None, id="V4"),
        pytest.param([], "secret should have fields: [RESTIC_REPOSITORY RESTIC_PASSWORD]", id="V5"),
    ],
)
def test_a_repository_secret_has_both_keys(keys: list[str], text: str | None) -> None:
    trouble = check_secret("r", {**secret(), "data": dict.fromkeys(keys, "YQ==")})
    assert (trouble is None) is (text is None)
    assert trouble is None or str(text) in trouble.message
