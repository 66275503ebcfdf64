"""Cache and destination volumes, and what is tidied up."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.movers.objects import claim, destination, job_of, pod_of, resource, source
from tests.unit.movers.seen import created, decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import Outcome, Report, RestoredFacts, SnapshotFacts

CLEANUP = "volsync.backube/cleanup"
OURS = "app.kubernetes.io/created-by"
PROVISIONED: dict[str, Any] = {"destinationPVC": None, "capacity": "4Gi", "accessModes": ["ReadWriteMany"]}
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
RESTORED = Report(Outcome.SUCCEEDED, restored=RestoredFacts("0" * 64, "2026-11-24T12:00:00Z", 1, 1))
CACHES = [(source, "volsync-src-n-cache"), (destination, "volsync-dst-n-cache")]
BOTH_CACHES = pytest.mark.parametrize(("make", "name"), CACHES)


def cache(make: Any, name: str, **restic: Any) -> dict[str, Any]:
    return created(decision_on(make(**restic)), "PersistentVolumeClaim", name)


def told(objects: list[dict[str, Any]]) -> str:
    """Return the message of an error, which is all that is written."""
    decision = decision_on(objects)
    assert words(decision) == ["status"]
    (condition,) = (c for c in status_of(decision)["conditions"] if c["type"] == "Synchronizing")
    assert (condition["status"], condition["reason"]) == ("False", "Error")
    return str(condition["message"])


def owned(name: str, uid: str, kind: str = "ReplicationSource") -> dict[str, Any]:
    one = claim(name)
    one["metadata"]["ownerReferences"] = [{"kind": kind, "name": "n", "uid": uid, "controller": True}]
    return one


# ---- the cache


@BOTH_CACHES
def test_a_cache_stays_unless_the_user_says_otherwise(make: Any, name: str) -> None:
    made = cache(make, name)
    assert made["metadata"]["labels"] == {OURS: "volsync"}
    assert made["spec"]["resources"] == {"requests": {"storage": "1Gi"}}


def test_a_cache_that_is_to_go_after_the_run_is_labelled_for_that() -> None:
    made = cache(destination, "volsync-dst-n-cache", cleanupCachePVC=True)
    assert made["metadata"]["labels"] == {OURS: "volsync", CLEANUP: "u"}


@BOTH_CACHES
def test_the_modes_of_the_cache_beat_those_of_the_copy_and_of_the_data(make: Any, name: str) -> None:
    modes: dict[str, Any] = {"accessModes": ["ReadOnlyMany"], "cacheAccessModes": ["ReadWriteMany"]}
    assert cache(make, name, **modes)["spec"]["accessModes"] == ["ReadWriteMany"]


@BOTH_CACHES
def test_where_nothing_names_a_class_the_cache_names_none(make: Any, name: str) -> None:
    objects = make()
    del objects[1]["spec"]["storageClassName"]
    made = created(decision_on(objects), "PersistentVolumeClaim", name)
    assert "storageClassName" not in made["spec"]


def test_an_old_cache_of_somebody_else_is_left_alone() -> None:
    seen = words(decision_on([*source(), owned("volsync-n-cache", "other")]))
    assert "create PersistentVolumeClaim/volsync-src-n-cache" in seen
    assert not [word for word in seen if word.startswith("delete")]


@pytest.mark.parametrize("terminating", [False, True])
def test_an_old_cache_of_ours_goes_and_the_next_pass_goes_on(terminating: bool) -> None:
    old = owned("volsync-n-cache", "u")
    if terminating:
        old["metadata"]["deletionTimestamp"] = "2026-11-24T11:59:59Z"
    seen = words(decision_on([*source(), old]))
    assert ("delete PersistentVolumeClaim/volsync-n-cache" in seen) is not terminating
    assert {"create PersistentVolumeClaim/volsync-src-n-cache", "create Job/volsync-src-n"} <= set(seen)
    one = Simulation([*source(), owned("volsync-n-cache", "u")])
    one.settle()
    assert sorted(one.of_kind("PersistentVolumeClaim")) == ["data", "volsync-src-n-cache"]


# ---- the volume of a destination


def test_a_destination_provisions_what_it_was_told_and_keeps_it() -> None:
    made = created(decision_on(destination(**PROVISIONED)), "PersistentVolumeClaim", "volsync-n-dest")
    assert made["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "4Gi"}},
        "volumeMode": "Filesystem",
    }
    assert made["metadata"]["labels"] == {OURS: "volsync"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("u", True)
    classed = decision_on(destination(**PROVISIONED, storageClassName="fast"))
    assert created(classed, "PersistentVolumeClaim", "volsync-n-dest")["spec"]["storageClassName"] == "fast"


def test_a_temporary_volume_is_labelled_for_its_end() -> None:
    objects = destination(**{**PROVISIONED, "copyMethod": "Snapshot"}, cleanupTempPVC=True)
    made = created(decision_on(objects), "PersistentVolumeClaim", "volsync-n-dest")
    assert made["metadata"]["labels"] == {OURS: "volsync", CLEANUP: "u"}


def test_a_volume_of_the_user_is_used_as_it_is() -> None:
    one = Simulation(destination(cleanupTempPVC=True))
    before = copy.deepcopy(one.objects[1])
    assert pod_of(one.objects)["volumes"][0]["persistentVolumeClaim"] == {"claimName": "data"}
    one.settle()
    one.end_job(RESTORED)
    assert one.status["lastManualSync"] == "m"
    assert one.objects[1] == before


@pytest.mark.parametrize(
    ("restic", "text"),
    [
        ({}, "accessModes must be provided when destinationPVC is not"),
        ({"capacity": "1Gi"}, "accessModes must be provided when destinationPVC is not"),
        ({"accessModes": ["ReadWriteOnce"]}, "capacity must be provided when destinationPVC is not"),
        ({"capacity": "1Gi", "accessModes": ["ReadWriteOnce"], "copyMethod": "Clone"}, "unsupported copyMethod"),
        ({"capacity": "1Gi", "accessModes": ["ReadWriteOnce"], "copyMethod": None}, "copyMethod: is not set"),
    ],
)
def test_a_destination_that_cannot_have_a_volume_says_what_is_missing(restic: dict[str, Any], text: str) -> None:
    assert text in told(destination(**{"destinationPVC": None, **restic}))


def test_a_paused_destination_has_a_job_without_a_pod() -> None:
    objects = destination()
    objects[0]["spec"]["paused"] = True
    assert job_of(objects)["spec"]["parallelism"] == 0


@pytest.mark.parametrize("method", ["Direct", "None"])
@pytest.mark.parametrize(("restic", "name"), [({}, "data"), (PROVISIONED, "volsync-n-dest")])
def test_without_a_snapshot_the_image_is_the_claim(method: str, restic: dict[str, Any], name: str) -> None:
    one = Simulation(destination(**{**restic, "copyMethod": method}))
    one.settle()
    one.end_job(RESTORED)
    assert one.status["latestImage"] == {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": name}


def test_each_restore_with_a_snapshot_has_an_image_of_its_own_named_after_its_time() -> None:
    one = Simulation(destination(**{**PROVISIONED, "copyMethod": "Snapshot"}))
    one.settle()
    one.end_job(RESTORED)
    first = one.status["latestImage"]["name"]
    assert first == f"volsync-n-dest-{one.now:%Y%m%d%H%M%S}"
    assert one.of_kind("VolumeSnapshot") == [first]
    one.resource["spec"]["trigger"]["manual"] = "two"
    one.settle()
    one.end_job(RESTORED)
    second = one.status["latestImage"]["name"]
    assert one.of_kind("VolumeSnapshot") == [second] != [first]
    assert one.status["lastManualSync"] == "two"


# ---- resources that are not for this mover


@pytest.mark.parametrize("kind", ["ReplicationSource", "ReplicationDestination"])
@pytest.mark.parametrize("spec", [{}, {"trigger": {"manual": "m"}}, {"sourcePVC": "data"}])
def test_a_resource_without_a_mover_has_one_condition_that_says_so(kind: str, spec: dict[str, Any]) -> None:
    one = resource(kind, spec)
    assert "a replication method must be specified - enabled movers: [restic]" in told([one])
    conditions = status_of(decision_on([one]))["conditions"]
    assert [c["type"] for c in conditions] == ["Synchronizing", "Healthy"]


# ---- tidying up


def test_only_what_is_labelled_and_owned_goes_at_the_end() -> None:
    def labelled(name: str, uid: str, label: str | None) -> dict[str, Any]:
        one = owned(name, uid)
        one["metadata"]["labels"] = {} if label is None else {CLEANUP: label}
        return one

    kept = [
        labelled("not-labelled", "u", None),
        labelled("of-another", "other", "other"),
        labelled("labelled-for-another", "u", "other"),
        labelled("labelled-but-not-ours", "other", "u"),
    ]
    one = Simulation([*source(), *kept, labelled("temporary", "u", "u")])
    one.settle()
    one.end_job(BACKED_UP)
    left = set(one.of_kind("PersistentVolumeClaim"))
    assert left == {"data", "volsync-src-n-cache", *(o["metadata"]["name"] for o in kept)}


def test_a_snapshot_that_is_not_to_be_deleted_outlives_its_run_and_is_the_users() -> None:
    one = Simulation(source(copyMethod="Snapshot"))
    one.settle()
    (snapshot,) = (o for o in one.objects if o["kind"] == "VolumeSnapshot")
    snapshot["metadata"]["labels"]["volsync.backube/do-not-delete"] = "x"
    one.end_job(BACKED_UP)
    assert one.of_kind("VolumeSnapshot") == ["volsync-n-src"]
    (snapshot,) = (o for o in one.objects if o["kind"] == "VolumeSnapshot")
    assert snapshot["metadata"]["labels"] == {"volsync.backube/do-not-delete": "x"}
    assert not snapshot["metadata"].get("ownerReferences")
