"""What `volsync-py doctor` makes of facts; each wrong setup as a whole is in tests/integration/commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.unit.commands.resources import NOW, WRONG_PASSWORD, destination, source
from volsync_py.commands.checkups.asking import Wish, with_answers
from volsync_py.commands.checkups.facts import Answered, Facts, Listed, MayNotRead, Right
from volsync_py.commands.checkups.finding import Finding, Verdict
from volsync_py.commands.checkups.manager import is_manager
from volsync_py.commands.checkups.report import Report
from volsync_py.commands.checkups.table import CHECKS, examine
from volsync_py.commands.common.cluster import Cluster
from volsync_py.core.names import Role, mover_host_name
from volsync_py.kube.resources import (
    DEPLOYMENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    SERVICE_MONITORS,
    SERVICES,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    VOLUME_SNAPSHOTS,
    Resource,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "commands"
ASK = Right("whatever asks the repository", "create", JOBS)
START = Right("whatever asks the repository", "get", PODS, "exec")
BACKUP = Right("backup, pause and resume", "patch", REPLICATION_SOURCES)


def named(kind: str, name: str, namespace: str | None = "media", **more: Any) -> dict[str, Any]:
    """Return an object."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"kind": kind, "metadata": meta, **more}


def claim(name: str = "db", **spec: Any) -> dict[str, Any]:
    wanted = {"storageClassName": "fast", "volumeName": "v", "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return named("PersistentVolumeClaim", name, spec=wanted)


def deployment(
    called: str = "volsync", namespace: str = "volsync-system", *args: str, **container: Any
) -> dict[str, Any]:
    manager = {"name": "manager", "image": "volsync-py:1", "args": list(args), **container}
    template = {"metadata": {"labels": {"app": called}}, "spec": {"containers": [manager]}}
    return named("Deployment", called, namespace, spec={"template": template}, status={"readyReplicas": 1})


def lease(namespace: str = "volsync-system", renewed: str = "2026-11-27T11:59:58.000000Z") -> dict[str, Any]:
    return named("Lease", "b95b3104.backube", namespace, spec={"holderIdentity": "volsync-x_1", "renewTime": renewed})


WELL: dict[Resource, Listed] = {
    REPLICATION_SOURCES: [source()],
    REPLICATION_DESTINATIONS: [],
    PVCS: [claim()],
    STORAGE_CLASSES: [named("StorageClass", "fast", None, provisioner="csi.test", allowVolumeExpansion=True)],
    SNAPSHOT_CLASSES: [
        named(
            "VolumeSnapshotClass",
            "fast",
            None,
            metadata={"annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"}},
            driver="csi.test",
        )
    ],
    DEPLOYMENTS: [deployment()],
    LEASES: [lease()],
    NAMESPACES: [named("Namespace", "media", None)],
    PODS: [],
}


def facts(changed: Mapping[Resource, Listed] | None = None, **more: Any) -> Facts:
    """Return the facts of a cluster in which all is well, besides what is changed."""
    return Facts(now=NOW, namespace=None, listed={**WELL, **(changed or {})}, **more)


def found(given: Facts) -> list[tuple[str, Finding]]:
    """Return what is not well."""
    return [(check.name, one) for check, many in examine(given) for one in many if one.verdict is not Verdict.OK]


def words(given: Facts, name: str) -> list[str]:
    """Return what one check says."""
    return [one.why for check, many in examine(given) for one in many if check.name == name]


def test_where_all_is_well_each_check_says_so_once() -> None:
    assert found(facts()) == []
    assert all(len(many) == 1 for _, many in examine(facts()))


@pytest.mark.parametrize("kind", list(WELL), ids=lambda kind: kind.plural)
def test_what_may_not_be_read_is_a_warning_that_names_the_right_and_never_a_failure(kind: Resource) -> None:
    right = f"list {kind.plural} in all namespaces"
    seen = found(facts({kind: MayNotRead(right)}))
    assert seen
    assert all(one.verdict is Verdict.WARN and right in one.why and one.next_step for _, one in seen)


def test_who_may_read_nothing_gets_a_warning_for_each_check_that_needs_it() -> None:
    given = Facts(NOW, None, {kind: MayNotRead(f"list {kind.plural}") for kind in WELL})
    assert {one.verdict for _, one in found(given)} == {Verdict.WARN}


