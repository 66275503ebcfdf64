"""Each alert fires on its fault and clears, and a normal night is silent: promtool is asked of what a manager shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve
from click.testing import CliRunner

from hack import generate_metrics_page
from hack.generate_metrics_page import names
from tests.unit.manifests.helm_chart import EVERYTHING, one, rendered
from tests.unit.manifests.promtool import RULES, RULES_FOR_VOLSYNC, Scrape, alerts_by_name, commands, firing
from volsync_py.api.spec import parse
from volsync_py.commands.overview.explain import explain
from volsync_py.controllers.resource_metrics import REASONS, ResourceMetrics
from volsync_py.core.result import Decision
from volsync_py.core.stored_times import time_in
from volsync_py.movers.restic.outcome import CLASSES
from volsync_py.telemetry.metrics import Metrics
from volsync_py.telemetry.object_text import ObjectKey

# When minute 0 is, by the clock of the managers.
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
DAY = 24 * 60
RUNBOOKS = RULES.parents[2] / "docs" / "alerts.md"
HASH = "0123456789abcdef"
DOCUMENTS = yaml.safe_load(RULES.read_text(encoding="utf-8"))
PROVED_WEEKLY = {"restic": {"repository": "r", "verification": {"schedule": "0 3 * * 0"}}}
ALERTS = [rule for group in DOCUMENTS["groups"] for rule in group["rules"]]


def at(minute: float) -> str:
    return f"{NOW + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"


def source(
    name: str = "data", *, last: float | None = -30, verified: float | None = None, spec: Any = None, **status: Any
) -> dict[str, Any]:
    """Return an hourly source; `last` is the minute of its last success, `verified` that of its last proof."""
    proof = {} if verified is None else {"lastVerified": {"time": at(verified)}}
    if last is not None:
        status["lastSyncTime"] = at(last)
    snapshot = {"bytesProcessed": 5_000, "bytesAdded": 700}
    size = {"bytes": 9_000, "time": at(-40)}
    return {
        "kind": "ReplicationSource",
        "metadata": {
            "name": name,
            "namespace": "app",
            "uid": name,
            "creationTimestamp": at(-45),
            "resourceVersion": "1",
        },
        "spec": {"trigger": {"schedule": "0 * * * *"}, "sourcePVC": "d", "restic": {"repository": "r"}, **(spec or {})},
        "status": {
            "restic": {"repositoryHash": HASH, "repositorySize": size, "lastSnapshot": snapshot, **proof},
            **status,
        },
    }


def destination(last: float | None = None) -> dict[str, Any]:
    """Return a destination that restores once, and has done so at the minute `last`."""
    one = source(last=last)
    one["kind"] = "ReplicationDestination"
    one["spec"] = {"trigger": {"manual": "restore-once"}, "restic": {"repository": "r", "destinationPVC": "d"}}
    if last is not None:
        one["status"]["lastManualSync"] = "restore-once"
    return one


def never_proved(since: float) -> dict[str, Any]:
    """Return a source whose schedule of proofs is there since a minute, and that none has proved."""
    one = source(last=2 * DAY, spec=PROVED_WEEKLY)
    one["status"]["restic"]["verification"] = {"since": at(since)}
    return one


def failing(reason: str, since: float = 0, kind: str = "Healthy") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "False", "reason": reason, "lastTransitionTime": at(since)}]}


def shown(
    *resources: dict[str, Any],
    minute: float = 0,
    leads: bool = True,
    waiting: int = 0,
    passes: int = 0,
    runs: int = 0,
) -> str:
    """Return what a manager shows of resources that it passes over at a minute."""
    metrics = Metrics()
    metrics.set_leader(leads)
    metrics.watch_movers(lambda: 1, lambda: waiting, 5)
    metrics.observe_request("get", "secrets", "200", 0.01)
    metrics.count_watch_restart("jobs", "410")
    metrics.observe_queue_wait("source", 0.5)
    metrics.watch_queue_depth("source", lambda: waiting)
    for _ in range(passes):
        metrics.observe_reconcile("source", "success", 0.1)
    tally = ResourceMetrics(metrics.objects, lambda: NOW)
    for resource in resources:
        one = parse(resource, UTC)
        tally.decided(one, Decision(out_of_sync=is_behind(resource, minute)), resource)
        key = ObjectKey(resource["metadata"]["name"], "app", one.role.value)
        metrics.objects.set_gauge(key, "mover_wait_seconds", 3)
        for _ in range(runs):
            metrics.objects.observe_sync(key, 42)
            metrics.objects.count_result(key, "Unreachable")
    return metrics.expose().decode()


def is_behind(resource: dict[str, Any], minute: float) -> bool:
    """Return what a decision at a minute says of it."""
    last = time_in(resource["status"], "lastSyncTime")
    return last is None or parse(resource, UTC).trigger.missed_deadline(last, NOW + timedelta(minutes=minute))


def passed_over(told: list[tuple[int, dict[str, Any]]], until: int) -> dict[str, list[Scrape]]:
    """Return what a manager shows that passes over a resource each time when what it shows of it changes."""
    scrapes: list[tuple[int, str]] = []
    for number, (begin, resource) in enumerate(told):
        end = told[number + 1][0] if number + 1 < len(told) else until + 1
        before = None
        for minute in range(begin, end):
            behind = is_behind(resource, minute)
            if behind is not before:
                scrapes.append((minute, shown(resource, minute=minute)))
            before = behind
    return manager(*scrapes)


def manager(*told: tuple[int, str]) -> dict[str, list[Scrape]]:
    return {"one": [Scrape(minute, text, NOW.timestamp()) for minute, text in told]}


FINE = source(last=2 * DAY)
FAULTS: list[tuple[str, str, dict[str, Any], int, dict[str, int]]] = [
    # name, alert, the resource, when it fires at the latest, what fires then
    ("overdue", "VolSyncOverdue", source(last=-25), 110, {"VolSyncOverdue": 1}),
    ("never", "VolSyncNeverSucceeded", source(last=None), 160, {"VolSyncNeverSucceeded": 1}),
    ("password", "VolSyncFailing", source(last=2 * DAY, **failing("WrongPassword")), 32, {"VolSyncFailing": 1}),
    ("day", "VolSyncFailing", source(last=2 * DAY, **failing("WrongPassword", -DAY)), 5, {"VolSyncFailing": 2}),
    (
        "upkeep",
        "VolSyncUpkeepFailing",
        source(last=2 * DAY, **failing("Unknown", -DAY, "Maintained")),
        5,
        {"VolSyncUpkeepFailing": 1},
    ),
    (
        "proof",
        "VolSyncVerificationFailed",
        source(last=2 * DAY, **failing("RepositoryDamaged", kind="Verified")),
        7,
        {"VolSyncVerificationFailed": 1, "VolSyncRepositoryDamaged": 1},
    ),
    (
        "a proof met an outage",
        "VolSyncVerificationFailed",
        source(last=2 * DAY, **failing("Unreachable", kind="Verified")),
        60,
        {"VolSyncVerificationFailed": 1},
    ),
    ("unverified", "VolSyncUnverified", source(last=2 * DAY, verified=-41 * DAY), 62, {"VolSyncUnverified": 1}),
    ("never proved", "VolSyncUnverified", never_proved(-41 * DAY), 62, {"VolSyncUnverified": 1}),
    ("cache", "VolSyncCacheFull", source(last=2 * DAY, **failing("CacheFull")), 1, {"VolSyncCacheFull": 1}),
    ("lock", "VolSyncStaleLock", source(last=2 * DAY, **failing("RepositoryLocked")), 62, {"VolSyncStaleLock": 1}),
    (
        "damaged",
        "VolSyncRepositoryDamaged",
        source(last=2 * DAY, **failing("RepositoryDamaged")),
        1,
        {"VolSyncRepositoryDamaged": 1},
    ),
    (
        "unreachable",
        "VolSyncRepositoryUnreachable",
        source(last=2 * DAY, **failing("Unreachable")),
        17,
        {"VolSyncRepositoryUnreachable": 1},
    ),
    (
        "definitions",
        "VolSyncDefinitionsOutdated",
        source(last=2 * DAY, **failing("DefinitionsOutdated")),
        7,
        {"VolSyncDefinitionsOutdated": 1},
    ),
]


@pytest.mark.parametrize(("resource", "minute", "expected"), [f[2:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_of_a_resource_fires_its_alert_and_no_other(
    resource: dict[str, Any], minute: int, expected: dict[str, int], tmp_path: Path
) -> None:
    assert firing(manager((0, shown(resource))), minute, tmp_path) == expected
    ended = manager((0, shown(resource)), (minute, shown(FINE)))
    assert firing(ended, minute + 1, tmp_path) == {}


def test_a_repository_that_cannot_be_reached_is_one_alert_whoever_shares_it(tmp_path: Path) -> None:
    many = [source(f"data-{n}", last=-30, **failing("Unreachable")) for n in range(50)]
    # So long that all of them are overdue, too.
    assert firing(manager((0, shown(*many))), 300, tmp_path) == {"VolSyncRepositoryUnreachable": 1}


EACH_REASON = [*sorted(REASONS), "Other"]


def of_each_reason() -> list[dict[str, Any]]:
    """Return a source for each reason that each condition may have, for two days."""
    return [
        source(f"{kind}-{reason}", last=2 * DAY, **failing(reason, -2 * DAY, kind))
        for kind in ("Healthy", "Maintained", "Verified")
        for reason in EACH_REASON
    ]


def test_each_reason_of_a_condition_fires_the_alert_that_it_has(tmp_path: Path) -> None:
    own = {
        "Unreachable": "VolSyncRepositoryUnreachable",
        "RepositoryDamaged": "VolSyncRepositoryDamaged",
        "RepositoryLocked": "VolSyncStaleLock",
        "DefinitionsOutdated": "VolSyncDefinitionsOutdated",
        "CacheFull": "VolSyncCacheFull",
    }
    # What is about a repository names no source: one of each such alert.
    expected = {(alert, "") for reason, alert in own.items() if reason != "CacheFull"}
    expected |= {("VolSyncCacheFull", f"{kind}-CacheFull") for kind in ("Healthy", "Maintained", "Verified")}
    expected |= {("VolSyncFailing", f"Healthy-{reason}") for reason in EACH_REASON if reason not in own}
    expected |= {
        ("VolSyncUpkeepFailing", f"Maintained-{reason}")
        for reason in EACH_REASON
        if reason not in ("RepositoryDamaged", "CacheFull")
    }
    expected |= {("VolSyncVerificationFailed", f"Verified-{reason}") for reason in EACH_REASON}
    assert alerts_by_name(manager((0, shown(*of_each_reason()))), 10, tmp_path) == expected


def test_the_command_of_each_alert_can_be_typed_whatever_the_reason_is(tmp_path: Path) -> None:
    names_of_alerts = {rule["alert"] for rule in DOCUMENTS["groups"][0]["rules"]}
    told = commands(names_of_alerts, manager((0, shown(*of_each_reason()))), 10, tmp_path)
    assert len(told["VolSyncFailing"]) == len(EACH_REASON) - 5
    assert "volsync-py status Healthy-Other -n app" in told["VolSyncFailing"]
    for command in set().union(*told.values()):
        program, *arguments = command.split(" | ")[0].split()
        assert program == "volsync-py"
        if arguments[0] == "explain":
            assert CliRunner().invoke(explain, arguments[1:]).exit_code == 0, command


MANAGERS = {
    "away": ({"one": [Scrape(0, shown(FINE)), Scrape(10, "")]}, 30, {"VolSyncManagerAway": 1}),
    "gone": ({"one": [Scrape(0, shown(FINE)), Scrape(10, None)]}, 30, {"VolSyncManagerAway": 1}),
    "never there": ({}, 30, {"VolSyncManagerAway": 1}),
    "nobody leads": ({"one": [Scrape(0, shown(leads=False))]}, 15, {"VolSyncNotLeading": 1}),
    "two lead": ({"one": [Scrape(0, shown())], "two": [Scrape(0, shown())]}, 15, {"VolSyncTwoManagers": 1}),
    "a queue that does not move": ({"one": [Scrape(0, shown(waiting=3))]}, 30, {"VolSyncQueueStuck": 1}),
    "a queue that moves": (
        {"one": [Scrape(minute, shown(waiting=3, passes=minute)) for minute in range(0, 30, 5)]},
        30,
        {},
    ),
    "a standby": ({"one": [Scrape(0, shown())], "two": [Scrape(0, shown(leads=False, waiting=3))]}, 40, {}),
    "a restart": ({"one": [Scrape(0, shown(FINE)), Scrape(5, ""), Scrape(8, shown(FINE))]}, 40, {}),
    "a fail-over": (
        {
            "one": [Scrape(0, shown(FINE)), Scrape(5, "")],
            "two": [Scrape(0, shown(leads=False)), Scrape(8, shown(FINE))],
        },
        40,
        {},
    ),
}


@pytest.mark.parametrize(("scrapes", "minute", "expected"), MANAGERS.values(), ids=MANAGERS)
def test_what_becomes_of_managers(
    scrapes: dict[str, list[Scrape]], minute: int, expected: dict[str, int], tmp_path: Path
) -> None:
    scrapes = {pod: [evolve(one, began=NOW.timestamp()) for one in told] for pod, told in scrapes.items()}
    assert firing(scrapes, minute, tmp_path) == expected


QUIET: dict[str, list[tuple[int, dict[str, Any]]]] = {
    "a source that runs each hour": [(0, source(last=-29)), (31, source(last=31)), (91, source(last=91))],
    "a run that takes longer than its hour": [(0, source(last=-29)), (89, source(last=89))],
    "one that failed once": [(0, source(**failing("Unreachable"))), (10, source(last=10)), (31, source(last=31))],
    "one-shot": [(0, source(last=-30, spec={"trigger": {"manual": "once"}}))],
    "one-shot that has not begun": [(0, source(last=None, spec={"trigger": {"manual": "once"}}))],
    "a destination that has not restored yet": [(0, destination())],
    "a destination that has restored": [(0, destination(last=-30))],
    "upkeep that met a lock, and is tried at its next turn": [
        (0, source(last=2 * DAY, **failing("RepositoryLocked", kind="Maintained")))
    ],
    "proofs that are wanted since a while": [(0, never_proved(-30 * DAY))],
    "one that was proved since": [
        (0, source(last=2 * DAY, verified=-1, spec=PROVED_WEEKLY)),
    ],
    "paused": [(0, source(last=-30, spec={"paused": True}))],
}


@pytest.mark.parametrize("told", QUIET.values(), ids=QUIET)
def test_a_night_without_a_fault_is_silent(told: list[tuple[int, dict[str, Any]]], tmp_path: Path) -> None:
    scrapes = manager(*((minute, shown(resource)) for minute, resource in told))
    assert firing(scrapes, 100, tmp_path) == {}


# What people's own alerts say, which they have written for VolSync, where that is not nothing.
BEHIND, ABSENT = {"VolSyncVolumeOutOfSync": 1}, {"VolSyncComponentAbsent": 1}
FIRED_FOR_VOLSYNC = {
    **{("fault", name): BEHIND for name in ("overdue", "never")},
    **{("managers", name): ABSENT for name in ("gone", "never there")},
    # As VolSync: whatever has never run is behind.
    **{("quiet", name): BEHIND for name in ("one-shot that has not begun", "a destination that has not restored yet")},
}


@pytest.mark.parametrize("name", [fault[0] for fault in FAULTS])
def test_a_fault_fires_the_alerts_that_were_written_for_volsync(name: str, tmp_path: Path) -> None:
    (resource, minute), *_ = [(fault[2], fault[3]) for fault in FAULTS if fault[0] == name]
    scrapes = passed_over([(0, resource)], minute)
    assert firing(scrapes, minute, tmp_path, RULES_FOR_VOLSYNC) == FIRED_FOR_VOLSYNC.get(("fault", name), {})
    ended = passed_over([(0, resource), (minute, FINE)], minute + 1)
    assert firing(ended, minute + 1, tmp_path, RULES_FOR_VOLSYNC) == {}


def test_a_source_that_has_failed_for_two_slots_is_behind_for_the_alerts_that_were_written_for_volsync(
    tmp_path: Path,
) -> None:
    scrapes = passed_over([(0, source(last=-30, **failing("Unreachable")))], 120)
    assert firing(scrapes, 120, tmp_path, RULES_FOR_VOLSYNC) == BEHIND
    assert firing(scrapes, 80, tmp_path, RULES_FOR_VOLSYNC) == {}


@pytest.mark.parametrize("name", MANAGERS)
def test_what_becomes_of_managers_fires_the_alerts_that_were_written_for_volsync(name: str, tmp_path: Path) -> None:
    scrapes, minute, _ = MANAGERS[name]
    scrapes = {pod: [evolve(one, began=NOW.timestamp()) for one in told] for pod, told in scrapes.items()}
    assert firing(scrapes, minute, tmp_path, RULES_FOR_VOLSYNC) == FIRED_FOR_VOLSYNC.get(("managers", name), {})


@pytest.mark.parametrize("name", QUIET)
def test_a_night_without_a_fault_is_silent_for_the_alerts_that_were_written_for_volsync(
    name: str, tmp_path: Path
) -> None:
    scrapes = passed_over(QUIET[name], 100)
    assert firing(scrapes, 100, tmp_path, RULES_FOR_VOLSYNC) == FIRED_FOR_VOLSYNC.get(("quiet", name), {})


def test_each_alert_has_a_fault_that_fires_it() -> None:
    fired = {name for fault in FAULTS for name in fault[-1]} | {name for one in MANAGERS.values() for name in one[-1]}
    assert fired == {rule["alert"] for rule in ALERTS}


def test_rules_ask_for_nothing_that_no_manager_shows() -> None:
    asked = {name for rule in ALERTS for name in re.findall(r"volsync_\w+", rule["expr"])}
    assert asked
    assert asked <= names()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_says_how_bad_it_is_what_it_is_about_and_what_to_type(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"].keys() >= {"summary", "description", "command"}


def test_each_alert_has_its_section_of_the_page_of_runbooks() -> None:
    headings = re.findall(r"^## (VolSync\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(dict.fromkeys(rule["alert"] for rule in ALERTS))
    for rule in ALERTS:
        page, anchor = rule["annotations"]["runbook"].split("#")
        assert RULES.parents[2] / page == RUNBOOKS
        # As sites and forges make an anchor of a heading that is one word.
        assert [heading for heading in headings if heading.lower() == anchor] == [rule["alert"]]


def test_nobody_is_told_first_to_delete_a_full_cache_that_the_operator_enlarges_or_replaces() -> None:
    _, section = RUNBOOKS.read_text(encoding="utf-8").split("## VolSyncCacheFull\n")
    first, last = section.split("\n## ")[0].split("Only if `volsync-py doctor` still")
    for told in (CLASSES["CacheFull"].next_step, first):
        assert "cacheCapacity" in told
        assert "delete" not in told
    assert "delete" in last


def test_kustomize_and_the_chart_have_the_same_rules() -> None:
    overlay = RULES.parents[1] / "overlays" / "monitoring" / "prometheus_rule.yaml"
    assert yaml.safe_load(overlay.read_text(encoding="utf-8"))["spec"] == DOCUMENTS
    assert one(rendered({"monitoring": {"prometheusRule": {"enabled": True}}}), "PrometheusRule")["spec"] == DOCUMENTS


def test_an_alert_of_the_chart_links_to_its_runbook_where_that_is_served() -> None:
    rule = one(rendered(EVERYTHING), "PrometheusRule")
    links = {r["alert"]: r["annotations"]["runbook_url"] for g in rule["spec"]["groups"] for r in g["rules"]}
    assert links["VolSyncOverdue"] == "https://docs.example/alerts#volsyncoverdue"
    assert links.keys() == {r["alert"] for r in ALERTS}


def test_the_page_of_metrics_is_made_of_the_code() -> None:
    assert generate_metrics_page.TARGET.read_text(encoding="utf-8") == generate_metrics_page.page()
