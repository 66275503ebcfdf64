"""Options that VolSync does not have: an odd value names its field."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from volsync_py.api.spec import Replication, parse
from volsync_py.movers.restic.repository_on_record import next_subset

META = {"name": "n", "namespace": "ns", "uid": "u", "creationTimestamp": "2026-11-24T12:00:00Z"}


def source(**restic: Any) -> Replication:
    spec = {"sourcePVC": "data", "restic": {"repository": "r", "copyMethod": "Direct", **restic}}
    return parse({"kind": "ReplicationSource", "metadata": META, "spec": spec}, ZoneInfo("UTC"))


def destination(**restic: Any) -> Replication:
    spec = {"restic": {"repository": "r", "copyMethod": "Direct", "destinationPVC": "p", **restic}}
    return parse({"kind": "ReplicationDestination", "metadata": META, "spec": spec}, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("restic", "path"),
    [
        ({"exclude": {"largerThan": "big"}}, "spec.restic.exclude.largerThan"),
        ({"exclude": {"patterns": [""]}}, "spec.restic.exclude.patterns"),
        ({"exclude": []}, "spec.restic.exclude"),
        ({"tags": ["a,b"]}, "spec.restic.tags"),
        ({"host": "-rf"}, "spec.restic.host"),
        ({"retain": {"withinDaily": "soon"}}, "spec.restic.retain.withinDaily"),
        ({"retain": {"withinDaily": "1w"}}, "spec.restic.retain.withinDaily"),
        ({"exclude": {"patterns": ["ok", "cache[0-9"]}}, "spec.restic.exclude.patterns"),
        ({"exclude": {"ifPresent": [":header"]}}, "spec.restic.exclude.ifPresent"),
        ({"exclude": {"largerThan": "9999999999G"}}, "spec.restic.exclude.largerThan"),
        ({"readConcurrency": 10**6}, "spec.restic.readConcurrency"),
        ({"prune": {"maxUnused": "100%"}}, "spec.restic.prune.maxUnused"),
        ({"prune": {"maxUnused": "99.99999999999999999999%"}}, "spec.restic.prune.maxUnused"),
        ({"prune": {"maxRepackSize": "9" * 30}}, "spec.restic.prune.maxRepackSize"),
        ({"check": {"readData": "0%"}}, "spec.restic.check.readData"),
        ({"check": {"readData": "0.0%"}}, "spec.restic.check.readData"),
        ({"check": {"readData": "100.5%"}}, "spec.restic.check.readData"),
        ({"check": {"readData": "1/257"}}, "spec.restic.check.readData"),
        ({"check": {"readData": "1/300"}}, "spec.restic.check.readData"),
        ({"check": {"readData": "0/7"}}, "spec.restic.check.readData"),
        ({"retain": {"keepTags": [" "]}}, "spec.restic.retain.keepTags"),
        ({"compression": "zip"}, "spec.restic.compression"),
        ({"packSize": 3}, "spec.restic.packSize"),
        ({"packSize": 129}, "spec.restic.packSize"),
        ({"readConcurrency": 0}, "spec.restic.readConcurrency"),
        ({"limits": {"uploadKiBps": -1}}, "spec.restic.limits.uploadKiBps"),
        ({"prune": {"maxUnused": "some"}}, "spec.restic.prune.maxUnused"),
        ({"prune": {"maxRepackSize": "5%"}}, "spec.restic.prune.maxRepackSize"),
        ({"check": {"intervalDays": 0}}, "spec.restic.check.intervalDays"),
        ({"check": {"readData": "8/7"}}, "spec.restic.check.readData"),
        ({"check": {"readData": "101%"}}, "spec.restic.check.readData"),
        ({"emptySource": "Maybe"}, "spec.restic.emptySource"),
        ({"moverTolerations": "all"}, "spec.restic.moverTolerations"),
    ],
)
def test_an_odd_value_of_a_source_names_its_field(restic: dict[str, Any], path: str) -> None:
    assert [p.path for p in source(**restic).problems] == [path]


@pytest.mark.parametrize(
    ("restic", "path"),
    [
        ({"snapshot": "latest"}, "spec.restic.snapshot"),
        ({"snapshot": "abcd1234", "previous": 1}, "spec.restic.previous"),
        ({"snapshot": "abcd1234", "restoreAsOf": "2026-11-24T12:00:00Z"}, "spec.restic.restoreAsOf"),
        ({"subPath": "a/../../b"}, "spec.restic.subPath"),
        ({"include": [""]}, "spec.restic.include"),
        ({"include": ["a/[b"]}, "spec.restic.include"),
        ({"exclude": ["b\\"]}, "spec.restic.exclude"),
        ({"include": ["a"], "exclude": ["b"]}, "spec.restic.exclude"),
        ({"onMissingSnapshot": "Cry"}, "spec.restic.onMissingSnapshot"),
        ({"verify": "yes"}, "spec.restic.verify"),
    ],
)
def test_an_odd_value_of_a_destination_names_its_field(restic: dict[str, Any], path: str) -> None:
    assert [p.path for p in destination(**restic).problems] == [path]


def test_what_is_not_set_is_as_volsync_has_it() -> None:
    run, restore = source().restic.run, destination().restic.run.restore
    assert (run.host, run.backup.empty_source) == ("volsync", "Skip")
    assert (restore.host, restore.tags) == ("volsync", ())


def test_an_invalid_pattern_is_named_with_its_field() -> None:
    (problem,) = source(exclude={"patterns": ["cache[0-9"]}).problems
    assert problem.text.startswith("spec.restic.exclude.patterns: 'cache[0-9' is no pattern of restic's – ")


def test_the_hint_for_a_duration_is_one_that_is_taken() -> None:
    (problem,) = source(retain={"within": "1w"}).problems
    written = problem.next_step.removeprefix("write it like ").partition(";")[0]
    assert source(retain={"within": written}).problems == ()


@pytest.mark.parametrize(
    ("read_data", "last", "expected"),
    [
        ("1/3", "", "1/3"),
        ("1/3", "1/3", "2/3"),
        ("1/3", "3/3", "1/3"),
        ("1/3", "2/7", "1/3"),
        ("2/3", "5%", "2/3"),
        ("5%", "1/3", "5%"),
        ("", "1/3", ""),
    ],
)
def test_parts_of_the_packs_go_round(read_data: str, last: str, expected: str) -> None:
    assert next_subset(read_data, last) == expected