def test_a_command_that_is_not_allowed_is_named_with_the_role_that_allows_it() -> None:
    seen = found(facts(rights={BACKUP: False}))
    assert [check for check, _ in seen] == ["rights"]
    assert "you may not patch replicationsources.volsync.backube in all namespaces" in seen[0][1].why
    assert "which is needed for backup, pause and resume" in seen[0][1].why
    assert seen[0][1].next_step == "the role edit allows it; one namespace is asked with -n NAMESPACE"
    assert found(facts(rights={BACKUP: True})) == []
    # A program in a pod is started by a `get`, which `view` leaves out.
    (asks,) = found(facts(rights={START: False}))
    assert "you may not get pods/exec in all namespaces" in asks[1].why
    assert asks[1].next_step.startswith("the role edit allows it")
    assert "does not say" in found(facts(rights={BACKUP: None}))[0][1].why


@pytest.mark.parametrize(
    ("deployments", "leases", "expected"),
    [
        ([deployment(), deployment("other")], [lease()], [("managers", "warn")]),
        ([deployment(), deployment(namespace="b")], [lease(), lease("b")], [("managers", "FAIL")]),
        ([deployment(), deployment("volsync", "b", "--namespace=b")], [lease(), lease("b")], []),
        ([], [lease()], []),
        ([], [lease(renewed="2026-11-27T11:00:00Z")], [("manager", "FAIL")]),
        ([deployment("volsync", "volsync-system", "--leader-elect=false")], [], []),
        ([deployment()], [], [("leader", "FAIL")]),
    ],
)
def test_one_manager_has_to_be_there_and_to_lead(
    deployments: list[Any], leases: list[Any], expected: list[tuple[str, str]]
) -> None:
    seen = found(facts({DEPLOYMENTS: deployments, LEASES: leases}))
    assert [(check, str(one.verdict)) for check, one in seen] == expected


def test_many_sources_at_one_minute_are_no_matter_where_movers_are_limited_or_jitter_is_set() -> None:
    def many(**trigger: Any) -> list[Any]:
        spec = {"trigger": {"schedule": "0 2 * * *", "timeZone": "UTC", **trigger}}
        return [
            source(f"s{n}", spec={**spec, "restic": {"repository": f"r{n}", "copyMethod": "Direct"}}) for n in range(12)
        ]

    claims = [claim(f"s{n}") for n in range(12)]
    crowd = {REPLICATION_SOURCES: many(), PVCS: claims}
    assert [check for check, _ in found(facts(crowd))] == ["minute"]
    assert found(facts({**crowd, DEPLOYMENTS: [deployment("volsync", "volsync-system", "--max-movers=4")]})) == []
    assert found(facts({**crowd, REPLICATION_SOURCES: many(jitter="1h")})) == []
    # Whoever asks about another one hears nothing of it.
    assert found(facts(crowd, is_chosen=lambda obj: False)) == []


@pytest.mark.parametrize(
    ("hosts", "hashes", "expected"),
    [
        (("", ""), ("a", "a"), ["FAIL"]),
        (("one", "two"), ("a", "a"), []),
        (("", ""), ("a", "b"), []),
        (("", ""), ("", ""), []),
    ],
)
def test_sources_of_two_secrets_share_a_repository_if_the_operator_says_it_is_the_same(
    hosts: tuple[str, str], hashes: tuple[str, str], expected: list[str]
) -> None:
    def one(name: str, host: str, known: str) -> Any:
        restic = {"repository": name, "copyMethod": "Direct", **({"host": host} if host else {})}
        return source(name, spec={"restic": restic}, restic={"repositoryHash": known} if known else None)

    sources = [one(*given) for given in zip(("db", "web"), hosts, hashes, strict=True)]
    seen = found(facts({REPLICATION_SOURCES: sources, PVCS: [claim(), claim("web")]}))
    assert [str(finding.verdict) for check, finding in seen] == expected


@pytest.mark.parametrize(
    ("environment", "mounts", "zone"),
    [
        ([], [], "UTC"),
        ([{"name": "TZ", "value": "Europe/Berlin"}], [], "Europe/Berlin"),
        ([], [{"mountPath": "/etc/localtime"}], "that of the /etc/localtime it mounts"),
    ],
)
def test_the_zone_of_schedules_that_name_none_is_told(environment: Any, mounts: Any, zone: str) -> None:
    managers = [deployment(env=environment, volumeMounts=mounts)]
    spec = {"trigger": {"schedule": "0 3 * * *"}}
    given = facts({DEPLOYMENTS: managers, REPLICATION_SOURCES: [source(spec=spec)]})
    assert words(given, "zone") == [f"1 schedule without timeZone: in the manager's zone, {zone}"]
    everywhere = {"trigger": {"schedule": "0 * * * *"}}
    assert words(facts({REPLICATION_SOURCES: [source(spec=everywhere)]}), "zone") == [
        "each schedule names its zone, or needs none"
    ]


