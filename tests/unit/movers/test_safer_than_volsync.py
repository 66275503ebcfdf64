"""What VolSync is known to get wrong, as decisions that do not (docs/differences.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.movers.objects import container_of, destination, source
from tests.unit.movers.seen import created, decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, Report, RestoredFacts, SnapshotFacts, StepReport
from volsync_py.movers.restic.objects import PRIVILEGED_CAPABILITIES, RESTORE_CAPABILITIES

BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
PRUNED = Report(Outcome.SUCCEEDED, snapshot=BACKED_UP.snapshot, steps=(StepReport("prune", Outcome.SUCCEEDED),))
PARTIAL = Report(
    Outcome.WARNING,
    snapshot=BACKED_UP.snapshot,
    steps=(
        StepReport("backup", Outcome.WARNING, ErrorClass.PARTIAL, "2 items could not be read; the first: /data/a"),
        StepReport("forget", Outcome.SUCCEEDED),
    ),
)
EMPTY = Report(Outcome.SUCCEEDED, skipped_empty=True)
RESTORED = Report(Outcome.SUCCEEDED, restored=RestoredFacts("0" * 64, "2026-11-24T12:00:00Z", 1, 1))
PROVISIONED: dict[str, Any] = {"destinationPVC": None, "capacity": "4Gi", "accessModes": ["ReadWriteMany"]}
DAY = 86400


def healthy(objects: list[dict[str, Any]]) -> tuple[list[str], str, str]:
    """Return the actions, and reason and message of the condition."""
    decision = decision_on(objects)
    (told,) = (c for c in status_of(decision)["conditions"] if c["type"] == "Healthy")
    return words(decision), told["reason"], told["message"]


def again(one: Simulation) -> None:
    """Ask for one more run."""
    one.resource["spec"]["trigger"]["manual"] += "+"
    one.settle()


def test_a_snapshot_that_the_user_keeps_is_not_backed_up_again_and_again() -> None:
    one = Simulation(source(copyMethod="Snapshot"))
    one.settle()
    (snapshot,) = (o for o in one.objects if o["kind"] == "VolumeSnapshot")
    snapshot["metadata"]["labels"]["volsync.backube/do-not-delete"] = ""
    one.end_job(BACKED_UP)
    again(one)
    assert one.job() is None
    (told,) = (c for c in one.status["conditions"] if c["type"] == "Healthy")
    assert told["reason"] == "ObjectInTheWay"


def test_a_failed_job_of_another_resource_under_our_name_is_left_alone() -> None:
    reference = {"kind": "ReplicationSource", "name": "other", "uid": "other", "controller": True}
    meta: dict[str, Any] = {"name": "volsync-src-n", "namespace": "ns", "uid": "j", "ownerReferences": [reference]}
    meta["labels"] = {"app.kubernetes.io/created-by": "volsync"}
    failed = {"conditions": [{"type": "Failed", "status": "True"}], "failed": 8}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"backoffLimit": 8}, "status": failed}
    assert healthy([*source(), job])[:2] == (["status"], "ObjectInTheWay")


def test_a_backup_that_lacks_files_is_a_success_with_a_warning_and_is_not_made_again() -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(PARTIAL)
    conditions = {c["type"]: c for c in one.status["conditions"]}
    assert (conditions["Healthy"]["status"], conditions["Healthy"]["reason"]) == ("True", "Partial")
    assert "/data/a" in conditions["Healthy"]["message"]
    assert conditions["Maintained"]["status"] == "True"
    assert (one.status["lastManualSync"], one.made.count("Job")) == ("m", 1)


@pytest.mark.parametrize(("report", "recorded"), [(PRUNED, True), (EMPTY, False), (BACKED_UP, False)])
def test_only_a_prune_that_was_made_is_recorded(report: Report, recorded: bool) -> None:
    one = Simulation(source(pruneIntervalDays=0))
    one.settle()
    job = one.job()
    assert job is not None
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["backup", "prune"]
    one.end_job(report)
    assert ("lastPruned" in one.status["restic"]) is recorded


def test_a_prune_that_becomes_due_while_the_job_runs_is_left_to_the_next_run() -> None:
    one = Simulation(source(pruneIntervalDays=1))
    one.settle()
    one.end_job(PRUNED, seconds=2 * DAY)
    assert "lastPruned" not in one.status["restic"]
    again(one)
    job = one.job()
    assert job is not None
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["backup", "prune"]


def test_a_paused_source_takes_its_copy_when_it_goes_on() -> None:
    objects = source(copyMethod="Snapshot")
    objects[0]["spec"]["paused"] = True
    one = Simulation(objects)
    one.settle()
    assert one.of_kind("VolumeSnapshot") == one.of_kind("Job") == []
    one.resource["spec"]["paused"] = False
    one.settle()
    assert one.of_kind("VolumeSnapshot") == ["volsync-n-src"]
    assert one.job() is not None


def test_a_privileged_mover_that_must_not_be_root_is_named_before_the_kubelet_refuses_it() -> None:
    annotations = {"volsync.backube/privileged-movers": "true"}
    privileged = {"kind": "Namespace", "metadata": {"name": "ns", "annotations": annotations}}
    objects = source(privileged, moverSecurityContext={"runAsNonRoot": True})
    actions, reason, message = healthy(objects)
    assert (actions, reason) == (["status"], "Configuration")
    assert "spec.restic.moverSecurityContext.runAsNonRoot" in message
    assert container_of(source(moverSecurityContext={"runAsNonRoot": True}))
    assert container_of(source(privileged, moverSecurityContext={"runAsNonRoot": False}))


@pytest.mark.parametrize("make", [source, destination])
@pytest.mark.parametrize(("mode", "usable"), [("Block", False), ("Filesystem", True), (None, True)])
def test_a_block_device_is_refused_before_anything_is_made(make: Any, mode: str | None, usable: bool) -> None:
    objects = make()
    objects[1]["spec"]["volumeMode"] = mode
    if usable:
        assert created(decision_on(objects), "Job")
        return
    actions, reason, message = healthy(objects)
    assert (actions, reason) == (["status"], "Configuration")
    assert "'data' is a block device" in message


def test_an_image_goes_when_the_copy_method_no_longer_makes_any() -> None:
    one = Simulation(destination(**PROVISIONED, copyMethod="Snapshot"))
    one.settle()
    one.end_job(RESTORED)
    assert len(one.of_kind("VolumeSnapshot")) == 1
    one.resource["spec"]["restic"]["copyMethod"] = "Direct"
    again(one)
    one.end_job(RESTORED)
    assert one.status["latestImage"]["kind"] == "PersistentVolumeClaim"
    assert one.of_kind("VolumeSnapshot") == []


@pytest.mark.parametrize(
    ("asked", "patched"),
    [("500Mi", False), ("1Gi", False), ("1024Mi", False), ("2Gi", True)],
)
def test_a_volume_is_never_asked_to_shrink(asked: str, patched: bool) -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(BACKED_UP)
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    one.resource["spec"]["restic"]["cacheCapacity"] = asked
    one.resource["spec"]["trigger"]["manual"] = "two"
    seen = words(decision_on(one.objects, one.now))
    assert ("patch PersistentVolumeClaim/volsync-src-n-cache" in seen) is patched
    assert "create Job/volsync-src-n" in seen


def test_privileged_movers_may_mount_nfs_on_openshift() -> None:
    path = Path(__file__).parents[3] / "manifests" / "overlays" / "openshift" / "scc.yaml"
    constraint = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert "nfs" in constraint["volumes"]
    assert {*PRIVILEGED_CAPABILITIES, *RESTORE_CAPABILITIES} <= set(constraint["allowedCapabilities"])
