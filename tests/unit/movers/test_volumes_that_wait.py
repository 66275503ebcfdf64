"""Volumes that cannot grow or never come: the run goes on with what there is, or what is in its way is made anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import destination, source
from tests.unit.movers.seen import decision_on, words
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_stuck_jobs import UNSCHEDULED
from volsync_py.contract.report import Outcome, Report, RestoredFacts, SnapshotFacts
from volsync_py.core.actions import Delete, Patch

CACHE, COPY, OWN = "volsync-src-n-cache", "volsync-n-src", "volsync-n-dest"
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
RESTORED = Report(Outcome.SUCCEEDED, restored=RestoredFacts("0" * 64, "2026-11-24T12:00:00Z"))
PROVISIONED = {"copyMethod": "Direct", "destinationPVC": None, "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}


def claim(one: Simulation, name: str) -> dict[str, Any]:
    (found,) = (o for o in one.objects if (o["kind"], o["metadata"]["name"]) == ("PersistentVolumeClaim", name))
    return found


def unbound(one: Simulation, name: str) -> dict[str, Any]:
    """Take a claim's volume away, as if it had never come."""
    found = claim(one, name)
    found["spec"].pop("volumeName")
    found["status"] = {"phase": "Pending"}
    return found


def refuse_growth(one: Simulation) -> list[str]:
    """Carry out what is decided next, but for the growth of claims; return the words of it."""
    decision = decision_on(one.objects, one.now)
    grows = [a for a in decision.actions if isinstance(a, Patch) and "spec" in a.changes and "Claim" in a.ref.kind]
    assert all(a.refused is not None for a in grows)
    for action in decision.actions:
        if action not in grows:
            one._carry_out(action)
    return words(decision)


def again(one: Simulation, report: Report, **restic: Any) -> None:
    """Make another run, with other options, in which no claim grows."""
    one.settle()
    one.end_job(report)
    one.now += timedelta(seconds=16)
    one.settle()
    one.change(restic, trigger={"manual": "two"})
    assert [word for word in refuse_growth(one) if word.startswith("create Job")]
    one.end_job(report)
    assert one.status["lastManualSync"] == "two"


def test_a_backup_runs_with_a_cache_that_cannot_grow_and_says_so() -> None:
    one = Simulation(source())
    again(one, BACKED_UP, cacheCapacity="2Gi")
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("True", "VolumeNotGrown")
    assert "spec.restic.cacheCapacity: PersistentVolumeClaim/volsync-src-n-cache cannot be given 2Gi" in message
    assert "delete the claim" in message
    one.objects.remove(claim(one, CACHE))
    one.change(trigger={"manual": "three"})
    one.settle()
    assert claim(one, CACHE)["spec"]["resources"] == {"requests": {"storage": "2Gi"}}


@pytest.mark.parametrize("field", ["capacity", "cacheCapacity"])
def test_a_restore_runs_with_a_volume_that_cannot_grow_and_says_so(field: str) -> None:
    one = Simulation(destination(**PROVISIONED))
    again(one, RESTORED, **{field: "2Gi"})
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("True", "VolumeNotGrown")
    assert f"spec.restic.{field}: " in message


def storage_class(name: str = "fast", **settings: Any) -> dict[str, Any]:
    about = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    return {**about, "provisioner": "driver.example.com", **settings}


