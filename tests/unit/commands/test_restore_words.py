"""What a restore is asked for, what it is made of, and how it is told before it is done."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.commands.resources import HOUR_AGO, NOW, WRONG_PASSWORD, said, source
from volsync_py.commands.common.gitops import keeper
from volsync_py.commands.common.typed_time import parsed_time
from volsync_py.commands.restore import restored_run
from volsync_py.commands.restore.mounted_by import Mounts, Workload, mounting, workload_of
from volsync_py.commands.restore.objects import (
    TAKEN,
    Undo,
    claim_again,
    destination,
    new_claim,
    same_restore,
    stamped,
    undo_of,
    undo_taken,
)
from volsync_py.commands.restore.plan import Plan
from volsync_py.commands.restore.point import Point, newest_of, point
from volsync_py.commands.runs.pausing import changes_of
from volsync_py.core.labels import Annotation
from volsync_py.kube.errors import Forbidden, KubeError, NotFound
from volsync_py.kube.resources import DEPLOYMENTS

CRDS = Path(__file__).parents[3] / "manifests" / "crds"
BERLIN = ZoneInfo("Europe/Berlin")
SNAPSHOT = {"id": "9f3c" * 16, "time": HOUR_AGO, "filesNew": 2, "filesUnmodified": 1198, "bytesProcessed": 5 * 2**30}
KNOWN = {"count": 13, "oldest": "2026-11-01T00:00:00Z", "newest": HOUR_AGO}
CLAIM: dict[str, Any] = {
    "metadata": {
        "name": "db",
        "namespace": "media",
        "labels": {"app": "db"},
        "annotations": {
            "pv.kubernetes.io/bind-completed": "yes",
            "volume.kubernetes.io/storage-provisioner": "csi.example",
            "mine": "kept",
            Annotation.HALF_RESTORED: "db-restore-1",
        },
    },
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "10Gi"}},
        "volumeName": "pv-1",
    },
    "status": {"phase": "Bound", "capacity": {"storage": "20Gi"}},
}


# ---- which snapshot


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27T10:00:00Z", "2026-11-27T10:00:00+00:00"),
        ("2026-11-27T10:00:00+01:00", "2026-11-27T10:00:00+01:00"),
        ("2026-11-27 03:00", "2026-11-27T03:00:00+01:00"),
        # Summer time.
        ("2026-07-01 03:00:30", "2026-07-01T03:00:30+02:00"),
        ("yesterday 14:00", "2026-11-26T14:00:00+01:00"),
        ("Today 03:00", "2026-11-27T03:00:00+01:00"),
    ],
)
def test_a_time_is_of_the_zone_of_whoever_types_it(text: str, expected: str) -> None:
    assert parsed_time(text, NOW, BERLIN).isoformat() == expected


def test_the_day_before_is_reckoned_in_that_zone_too() -> None:
    after_midnight = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
    assert parsed_time("yesterday 14:00", after_midnight, BERLIN).isoformat() == "2026-11-27T14:00:00+01:00"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("soon", "", None), "'soon' is no time: write a day and a time, like"),
        (("2026-11-27", "", None), "is no time"),
        (("yesterday", "", None), "is no time"),
        (("14:00", "", None), "is no time"),
        (("2026-13-27 03:00", "", None), "is no time"),
        (("2026-11-27 13:01", "", None), "2026-11-27 13:01:00+01:00 is still to come"),
        (("", "9f3", None), "at least four"),
        (("", "9f3g", None), "is no id"),
        (("", "9f3c", 1), "leave --at and --previous out"),
        (("yesterday 14:00", "9f3c", None), "leave --at and --previous out"),
    ],
)
def test_what_names_no_snapshot_is_refused_with_the_way_to_write_it(asked: Any, says: str) -> None:
    at, snapshot, previous = asked
    with pytest.raises(ValueError, match=says.replace("+", r"\+")):
        point(at, snapshot, previous, NOW, BERLIN)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_time_or_a_sentence(text: str) -> None:
    try:
        found = parsed_time(text, NOW, BERLIN)
    except ValueError as error:
        said_why = str(error)
    else:
        assert found <= NOW
        return
    assert said_why.startswith("--at: ")


@pytest.mark.parametrize(
    ("wanted", "fields", "words", "doubt"),
    [
        (Point(), {}, "the newest snapshot, as far as its status knows 9f3c9f3c of 2026-11-27 11:00:00", ""),
        (Point(snapshot="9f3c"), {"snapshot": "9f3c"}, "the snapshot 9f3c, as far as its status knows 9f3c9f3c", ""),
        (Point(snapshot="aaaa"), {"snapshot": "aaaa"}, "the snapshot aaaa", ""),
        (Point(previous=2), {"previous": 2}, "the one 2 before the newest snapshot; its status knows of 13 sn", ""),
        (Point(previous=13), {"previous": 13}, "the one 13 before the newest", "knows of 13 snapshots only"),
        (
            Point(at=datetime(2026, 11, 20, tzinfo=UTC)),
            {"restoreAsOf": "2026-11-20T00:00:00Z"},
            "the newest snapshot that was made by 2026-11-20 00:00:00+00:00; its status knows of 13 snapshots",
            "",
        ),
        (
            Point(at=datetime(2026, 10, 20, tzinfo=UTC)),
            {"restoreAsOf": "2026-10-20T00:00:00Z"},
            "the newest snapshot that was made by",
            "no snapshot that old: the oldest is of 2026-11-01",
        ),
    ],
)
def test_a_snapshot_is_named_as_far_as_the_status_knows(wanted: Point, fields: Any, words: str, doubt: str) -> None:
    status = {"restic": {"lastSnapshot": SNAPSHOT, "snapshots": KNOWN}}
    assert wanted.fields() == fields
    assert wanted.words(status, NOW).startswith(words)
    assert (doubt in wanted.doubt(status)) if doubt else not wanted.doubt(status)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda i: st.dictionaries(st.text(max_size=3), i)))
def test_whatever_a_status_holds_there_is_something_to_say(value: Any) -> None:
    for status in ({"restic": value}, {"restic": {"lastSnapshot": value, "snapshots": value}}):
        for wanted in (Point(), Point(previous=1), Point(at=NOW), Point(snapshot="9f3c")):
            assert wanted.words(status, NOW)
            wanted.doubt(status)


# ---- the objects


def fields_of(kind: str) -> set[str]:
    document = yaml.safe_load((CRDS / f"volsync.backube_{kind}.yaml").read_text(encoding="utf-8"))
    spec = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return set(spec["restic"]["properties"])


def test_every_setting_that_both_kinds_have_is_taken_or_means_something_else() -> None:
    # Where the copy or the image is made, and what is left out, which a destination says otherwise.
    of_its_own = {"accessModes", "capacity", "copyMethod", "exclude", "storageClassName", "volumeSnapshotClassName"}
    assert fields_of("replicationsources") & fields_of("replicationdestinations") == set(TAKEN) | of_its_own


def test_a_destination_reaches_the_repository_as_the_source_does_and_needs_a_snapshot() -> None:
    given = {"repository": "r", "customCA": {"key": "ca"}, "host": "h", "tags": ["t"], "copyMethod": "Snapshot"}
    obj = source(spec={"restic": {**given, "retain": {"daily": 1}, "moverSecurityContext": {"runAsUser": 1}}})
    made = destination("n", "media", obj, "db", Point(previous=1), ["/a"], deletes=False)
    assert made["spec"]["trigger"] == {"manual": "n"}
    assert made["spec"]["restic"] == {
        **{key: given[key] for key in ("repository", "customCA", "host", "tags")},
        "moverSecurityContext": {"runAsUser": 1},
        "copyMethod": "Direct",
        "destinationPVC": "db",
        "cleanupCachePVC": True,
        "onMissingSnapshot": "Fail",
        "previous": 1,
        "include": ["/a"],
    }
    assert destination("n", "media", obj, "db", Point(), [], deletes=True)["spec"]["restic"]["enableFileDeletion"]


@pytest.mark.parametrize(
    ("claim", "restic", "size", "expected"),
    [
        (CLAIM, {}, "", {"storage": "20Gi", "class": "fast"}),
        (CLAIM, {}, "30Gi", {"storage": "30Gi", "class": "fast"}),
        (None, {"capacity": "5Gi"}, "", {"storage": "5Gi", "class": None}),
        (None, {}, "1Gi", {"storage": "1Gi", "class": None}),
        (None, {}, "", None),
    ],
)
def test_a_new_claim_is_as_large_as_the_one_that_is_backed_up(
    claim: Any, restic: Any, size: str, expected: Any
) -> None:
    made = new_claim("new", "media", source(spec={"restic": restic}), claim, size, "")
    if expected is None:
        assert made is None
        return
    assert made is not None
    assert made["spec"]["resources"]["requests"]["storage"] == expected["storage"]
    assert made["spec"].get("storageClassName") == expected["class"]
    assert made["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_the_newest_snapshot_is_the_same_wish_whichever_it_was_then() -> None:
    def one(which: Point) -> dict[str, Any]:
        return destination("a", "media", source(), "db", which, [], deletes=True)

    then = Point().pinned({"restic": {"lastSnapshot": SNAPSHOT}}, NOW)
    assert then == Point(snapshot="9f3c" * 16, newest=True)
    assert then.words({"restic": {"lastSnapshot": SNAPSHOT}}, NOW).startswith("the newest snapshot, as far as")
    assert (
        then.words({"restic": {"lastSnapshot": {"id": "later"}}}, NOW)
        == f"the snapshot {SNAPSHOT['id']}, if the repository has it"
    )
    assert Point(previous=1).pinned({}, NOW) == Point(previous=1)
    later = Point().pinned({}, NOW)
    assert later == Point(at=NOW, newest=True)
    assert same_restore(one(then), one(later))
    assert not same_restore(one(then), one(Point(snapshot="9f3c" * 16)))
    assert newest_of(one(then)) == then
    assert newest_of(one(later)) == later


@pytest.mark.parametrize(
    ("snapshot", "can", "why"),
    [
        (None, False, "there is no VolumeSnapshot of it"),
        ({"spec": {"source": {"persistentVolumeClaimName": "db"}}, "status": {"readyToUse": True}}, True, ""),
        ({"spec": {"source": {"persistentVolumeClaimName": "db"}}}, False, "is not ready"),
        ({"spec": {"source": {"persistentVolumeClaimName": "x"}}, "status": {"readyToUse": True}}, False, "is not of"),
    ],
)
def test_the_undo_of_a_restore_that_goes_on_is_what_was_taken_then(snapshot: Any, can: bool, why: str) -> None:
    found = undo_taken(snapshot and {"metadata": {"name": "n"}, **snapshot}, "db")
    assert found.can is can
    assert why in found.why


def test_two_restores_are_the_same_if_they_bring_back_the_same() -> None:
    one = destination("a", "media", source(), "db", Point(previous=1), [], deletes=True)
    assert same_restore(one, destination("b", "media", source(), "db", Point(previous=1), [], deletes=True))
    for other in (
        destination("b", "media", source(), "db", Point(previous=2), [], deletes=True),
        destination("b", "media", source(), "db", Point(previous=1), [], deletes=False),
        destination("b", "media", source(), "db", Point(previous=1), ["/a"], deletes=True),
        destination("b", "media", source(), "other", Point(previous=1), [], deletes=True),
    ):
        assert not same_restore(one, other)


def test_a_name_leaves_room_for_what_the_operator_makes_of_it() -> None:
    assert stamped("db", "restore", NOW) == "db-restore-20261127t120000z"
    assert len(f"volsync-dst-{stamped('d' * 253, 'restore', NOW)}-cache") <= 253


def snapshot_class(name: str, driver: str, default: str = "false") -> dict[str, Any]:
    annotations = {"snapshot.storage.kubernetes.io/is-default-class": default}
    return {"metadata": {"name": name, "annotations": annotations}, "driver": driver}


ONE, TWO = snapshot_class("one", "csi.example"), snapshot_class("two", "csi.example", "true")


@pytest.mark.parametrize(
    ("classes", "wanted", "can", "name", "why"),
    [
        ([ONE, TWO], "", True, "two", ""),
        ([ONE, TWO], "one", True, "one", ""),
        ([ONE], "gone", True, "one", ""),
        ([snapshot_class("other", "another")], "", False, "", "the driver csi.example has no VolumeSnapshotClass"),
        ([], "", False, "", "has no VolumeSnapshotClass"),
        (NotFound(404, "", ""), "", False, "", "this cluster has no VolumeSnapshots"),
        (Forbidden(403, "", ""), "mine", True, "mine", "may not read VolumeSnapshotClasses"),
    ],
)
def test_there_is_an_undo_where_the_driver_can_take_one(
    classes: list[dict[str, Any]] | KubeError, wanted: str, can: bool, name: str, why: str
) -> None:
    found = undo_of(CLAIM, classes, wanted)
    assert (found.can, found.class_name) == (can, name)
    assert why in found.why


def test_a_claim_comes_back_from_its_snapshot_as_it_was_but_for_its_volume() -> None:
    (word,) = shlex.split(claim_again(CLAIM, "snap"))
    made = json.loads(word)
    assert made["metadata"] == {
        "name": "db",
        "namespace": "media",
        "labels": {"app": "db"},
        "annotations": {"mine": "kept"},
    }
    assert made["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "20Gi"}},
        "dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "snap"},
    }


# ---- who is in the way


@pytest.mark.parametrize(
    ("labels", "annotations", "words", "suspend"),
    [
        (
            {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
            {},
            "Flux (kustomization apps)",
            "flux suspend kustomization apps -n flux-system",
        ),
        (
            {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "media"},
            {"meta.helm.sh/release-name": "web"},
            "Flux (helmrelease web)",
            "flux suspend helmrelease web -n media",
        ),
        (
            {"argocd.argoproj.io/instance": "site"},
            {},
            "Argo CD (application site)",
            "argocd app set site --sync-policy none",
        ),
        (
            {},
            {"argocd.argoproj.io/tracking-id": "site:apps/Deployment:media/web"},
            "Argo CD (application site)",
            "argocd app set site --sync-policy none",
        ),
        ({}, {"meta.helm.sh/release-name": "web"}, "Helm (release web)", ""),
    ],
)
def test_who_keeps_a_workload_is_named_with_what_stops_it(
    labels: dict[str, str], annotations: dict[str, str], words: str, suspend: str
) -> None:
    found = keeper({"metadata": {"name": "web", "labels": labels, "annotations": annotations}})
    assert found is not None
    assert (found.words, found.suspend) == (words, suspend)


def test_what_nobody_keeps_has_no_keeper() -> None:
    assert keeper({"metadata": {"name": "web"}}) is None


def pod(name: str, claim: str, phase: str = "Running") -> dict[str, Any]:
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "v", "persistentVolumeClaim": {"claimName": claim}}]
    return {"metadata": {"name": name}, "spec": {"volumes": volumes}, "status": {"phase": phase}}


def test_a_pod_that_has_ended_mounts_nothing() -> None:
    pods = [pod("a", "db"), pod("b", "other"), pod("c", "db", "Succeeded"), pod("d", "db", "Pending")]
    assert [one["metadata"]["name"] for one in mounting(pods, "db")] == ["a", "d"]


@pytest.mark.parametrize(
    ("replicas", "stored", "before"), [(2, None, 2), (None, None, 1), (0, "3", 3), (1, "3", 1), (0, "many", 0)]
)
def test_what_was_scaled_down_for_a_restore_before_remembers_its_replicas(
    replicas: int | None, stored: str | None, before: int
) -> None:
    annotations = {} if stored is None else {Annotation.REPLICAS_BEFORE: stored, Annotation.SCALED_FOR: "this"}
    obj = {"metadata": {"name": "web", "annotations": annotations}, "spec": {"replicas": replicas}}
    scaler = {
        "metadata": {"name": "more"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    }
    of_another = workload_of(obj, DEPLOYMENTS, (), [scaler], "another")
    assert of_another.before == of_another.replicas
    found = workload_of(obj, DEPLOYMENTS, (), [scaler], "this")
    assert (found.before, found.others) == (before, ["HorizontalPodAutoscaler more"])


# ---- the plan

KEPT = keeper({"metadata": {"name": "web", "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}})
WEB = Workload(DEPLOYMENTS, "web", 2, 2, ("web-1", "web-2"), KEPT)
OF_SOURCE: dict[str, Any] = {"restic": {"lastSnapshot": SNAPSHOT, "snapshots": KNOWN}}
DB = source(**OF_SOURCE)
MADE = new_claim("db-restored-1", "media", DB, CLAIM, "", "")


def planned(**more: Any) -> Plan:
    claim = more.pop("claim", "db")
    made = destination("db-restore-1", "media", DB, claim, Point(), [], deletes=False)
    return Plan(DB, made, Point(), claim, "-n media", **more)


IN_PLACE = planned(
    existing=CLAIM, mounts=Mounts([WEB], [], ["web-1", "web-2"]), undo=Undo(True, "fast"), sources=[DB], deletes=True
)


def test_the_plan_of_a_new_claim_says_that_all_else_stays() -> None:
    assert planned(claim="db-restored-1", made=MADE).lines(NOW, 300) == [
        "restore of the source db in the namespace media:",
        " 1. make the claim db-restored-1: 20Gi, ReadWriteOnce, class fast",
        " 2. restore the newest snapshot, as far as its status knows 9f3c9f3c of 2026-11-27 11:00:00+00:00 "
        "(60 minutes ago), 1200 files, 5.0 GiB, into the claim db-restored-1",
        " 3. change nothing else: the claim that is backed up, what mounts it and its backups stay as they are",
        " 4. remove the ReplicationDestination db-restore-1, which does it, once it has ended well",
        "undo: kubectl -n media delete persistentvolumeclaim db-restored-1",
    ]


def test_the_plan_in_place_names_everything_that_is_touched_and_who_may_interfere() -> None:
    assert IN_PLACE.lines(NOW, 300) == [
        "restore of the source db in the namespace media:",
        " 1. pause the source db, so that nothing half restored is backed up; a backup that is under way is stopped, "
        "and made again afterwards",
        " 2. scale Deployment web to 0, 2 replicas now (pods web-1, web-2)",
        "      Flux (kustomization apps) keeps it, and may scale it back meanwhile; this stops it: "
        "flux suspend kustomization apps",
        " 3. take the VolumeSnapshot db-restore-1 of the class fast of the claim db, which is the undo and stays",
        " 4. restore the newest snapshot, as far as its status knows 9f3c9f3c of 2026-11-27 11:00:00+00:00 "
        "(60 minutes ago), 1200 files, 5.0 GiB, into the claim db",
        "      what the snapshot has is overwritten; what it does not have is removed",
        " 5. scale Deployment web back to 2, resume the source db",
        " 6. remove the ReplicationDestination db-restore-1, which does it, once it has ended well",
        "undo: the VolumeSnapshot db-restore-1 becomes the claim again; the commands are told at the end",
    ]


@pytest.mark.parametrize(
    ("mounts", "scales", "says"),
    [
        (Mounts(), False, ""),
        (Mounts([WEB], [], []), False, ""),
        (Mounts([WEB], [], ["web-1"]), False, "--scale-down takes it to 0 and back"),
        (Mounts([WEB], [], ["web-1"]), True, ""),
        (Mounts([], ["Job once"], ["once-x"]), True, "Job once cannot be scaled down"),
        (Mounts([WEB], ["Pod alone"], ["web-1", "alone"]), True, "Pod alone cannot be scaled down"),
    ],
)
def test_nothing_is_restored_under_a_program_that_was_not_to_be_stopped(
    mounts: Mounts, scales: bool, says: str
) -> None:
    refusal = planned(existing=CLAIM, mounts=mounts, scales=scales).refusal()
    assert (says in refusal) if says else not refusal


def test_the_way_back_ends_the_restore_before_it_starts_anything() -> None:
    back = IN_PLACE.back_commands()
    assert back[0] == "kubectl -n media delete replicationdestination db-restore-1"
    assert back[1:3] == [
        "kubectl -n media scale deployment/web --replicas=0",
        "kubectl -n media delete persistentvolumeclaim db",
    ]
    assert back[-3:] == [
        "kubectl -n media scale deployment/web --replicas=2",
        f"kubectl -n media annotate deployment/web {Annotation.SCALED_FOR}- {Annotation.REPLICAS_BEFORE}-",
        "volsync-py resume db -n media",
    ]
    assert "Deployment web is at 0 (2 replicas before); the source db is paused" in IN_PLACE.left(written=True)


def test_the_way_back_without_an_undo_takes_the_mark_off_what_stays() -> None:
    plan = planned(existing=CLAIM, mounts=Mounts([WEB]), sources=[DB])
    assert plan.back_commands() == [
        "kubectl -n media delete replicationdestination db-restore-1 --ignore-not-found",
        f"kubectl -n media annotate persistentvolumeclaim db {Annotation.HALF_RESTORED}-",
        "kubectl -n media scale deployment/web --replicas=2",
        f"kubectl -n media annotate deployment/web {Annotation.SCALED_FOR}- {Annotation.REPLICAS_BEFORE}-",
        "volsync-py resume db -n media",
    ]


def test_whoever_resumes_a_source_takes_away_that_it_was_paused_for_a_restore() -> None:
    assert changes_of(paused=True) == {"spec": {"paused": True}}
    assert changes_of(paused=False) == {
        "metadata": {"annotations": {Annotation.PAUSED_FOR: None}},
        "spec": {"paused": None},
    }


def test_without_an_undo_the_plan_says_what_that_means() -> None:
    plan = planned(existing=CLAIM, undo=Undo(False, why="the driver x has no VolumeSnapshotClass"))
    undo = "undo: none: the driver x has no VolumeSnapshotClass; what is overwritten is lost"
    assert plan.lines(NOW, 300)[-1] == undo
    assert plan.undo_commands() == []


def overwritten(plan: Plan) -> str:
    """Return what a plan says of what is in the claim, and its warnings."""
    return "\n".join(
        line.strip() for line in plan.lines(NOW, 300) if "overwritten;" in line or line.startswith("warning")
    )


LEFT_OUT = "the source leaves something out of its backups (spec.restic.exclude)"


def test_the_plan_says_why_what_the_snapshot_lacks_stays() -> None:
    assert overwritten(planned(existing=CLAIM, lacks=LEFT_OUT)) == (
        "what the snapshot has is overwritten; what it does not have stays: the source leaves something out of its "
        "backups (spec.restic.exclude); --delete removes it"
    )
    assert overwritten(planned(existing=CLAIM)) == "what the snapshot has is overwritten; what it does not have stays"


def test_the_plan_warns_of_a_deletion_of_what_may_be_in_no_backup() -> None:
    assert overwritten(planned(existing=CLAIM, deletes=True, lacks=LEFT_OUT)) == (
        "what the snapshot has is overwritten; what it does not have is removed\n"
        "warning: --delete also removes what may be in no backup: the source leaves something out of its backups "
        "(spec.restic.exclude)"
    )
    assert "warning" not in overwritten(planned(existing=CLAIM, deletes=True))


def test_a_source_that_somebody_has_paused_stays_paused() -> None:
    paused = source(spec={"paused": True})
    assert planned(existing=CLAIM, sources=[paused]).paused() == []
    paused["metadata"]["annotations"] = {Annotation.PAUSED_FOR: "another"}
    assert planned(existing=CLAIM, sources=[paused]).paused() == []
    paused["metadata"]["annotations"] = {Annotation.PAUSED_FOR: "db-restore-1"}
    assert planned(existing=CLAIM, sources=[paused]).paused() == [paused]


# ---- what became of it


def restoring(**status: Any) -> dict[str, Any]:
    return {**destination("n", "media", DB, "db", Point(), [], deletes=False), "status": status}


RESTORED = {"id": "9f3c" * 16, "time": HOUR_AGO, "files": 1200, "bytes": 5 * 2**30}


@pytest.mark.parametrize(
    ("status", "well", "text"),
    [
        (
            {"lastManualSync": "n", "restic": {"restored": RESTORED}},
            True,
            "1200 files and folders, 5.0 GiB, from snapshot 9f3c9f3c of 2026-11-27 11:00:00+00:00",
        ),
        (
            {
                "lastManualSync": "n",
                "restic": {"restored": RESTORED},
                "conditions": [said("Healthy", "True", "Partial", "2 devices")],
            },
            True,
            "Partial: 2 devices",
        ),
        ({"lastManualSync": "n"}, False, "without a word on what was restored"),
        (
            {"latestMoverStatus": {"result": "Failed"}, "attempt": {"count": 3}, "conditions": [WRONG_PASSWORD]},
            False,
            "failed after 3 attempts: WrongPassword: restic: wrong password",
        ),
    ],
)
def test_the_end_of_a_restore_is_a_sentence_with_files_bytes_and_snapshot(status: Any, well: bool, text: str) -> None:
    found = restored_run.ended(restoring(**status))
    assert found is not None
    assert found.well is well
    assert text in found.text


def test_a_restore_that_has_not_ended_says_what_it_does() -> None:
    for status in ({}, {"lastManualSync": "another"}):
        assert restored_run.ended(restoring(**status)) is None
        assert restored_run.doing(restoring(**status)) == "waits for the operator"


@pytest.mark.parametrize(
    ("count", "error_class", "result", "untouched"),
    [
        (1, "NoEligibleSnapshot", "Failed", True),
        (1, "WrongPassword", "Failed", True),
        (2, "WrongPassword", "Failed", False),
        (1, "WrongPassword", None, False),
        (0, "WrongPassword", "Failed", False),
        (1, "TargetFull", "Failed", False),
        # So are called files that may not be written, too.
        (1, "Configuration", "Failed", False),
        (1, "RepositoryMissing", "Failed", False),
        (1, "", "Failed", False),
    ],
)
def test_a_volume_is_untouched_only_where_that_is_certain(
    count: int, error_class: str, result: str | None, untouched: bool
) -> None:
    attempt = {"count": count, "lastError": {"class": error_class}}
    found = restored_run.has_written_nothing(restoring(attempt=attempt, latestMoverStatus={"result": result}))
    assert found is untouched