@pytest.mark.parametrize(
    ("monitor", "well"),
    [
        ({"selector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {"any": True}}, True),
        ({"selector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {"matchNames": ["volsync-system"]}}, True),
        ({"selector": {"matchLabels": {"a": "b"}}}, False),
        ({"selector": {"matchLabels": {"a": "c"}}, "namespaceSelector": {"any": True}}, False),
        (
            {
                "selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]},
                "namespaceSelector": {"any": True},
            },
            True,
        ),
        (
            {
                "selector": {"matchLabels": {"a": "b"}},
                "namespaceSelector": {"any": True},
                "endpoints": [{"port": "http"}],
            },
            False,
        ),
        # Whatever somebody has stored, it is not believed to be what it should.
        ({"selector": "all"}, True),
        ([], True),
    ],
)
def test_a_monitor_has_to_look_into_the_namespace_for_the_labels_and_the_port(monitor: Any, well: bool) -> None:
    services = [
        named(
            "Service",
            "volsync-metrics",
            "volsync-system",
            metadata={"labels": {"a": "b"}},
            spec={"ports": [{"name": "https"}]},
        )
    ]
    where = "volsync-system" if monitor in ([], {"selector": "all"}) else "monitoring"
    monitors = [named("ServiceMonitor", "volsync", where, spec=monitor)]
    seen = found(facts({SERVICES: services, SERVICE_MONITORS: monitors}))
    assert [check for check, _ in seen] == ([] if well else ["scrape"])


def test_what_has_an_owner_that_is_there_is_no_orphan() -> None:
    def copy(uid: str, **labels: str) -> Any:
        owners = [{"kind": "ReplicationSource", "name": "db", "uid": uid, "controller": True}]
        meta = {"labels": {"app.kubernetes.io/created-by": "volsync", **labels}, "ownerReferences": owners}
        return named("VolumeSnapshot", "volsync-db-src", metadata=meta, spec={})

    assert found(facts({VOLUME_SNAPSHOTS: [copy("db")]})) == []
    assert [check for check, _ in found(facts({VOLUME_SNAPSHOTS: [copy("gone")]}))] == ["orphans"]
    assert found(facts({VOLUME_SNAPSHOTS: [copy("gone", **{"volsync.backube/do-not-delete": ""})]})) == []


def test_a_destination_whose_image_a_claim_was_made_of_is_used() -> None:
    image = {"name": "volsync-db-dst-dest-1"}
    spec = {"repository": "r", "copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
    one = destination(latestImage=image, lastManualSync="restore-once")
    one["spec"]["restic"] = {**spec, "storageClassName": "fast"}
    assert [check for check, _ in found(facts({REPLICATION_DESTINATIONS: [one]}))] == ["unused"]
    for how in (
        {"dataSource": image},
        {"dataSourceRef": {"apiGroup": "volsync.backube", "kind": "ReplicationDestination"}},
    ):
        if "dataSourceRef" in how:
            how["dataSourceRef"]["name"] = "db-dst"
        given = {REPLICATION_DESTINATIONS: [one], PVCS: [claim(), claim("new", **how)]}
        assert "unused" not in [check for check, _ in found(facts(given))]


def test_those_of_one_cause_are_told_together() -> None:
    sources = [source(f"app-{n}", conditions=[WRONG_PASSWORD]) for n in range(30)]
    for one in sources:
        one["spec"]["restic"]["repository"] = one["metadata"]["name"]
    report = Report(
        list(examine(facts({REPLICATION_SOURCES: sources, PVCS: [claim(f"app-{n}") for n in range(30)]}))), "x"
    )
    lines = list(report.lines(100))
    assert sum("WrongPassword" in line for line in lines) == 1
    assert any("and 22 more" in line for line in lines)
    assert len(report.as_json()["findings"]) == 29 + len(CHECKS)


def test_a_right_that_several_checks_lack_is_one_warning_that_names_them() -> None:
    right = "list storageclasses.storage.k8s.io"
    report = Report(list(examine(facts({STORAGE_CLASSES: MayNotRead(right)}))), "x")
    (told,) = (line for line in report.lines(200) if right in line)
    assert told.startswith("warn  class ")
    assert told.endswith(" (also: snapshots, cache)")
    assert [one["check"] for one in report.as_json()["findings"] if right in one["why"]] == [
        "class",
        "snapshots",
        "cache",
    ]


@pytest.mark.parametrize(
    ("held", "capacity", "expected"),
    [
        (950, "1000", []),
        (954, "1000", []),
        (956, "1000", ["the last snapshot holds 956 B, 96 % of the claim db with 1000 B"]),
        (None, "1000", []),
        (2**40, "", []),
        (2**40, "much", []),
    ],
)
def test_a_claim_is_told_before_it_is_full(held: int | None, capacity: str, expected: list[str]) -> None:
    one = source(restic={"lastSnapshot": {"id": "9f3c", "bytesProcessed": held}})
    bound = {**claim(), "status": {"phase": "Bound", "capacity": {"storage": capacity}}}
    told = found(facts({REPLICATION_SOURCES: [one], PVCS: [bound]}))
    assert [seen.why for check, seen in told if check == "full"] == expected
    assert all(seen.verdict is Verdict.WARN for _, seen in told)


WAITS = named("StorageClass", "waits", None, volumeBindingMode="WaitForFirstConsumer")


@pytest.mark.parametrize(
    ("of_classes", "copy_method", "expected"),
    [
        ([], "Direct", ("FAIL", "the claim db is not bound to a volume")),
        ([WAITS], "Snapshot", ("warn", "waits for the first pod that uses it")),
        ([WAITS], "Direct", None),
        (
            MayNotRead("list storageclasses"),
            "Direct",
            ("warn", "the claim db is not bound to a volume; whether its"),
        ),
    ],
)
def test_a_claim_without_a_volume_is_told_also_to_who_may_not_read_classes(
    of_classes: Any, copy_method: str, expected: tuple[str, str] | None
) -> None:
    one = source(spec={"restic": {"repository": "r", "copyMethod": copy_method}})
    pending = {**claim(storageClassName="waits"), "status": {"phase": "Pending"}}
    del pending["spec"]["volumeName"]
    given = facts({REPLICATION_SOURCES: [one], PVCS: [pending], STORAGE_CLASSES: of_classes})
    told = [(str(seen.verdict), seen.why) for check, seen in found(given) if check == "claim"]
    assert len(told) == (expected is not None)
    for verdict, why in told:
        assert expected is not None
        assert verdict == expected[0]
        assert expected[1] in why


def some() -> Report:
    """Return a report that has all three verdicts."""
    sources = [
        source(),
        source("photos", conditions=[WRONG_PASSWORD]),
        source("books", "office", spec={"trigger": {"schedule": "0 0 30 2 *"}}),
        source("wiki", spec={"paused": True}, lastSyncTime="2026-11-01T10:00:00Z"),
    ]
    for one in sources:
        one["spec"]["restic"]["repository"] = one["metadata"]["name"]
    given = facts(
        {
            REPLICATION_SOURCES: sources,
            PVCS: [claim(), claim("wiki"), claim("photos")],
            PODS: MayNotRead("list pods in all namespaces"),
        },
        rights={BACKUP: False},
    )
    return Report(list(examine(given)), "all namespaces")


@pytest.mark.parametrize("width", [80, 120])
def test_it_is_printed_as_it_has_to_look_like(width: int) -> None:
    text = "\n".join([some().verdict(), *some().lines(width), ""])
    assert text == (GOLDEN / f"doctor-{width}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= width


def test_what_somebody_has_written_cannot_control_a_terminal() -> None:
    evil = {"type": "Healthy", "status": "False", "reason": "\x1b[2J", "message": "\x1b]0;x\x07 – \x1b[1m"}
    named = {"repository": "r", "copyMethod": "Snapshot", "volumeSnapshotClassName": "\x1b[2J"}
    one = source(conditions=[evil], spec={"restic": named})
    report = Report(list(examine(facts({REPLICATION_SOURCES: [one]}))), "x")
    assert "\x1b" not in "\n".join(report.lines(80)) + str(report.as_json())


RIGHT = Answered("r", ("media/db",), keys=("RESTIC_REPOSITORY", "RESTIC_PASSWORD"), backend="s3")


@pytest.mark.parametrize(
    ("changed", "expected", "says"),
    [
        ({}, [], ""),
        ({"error_class": "RepositoryMissing", "error": "none"}, [], ""),
        (
            {"error_class": "RepositoryMissing", "error": "none", "was_used": True},
            [("repository", "FAIL")],
            "there is no repository any more",
        ),
        ({"error_class": "AccessDenied", "error": "x509"}, [("repository", "FAIL")], "AccessDenied: x509"),
        ({"faults": (("it is empty", "fill it"),)}, [("secret", "FAIL")], "the Secret r: it is empty"),
        ({"silent": "nothing says which image"}, [("repository", "warn")], "nothing says which image"),
        ({"silent": "no node takes its pod", "hopeless": True}, [("repository", "FAIL")], "no node takes its pod"),
        (
            {"silent": "its container cannot be made: secret x not found", "hopeless": True},
            [("secret", "FAIL")],
            "secret x not found",
        ),
    ],
)
def test_what_a_pod_has_found_of_a_repository_is_told(changed: Any, expected: Any, says: str) -> None:
    seen = found(facts(repositories=[evolve(RIGHT, **changed)]))
    assert [(check, str(one.verdict)) for check, one in seen] == expected
    assert all(says in one.why and one.next_step and one.about == "media/db" for _, one in seen)


def test_who_may_not_ask_repositories_is_told_which_right_is_missing() -> None:
    given = facts(not_asked=("the repositories could not be asked: you may not create jobs.batch", "the role edit"))
    assert [(check, one.why[-11:]) for check, one in found(given)] == [("repository", " jobs.batch")]
    assert found(facts(not_asked=("not asked, as --no-pod wants it", ""))) == []


@pytest.mark.parametrize(
    ("host", "renewed", "verdict", "says"),
    [
        (
            "laptop",
            "2026-11-27T11:58:00.123456789+00:00",
            "ok",
            "there is a lock of jane on laptop, pid 7, renewed 119 seconds ago",
        ),
        ("laptop", "2026-11-27T10:00:00Z", "warn", "its owner is no more"),
        (mover_host_name(Role.SOURCE, "media", "db", "db"), "2026-11-27T11:59:00Z", "ok", "of the mover of media/db,"),
        ("laptop", "whenever", "ok", "there is a lock of jane on laptop, pid 7"),
    ],
)
def test_a_lock_is_told_with_whose_it_is_and_whether_they_are_alive(
    host: str, renewed: str, verdict: str, says: str
) -> None:
    lock = {"hostname": host, "username": "jane", "pid": 7, "time": renewed, "exclusive": False}
    given = facts(repositories=[evolve(RIGHT, locks=(lock,))])
    told = [one for check, many in examine(given) for one in many if check.name == "locks"]
    assert [str(one.verdict) for one in told] == [verdict]
    assert says in told[0].why


def test_who_may_not_list_sources_is_told_so_and_asks_no_repository() -> None:
    given = facts({REPLICATION_SOURCES: MayNotRead("list replicationsources in all namespaces")})
    nobody = Cluster(None, "media")
    asked = with_answers(nobody, given, Wish(ask=True, every=True, image="", start_seconds=1.0))
    assert asked.not_asked is not None
    assert "you may not list replicationsources in all namespaces" in asked.not_asked[0]
    refused = with_answers(nobody, facts(rights={ASK: False}), Wish(ask=True, every=True, image="", start_seconds=1.0))
    assert refused.not_asked is not None
    assert "you may not create jobs.batch" in refused.not_asked[0]


def test_who_may_not_ask_a_repository_is_told_so_only_where_one_had_to_be_asked() -> None:
    well = source(lastSyncTime="2026-11-27T11:00:00Z")
    wish = Wish(ask=True, every=False, image="", start_seconds=1.0)
    given = facts({REPLICATION_SOURCES: [well]}, rights={ASK: False})
    assert [one for one in found(with_answers(Cluster(None, "media"), given, wish)) if one[0] == "repository"] == []


@pytest.mark.parametrize(
    ("image", "command", "name", "expected"),
    [
        ("quay.io/backube/volsync:0.13", ["/manager"], "manager", True),
        ("registry/mine:1", ["volsync-py"], "manager", True),
        ("registry/mine:1", ["/manager"], "manager", False),
        ("registry/volsync-ui:1", None, "web", False),
    ],
)
def test_a_manager_is_known_by_what_runs_in_it(image: str, command: Any, name: str, expected: bool) -> None:
    assert is_manager(deployment(image=image, command=command, name=name)) is expected
