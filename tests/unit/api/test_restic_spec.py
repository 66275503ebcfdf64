"""`spec.restic`: what is accepted as VolSync accepts it, and what is refused because nothing could come of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.api.test_options import META, destination, source
from volsync_py.api.spec import Replication, parse
from volsync_py.core.selection import parse_instant

CLAIM = {"persistentVolumeClaim": {"claimName": "c"}}


def paths(**restic: Any) -> list[str]:
    return [p.path for p in source(**restic).problems]


@pytest.mark.parametrize("path", ["repo", "/repo", "//repo", "a//b", "a/b-c", "1", "a" * 61])
def test_a_mount_path_that_the_api_server_takes_is_taken(path: str) -> None:
    assert paths(moverVolumes=[{"mountPath": path, "volumeSource": CLAIM}]) == []


@pytest.mark.parametrize("path", [None, "", "/", "repo/", "Repo", "a.b", "..", "a:b", "a" * 62, "/" + "a" * 61, 7])
def test_a_mount_path_that_the_api_server_refuses_is_refused_before(path: Any) -> None:
    assert paths(moverVolumes=[{"mountPath": path, "volumeSource": CLAIM}]) == ["spec.restic.moverVolumes"]


@pytest.mark.parametrize(
    ("others", "problems"), [(["a/b", "a-b"], 1), (["repo", "/repo"], 0), (["a", "b"], 0), (["a", "a"], 1)]
)
def test_two_volumes_of_one_name_are_refused(others: list[str], problems: int) -> None:
    assert len(paths(moverVolumes=[{"mountPath": path, "volumeSource": CLAIM} for path in others])) == problems


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        (CLAIM, 0),
        ({**CLAIM, "secret": None}, 0),
        ({**CLAIM, "secret": {"secretName": "s"}}, 1),
        ({}, 1),
        (None, 1),
        ({"secret": None}, 1),
        ({"nfs": "server"}, 1),
    ],
)
def test_a_mover_volume_has_exactly_one_source(given: Any, problems: int) -> None:
    assert len(paths(moverVolumes=[{"mountPath": "a", "volumeSource": given}])) == problems


@pytest.mark.parametrize(
    "retain",
    [
        {},
        {"hourly": 0, "daily": 1},
        {"hourly": 0, "withinDaily": "7d"},
        {"keepTags": ["keep"]},
        {"hourly": 0, "within": "3d"},
        {"within": "1d0h"},
        {"withinDaily": "0d"},
        {"last": "unlimited"},
        {"last": "0", "yearly": 1},
    ],
)
def test_a_retention_that_keeps_something_is_taken(retain: dict[str, Any]) -> None:
    assert paths(retain=retain) == []


@pytest.mark.parametrize(
    ("retain", "path"),
    [
        ({"hourly": 0}, "spec.restic.retain"),
        ({"hourly": 0, "last": "0"}, "spec.restic.retain"),
        ({"hourly": 0, "keepTags": []}, "spec.restic.retain"),
        ({"hourly": -1}, "spec.restic.retain.hourly"),
        ({"last": "1 --prune"}, "spec.restic.retain.last"),
        ({"last": "-1"}, "spec.restic.retain.last"),
        ({"last": "Unlimited"}, "spec.restic.retain.last"),
        ({"within": "soon"}, "spec.restic.retain.within"),
        ({"within": "7d --prune"}, "spec.restic.retain.within"),
        ({"within": "1w"}, "spec.restic.retain.within"),
        ({"within": "5m3w1d"}, "spec.restic.retain.within"),
        ({"within": "9" * 7 + "h"}, "spec.restic.retain.within"),
        ({"within": "-1d"}, "spec.restic.retain.within"),
        ({"within": "d"}, "spec.restic.retain.within"),
        ({"within": "1"}, "spec.restic.retain.within"),
        ({"within": "0y"}, "spec.restic.retain"),
        ({"within": "1d0d"}, "spec.restic.retain"),
        ({"hourly": 0, "withinDaily": "0d"}, "spec.restic.retain"),
        ({"hourly": 0, "keepTags": ["keep"]}, "spec.restic.retain"),
        ({"last": "9" * 20}, "spec.restic.retain.last"),
        ({"last": "9" * 5000}, "spec.restic.retain.last"),
    ],
)
def test_a_retention_that_restic_would_refuse_after_the_backup_is_refused_before(
    retain: dict[str, Any], path: str
) -> None:
    assert path in paths(retain=retain)


def test_a_retention_by_tags_alone_needs_backups_that_get_one_of_them() -> None:
    assert paths(retain={"hourly": 0, "keepTags": ["keep"]}, tags=[" keep "]) == []


@pytest.mark.parametrize(
    "text", ["2026-11-24T12:00:00Z", "2026-11-24t12:00:00z", "2026-11-24t13:00:00.5+01:00", "2026-11-24T12:00:00-00:00"]
)
def test_a_time_is_read_in_each_form_of_rfc_3339(text: str) -> None:
    assert destination(restoreAsOf=text).problems == ()
    assert parse_instant(text).replace(microsecond=0) == datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("restic", "path"),
    [
        ({"previous": -1}, "spec.restic.previous"),
        ({"restoreAsOf": "2026-11-24 12:00:00"}, "spec.restic.restoreAsOf"),
        ({"restoreAsOf": "yesterday"}, "spec.restic.restoreAsOf"),
        ({"copyMethod": "Clone"}, "spec.restic.copyMethod"),
        ({"copyMethod": None}, "spec.restic.copyMethod"),
        ({"cacheAccessModes": []}, "spec.restic.cacheAccessModes"),
    ],
)
def test_a_restore_that_could_not_end_well_is_refused_before_it_begins(restic: dict[str, Any], path: str) -> None:
    assert [p.path for p in destination(**restic).problems] == [path]


def verified(verification: Any, **trigger: Any) -> Replication:
    restic = {"repository": "r", "copyMethod": "Direct", "verification": verification}
    spec = {"sourcePVC": "data", "trigger": trigger or {"manual": "m"}, "restic": restic}
    return parse({"kind": "ReplicationSource", "metadata": META, "spec": spec}, ZoneInfo("UTC"))


def test_a_schedule_of_verifications_needs_a_pause_between_backups() -> None:
    endless = source(verification={"schedule": "@weekly"})
    (problem,) = endless.verification.problems
    assert endless.problems == ()
    assert (problem.path, "spec.trigger.schedule" in problem.next_step) == ("spec.restic.verification.schedule", True)
    slots = verified({"schedule": "0 3 * * *"}, schedule="0 1 * * *", timeZone="Asia/Tokyo").verification.slots
    assert slots is not None
    assert slots.slot_after(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 1, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("verification", "problem"),
    [
        ({}, ""),
        ({"schedule": "@weekly", "keep": "OnFailure", "command": ["sh", "-c", "true"]}, ""),
        ({"schedule": "CRON_TZ=Asia/Tokyo 0 3 * * *"}, ""),
        ({"schedule": "every day"}, "schedule"),
        ({"schedule": "0 0 31 2 *"}, "schedule"),
        ({"keep": "Always"}, "keep"),
        ({"command": "true"}, "command"),
        ({"command": [" ", "x"]}, "command"),
        ({"command": ["a\0b"]}, "command"),
        ({"command": ["a"] * 65}, "command"),
        ({"command": ["a" * 4000] * 5}, "command"),
        ([], "verification"),
    ],
)
def test_a_verification_that_would_come_to_nothing_is_refused_and_nothing_else(verification: Any, problem: str) -> None:
    parsed = verified(verification)
    assert parsed.problems == ()
    found = [p.path for p in parsed.verification.problems]
    prefix = "spec.restic" if problem == "verification" else "spec.restic.verification"
    assert found == ([f"{prefix}.{problem}"] if problem else [])


def test_a_zone_that_only_the_verification_uses_is_its_problem_and_none_of_the_backups() -> None:
    parsed = verified({"schedule": "0 3 * * *"}, manual="m", timeZone="Nowhere/Near")
    assert parsed.problems == ()
    assert [p.path for p in parsed.verification.problems] == ["spec.trigger.timeZone"]
