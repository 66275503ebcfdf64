"""What scripts, dashboards and admission policies of others take hold of."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.movers.neighbours import Neighbours
from tests.unit.movers.objects import claim, container_of, destination, job_of, pod_of, secret, source
from tests.unit.movers.seen import decision_on
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import BACKED_UP, RESTORED, failure

CRDS = Path(__file__).parents[3] / "manifests" / "crds"
OURS = "app.kubernetes.io/created-by"
# All that brings volumes, labels or variables into the pod.
EVERYTHING: dict[str, Any] = {
    "moverVolumes": [{"mountPath": "repository", "volumeSource": {"persistentVolumeClaim": {"claimName": "other"}}}],
    "customCA": {"secretName": "tls", "key": "ca.crt"},
    "moverPodLabels": {OURS: "somebody", "job-name": "another", "team": "storage"},
    "moverSecurityContext": {"runAsUser": 568, "runAsGroup": 568, "fsGroup": 568},
}


def everything(make: Any) -> list[dict[str, Any]]:
    meta = {"name": "tls", "namespace": "ns", "resourceVersion": "3"}
    tls = {"kind": "Secret", "metadata": meta, "data": {"ca.crt": "Yw=="}}
    objects: list[dict[str, Any]] = make(claim("other"), tls, **EVERYTHING)
    gcs = secret(GOOGLE_APPLICATION_CREDENTIALS="{}")
    return [*(o for o in objects if o["metadata"]["name"] != "repository"), gcs]


@pytest.mark.parametrize("make", [source, destination])
def test_a_mover_is_the_first_and_only_container_of_a_pod_that_says_whose_it_is(make: Any) -> None:
    for objects in (make(), everything(make)):
        pod, job = pod_of(objects), job_of(objects)
        assert "initContainers" not in pod
        (container,) = pod["containers"]
        assert container["name"] == "restic"
        assert container_of(objects)["volumeMounts"]
        assert "repository" not in {volume["name"] for volume in pod["volumes"]}
        assert job["metadata"]["labels"][OURS] == job["spec"]["template"]["metadata"]["labels"][OURS] == "volsync"


@pytest.mark.parametrize("make", [source, destination])
def test_somebodys_own_job_with_our_label_changes_no_decision(make: Any) -> None:
    meta = {"name": "volsync-list-n-1764449999", "namespace": "ns", "uid": "theirs", "labels": {OURS: "volsync"}}
    theirs = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"parallelism": 1}, "status": {}}
    labels = {OURS: "volsync", "job-name": meta["name"], "controller-uid": "theirs"}
    about = {"name": "volsync-list-n-x7k2p", "namespace": "ns", "labels": labels, "uid": "pod"}
    about["creationTimestamp"] = "2026-11-24T11:59:00Z"
    mount = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": {"volumes": mount, "nodeName": "one"}}
    pod["status"] = {"phase": "Running"}

    one = Simulation(make())

    def compare() -> None:
        alone = decision_on(copy.deepcopy(one.objects), one.now)
        assert decision_on(copy.deepcopy([*one.objects, theirs, pod]), one.now) == alone

    compare()
    one.settle()
    one.add_pod(phase="Running")
    compare()
    one.end_job(failure("Unreachable"))
    compare()
    one.now += timedelta(seconds=11)
    one.settle()
    one.end_job(BACKED_UP if make is source else RESTORED)
    compare()
    one.now += timedelta(seconds=16)
    compare()


def test_an_unlock_that_is_asked_for_while_a_mover_runs_comes_with_the_next_run() -> None:
    one = Simulation(source())
    one.settle()
    one.add_pod(phase="Running")
    before = copy.deepcopy(one.job())
    one.change({"unlock": "now"})
    one.settle()
    assert one.job() == before
    one.end_job(BACKED_UP)
    assert "lastUnlocked" not in one.status["restic"]
    one.change(trigger={"manual": "two"})
    one.settle()
    job = one.job()
    assert job is not None
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["unlock", "backup"]
    one.end_job(BACKED_UP)
    assert one.status["restic"]["lastUnlocked"] == "now"


def test_an_unlock_of_all_sources_at_once_comes_with_the_next_run_of_each() -> None:
    several = Neighbours.named("a", "b", "c")
    several.settle()
    for name in several.by_name:
        several.start(name)
    before = {name: copy.deepcopy(one.job()) for name, one in several.by_name.items()}
    for one in several.by_name.values():
        one.change({"unlock": "now"})
    several.settle()
    assert {name: one.job() for name, one in several.by_name.items()} == before
    for name, one in several.by_name.items():
        one.objects = [o for o in one.objects if o["kind"] != "Pod"]
        several.end(name, BACKED_UP)
        one.change(trigger={"manual": "two"})
    several.settle()
    for name, one in several.by_name.items():
        job = one.job()
        assert job is not None
        assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["unlock", "backup"]
        several.end(name, BACKED_UP)
        assert one.status["restic"]["lastUnlocked"] == "now"


def test_a_tag_beside_a_schedule_is_served_once_and_the_schedule_goes_on_when_it_is_taken_away() -> None:
    one = Simulation(source())
    one.resource["spec"]["trigger"] = {"schedule": "0 * * * *"}
    one.settle()
    one.end_job(BACKED_UP)
    one.change(trigger={"manual": "now"})
    one.settle()
    one.end_job(BACKED_UP)
    assert (one.status["lastManualSync"], one.made.count("Job")) == ("now", 2)
    assert "nextSyncTime" not in one.status
    one.change(trigger={"manual": None})
    one.settle()
    assert one.conditions()["Synchronizing"][1] == "WaitingForSchedule"
    assert (one.status["nextSyncTime"], one.made.count("Job")) == ("2026-11-24T13:00:00Z", 2)
    # As a merge that comes late, or a revert of the revert, would have it.
    one.change(trigger={"manual": "now"})
    one.settle()
    assert one.made.count("Job") == 2
    one.change(trigger={"manual": None})
    one.now += timedelta(hours=1)
    one.settle()
    assert one.made.count("Job") == 3


@pytest.mark.parametrize(
    ("plural", "columns"),
    [
        ("replicationsources", ["Source", "Last sync", "Duration", "Next sync"]),
        ("replicationdestinations", ["Last sync", "Duration", "Next sync"]),
    ],
)
def test_the_first_columns_are_those_that_scripts_count(plural: str, columns: list[str]) -> None:
    crd = yaml.safe_load((CRDS / f"volsync.backube_{plural}.yaml").read_text(encoding="utf-8"))
    (version,) = crd["spec"]["versions"]
    assert [column["name"] for column in version["additionalPrinterColumns"]][: len(columns)] == columns
