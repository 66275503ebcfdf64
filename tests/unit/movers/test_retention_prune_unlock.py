"""What a backup keeps, prunes and unlocks, and what its Secret must hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import container_of, env_of, secret, source
from tests.unit.movers.seen import NOW, created, decision_on
from volsync_py.core.times import format_rfc3339
from volsync_py.movers.restic.repository import check_secret

BOTH_KEYS = "secret should have fields: [RESTIC_REPOSITORY RESTIC_PASSWORD]"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("retain", "options"),
    [
        pytest.param({}, "--keep-last 1", id="nothing asked for"),
        pytest.param(
            {"hourly": 1, "daily": 2, "weekly": 3, "monthly": 4, "yearly": 5},
            " --keep-hourly 1 --keep-daily 2 --keep-weekly 3 --keep-monthly 4 --keep-yearly 5",
            id="the five counts",
        ),
        pytest.param({"within": "5m21d"}, " --keep-within 5m21d", id="a time alone"),
        pytest.param({"last": "unlimited"}, " --keep-last unlimited", id="a count without an end"),
        pytest.param({"hourly": 0, "daily": 1}, " --keep-hourly 0 --keep-daily 1", id="zero as given"),
        pytest.param({"hourly": 0, "withinDaily": "7d"}, " --keep-hourly 0", id="other rules keep something"),
    ],
)
def test_retention_is_exactly_what_was_asked_for(retain: dict[str, Any], options: str) -> None:
    assert env_of(source(retain=retain))["FORGET_OPTIONS"] == options


def test_an_unlock_that_is_not_set_is_not_due_whatever_was_unlocked_before() -> None:
    objects = source()
    objects[0]["status"] = {"restic": {"lastUnlocked": "before"}}
    assert container_of(objects)["args"] == ["backup"]


@pytest.mark.parametrize(
    ("interval", "since_creation", "since_prune", "due"),
    [
        pytest.param(None, MINUTE, None, False, id="a week after creation, too early"),
        pytest.param(None, 7 * DAY + MINUTE, None, True, id="a week after creation"),
        pytest.param(None, 60 * DAY, 7 * DAY - MINUTE, False, id="a week after the last prune, too early"),
        pytest.param(None, 60 * DAY, 7 * DAY + MINUTE, True, id="a week after the last prune"),
        pytest.param(3, 3 * DAY - MINUTE, None, False, id="three days after creation, too early"),
        pytest.param(3, 3 * DAY, None, False, id="three days after creation, strictly after"),
        pytest.param(3, 3 * DAY + MINUTE, None, True, id="three days after creation"),
        pytest.param(21, 60 * DAY, 21 * DAY - MINUTE, False, id="three weeks after the last prune, too early"),
        pytest.param(21, 60 * DAY, 21 * DAY + MINUTE, True, id="three weeks after the last prune"),
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
        pytest.param(["RESTIC_REPOSITORY", "RESTIC_PASSWORD"], None, id="both"),
        pytest.param(["RESTIC_REPOSITORY"], BOTH_KEYS, id="no password"),
        pytest.param(["RESTIC_PASSWORD"], BOTH_KEYS, id="no repository"),
        pytest.param(
            ["RESTIC_REPOSITORY", "X"], "secret is missing field: RESTIC_PASSWORD", id="no password, but another"
        ),
        pytest.param(
            ["RESTIC_PASSWORD", "X"], "secret is missing field: RESTIC_REPOSITORY", id="another, no repository"
        ),
        pytest.param(["RESTIC_REPOSITORY", "RESTIC_PASSWORD", "X"], None, id="both and another"),
        pytest.param([], BOTH_KEYS, id="empty"),
    ],
)
def test_a_repository_secret_has_both_keys(keys: list[str], text: str | None) -> None:
    trouble = check_secret("r", {**secret(), "data": dict.fromkeys(keys, "YQ==")})
    assert (trouble is None) is (text is None)
    assert trouble is None or str(text) in trouble.message