def mounting(name: str) -> dict[str, Any]:
    """Return a pod of somebody else that has a claim mounted."""
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": name}}
    spec = {"nodeName": "one", "volumes": [volume], "containers": [{"name": "c", "image": "i"}]}
    meta = {"name": "theirs", "namespace": "ns"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": "Running"}}


BY_HAND = {"provisioner": "kubernetes.io/no-provisioner"}


@pytest.mark.parametrize(
    ("there", "restic", "anew"),
    [
        ([storage_class()], {}, True),
        ([storage_class(allowVolumeExpansion=False)], {}, True),
        ([storage_class(), storage_class("other")], {"cacheStorageClassName": "other"}, True),
        ([storage_class(allowVolumeExpansion=True)], {}, False),
        ([storage_class(**BY_HAND)], {}, False),
        ([storage_class(), storage_class("other", **BY_HAND)], {"cacheStorageClassName": "other"}, False),
        ([storage_class()], {"cacheStorageClassName": "missing"}, False),
        ([], {}, False),
        ([storage_class(), mounting(CACHE)], {}, False),
        ([storage_class(), mounting("elsewhere")], {}, True),
    ],
)
def test_a_cache_that_cannot_grow_is_made_anew_where_a_larger_one_will_come_and_nobody_uses_it(
    there: list[dict[str, Any]], restic: dict[str, Any], anew: bool
) -> None:
    one = Simulation(source(*there))
    one.settle()
    before = claim(one, CACHE)
    one.change({"cacheCapacity": "2Gi", **restic})
    one.settle()
    assert claim(one, CACHE) is before, "a mover works with it"
    one.end_job(BACKED_UP)
    one.now += timedelta(seconds=16)
    one.settle()
    one.change(trigger={"manual": "two"})
    first = decision_on(one.objects, one.now)
    refuse_growth(one)
    one.settle()
    assert one.job() is not None
    assert (claim(one, CACHE) is not before) == anew
    assert ("event CacheMadeAnew" in words(first)) == anew
    if anew:
        assert claim(one, CACHE)["spec"]["resources"] == {"requests": {"storage": "2Gi"}}
        one.end_job(BACKED_UP)
        assert one.conditions()["Healthy"][:2] == ("True", "Succeeded")


def test_a_cache_that_a_policy_makes_smaller_is_not_made_anew_for_that() -> None:
    def admit(obj: dict[str, Any]) -> None:
        if obj["metadata"]["name"] == CACHE:
            obj["spec"]["resources"] = {"requests": {"storage": "1Mi"}}

    one = Simulation(source(storage_class(), cacheCapacity="2Gi"), admits=admit)
    for manual in ("one", "two"):
        one.change(trigger={"manual": manual})
        one.settle()
        one.end_job(BACKED_UP)
    assert one.made.count("PersistentVolumeClaim") == 1


def test_a_cache_that_has_grown_is_no_news() -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(BACKED_UP)
    one.change({"cacheCapacity": "2Gi"}, trigger={"manual": "two"})
    one.settle()
    one.end_job(BACKED_UP)
    assert one.conditions()["Healthy"][:2] == ("True", "Succeeded")


@pytest.mark.parametrize(
    "change",
    [{"cacheStorageClassName": "fast"}, {"cacheCapacity": "512Mi"}, {"cacheAccessModes": ["ReadWriteMany"]}],
    ids=str,
)
def test_a_cache_that_never_gets_its_volume_is_made_anew_as_it_is_wanted(change: dict[str, Any]) -> None:
    one = Simulation(source(cacheStorageClassName="no-such-class"))
    one.settle()
    before = unbound(one, CACHE)
    one.add_pod(**UNSCHEDULED)
    one.now += timedelta(seconds=121)
    assert not [word for word in words(decision_on(one.objects, one.now)) if word.startswith("delete")]
    assert claim(one, CACHE) is before
    first = one.job()
    one.change(change)
    one.settle()
    assert claim(one, CACHE) is not before
    assert one.job() not in (None, first)
    (kept,) = change.values()
    assert kept in [*claim(one, CACHE)["spec"].values(), claim(one, CACHE)["spec"]["resources"]["requests"]["storage"]]


def test_a_claim_that_gets_its_volume_in_this_moment_is_not_deleted() -> None:
    one = Simulation(source(cacheStorageClassName="no-such-class"))
    one.settle()
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    version = unbound(one, CACHE)["metadata"]["resourceVersion"]
    one.now += timedelta(seconds=121)
    one.change({"cacheStorageClassName": "fast"})
    (gone,) = (a for a in decision_on(one.objects, one.now).actions if isinstance(a, Delete))
    assert (gone.ref.name, gone.resource_version) == (CACHE, version)


def test_a_policy_that_changes_what_is_asked_for_makes_no_loop() -> None:
    one = Simulation(source())
    one.settle()
    cache = unbound(one, CACHE)
    cache["spec"]["resources"]["requests"]["storage"] = "10Gi"
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    one.settle()
    assert one.job() is not None
    assert claim(one, CACHE) is cache


def test_a_job_whose_copy_the_source_has_outgrown_is_made_again_with_another_copy() -> None:
    one = Simulation(source(copyMethod="Clone"))
    one.settle()
    before = unbound(one, COPY)
    one.add_pod(**UNSCHEDULED)
    one.now += timedelta(seconds=121)
    assert not [word for word in words(decision_on(one.objects, one.now)) if word.startswith("delete")]
    assert claim(one, COPY) is before
    claim(one, "data")["status"]["capacity"] = {"storage": "9Gi"}
    first = one.job()
    one.settle()
    assert one.job() not in (None, first)
    assert claim(one, COPY)["spec"]["resources"] == {"requests": {"storage": "9Gi"}}


def test_a_provisioned_destination_that_never_gets_its_volume_is_made_anew_as_it_is_wanted() -> None:
    one = Simulation(destination(**PROVISIONED, storageClassName="no-such-class"))
    one.settle()
    before = unbound(one, OWN)
    one.add_pod(**UNSCHEDULED)
    one.now += timedelta(seconds=121)
    assert not [word for word in words(decision_on(one.objects, one.now)) if word.startswith("delete")]
    one.change({"storageClassName": "fast"})
    one.settle()
    assert claim(one, OWN) is not before
    assert claim(one, OWN)["spec"]["storageClassName"] == "fast"
    assert one.job() is not None
