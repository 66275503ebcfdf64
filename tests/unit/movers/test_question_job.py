"""The Job of a command is like a mover's to a cluster, and none of a mover's to the manager."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from attrs import evolve

from tests.unit.movers.objects import destination, job_of, source
from volsync_py.api.spec import parse
from volsync_py.contract.run_document import Run
from volsync_py.controllers.watches import _pod_job, _repository_of
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.names import Role, job_name, question_job_name
from volsync_py.core.owners import controller_of
from volsync_py.movers.restic.question_job import Asked, host_of, labels_of_questions, question_job

ASKED = Asked(image="i", suffix="abc123", service_account="volsync-src-n")
WISHES: dict[str, Any] = {
    "moverSecurityContext": {"runAsUser": 7, "runAsNonRoot": True},
    "moverResources": {"limits": {"memory": "1Gi"}},
    "moverPodLabels": {"team": "a"},
    "moverAffinity": {"nodeAffinity": {}},
    "moverTolerations": [{"key": "k"}],
    "customCA": {"secretName": "ca", "key": "ca.crt"},
    "moverVolumes": [{"mountPath": "nas", "volumeSource": {"nfs": {"server": "s", "path": "/p"}}}],
}


def job(asked: Asked = ASKED, **restic: Any) -> dict[str, Any]:
    return question_job(parse(source(**restic)[0], UTC), asked)


def pod(asked: Asked = ASKED, **restic: Any) -> dict[str, Any]:
    spec: dict[str, Any] = job(asked, **restic)["spec"]["template"]["spec"]
    return spec


def test_it_ends_and_goes_whatever_becomes_of_the_command() -> None:
    spec = job()["spec"]
    assert (spec["ttlSecondsAfterFinished"], spec["backoffLimit"]) == (0, 0)
    # A pod that does not start goes a minute after who has made it was killed.
    assert spec["activeDeadlineSeconds"] == 60
    assert job(evolve(ASKED, work=("check",)))["spec"]["activeDeadlineSeconds"] == 7 * 24 * 3600
    assert pod()["restartPolicy"] == "Never"
    assert pod()["terminationGracePeriodSeconds"] <= 5


def test_there_is_one_container_called_restic_and_no_claim_of_the_movers() -> None:
    one = pod(**WISHES)
    assert [c["name"] for c in one["containers"]] == ["restic"]
    assert "initContainers" not in one
    assert one["containers"][0]["args"] == ["wait"]
    assert not [v for v in one["volumes"] if "persistentVolumeClaim" in v]
    mounted = {m["name"] for m in one["containers"][0]["volumeMounts"]}
    assert (
        mounted == {v["name"] for v in one["volumes"]} == {"cache", "tempdir", "custom-ca", "gcs-credentials", "u-nas"}
    )


def test_it_runs_where_and_as_the_movers_do() -> None:
    # The Job of a mover needs more objects than these.
    wishes = {k: v for k, v in WISHES.items() if k != "customCA"}
    ours, theirs = pod(**wishes), job_of(source(**wishes))["spec"]["template"]["spec"]
    for name in ("securityContext", "affinity", "tolerations", "automountServiceAccountToken", "serviceAccountName"):
        assert ours[name] == theirs[name], name
    for name in ("securityContext", "resources", "command"):
        assert ours["containers"][0][name] == theirs["containers"][0][name], name
    assert job(**WISHES)["spec"]["template"]["metadata"]["labels"]["team"] == "a"
    assert [v["nfs"] for v in ours["volumes"] if "nfs" in v] == [{"server": "s", "path": "/p"}]
    assert "serviceAccountName" not in pod(evolve(ASKED, service_account=""))


def test_the_secret_is_referred_to_as_a_whole_and_none_of_its_keys_is_a_variable_of_the_programs() -> None:
    container = pod()["containers"][0]
    assert container["envFrom"] == [{"prefix": "VOLSYNC_PY_SECRET_", "secretRef": {"name": "repository"}}]
    referred = {e["name"] for e in container["env"] if "valueFrom" in e}
    assert referred == {"RESTIC_REPOSITORY", "RESTIC_PASSWORD"}


@pytest.mark.parametrize("work", [(), ("prune",)])
def test_the_manager_takes_it_for_none_of_a_movers(work: tuple[str, ...]) -> None:
    one = job(evolve(ASKED, work=work))
    template = one["spec"]["template"]["metadata"]
    assert one["metadata"]["labels"][Label.CREATED_BY] == template["labels"][Label.CREATED_BY] == CREATED_BY_US
    assert not {str(Label.CLEANUP), str(Label.REPOSITORY)} & {*one["metadata"]["labels"], *template["labels"]}
    assert "annotations" not in one["metadata"]
    assert controller_of(one) is None
    assert _repository_of(one) == []
    pod = {"metadata": {"namespace": "ns", "labels": {"job-name": one["metadata"]["name"]}}}
    assert _pod_job(pod) == ["ns/volsync-ask-n-abc123"]


@pytest.mark.parametrize("name", ["n", "src-n", "dst-" + "x" * 60, "x" * 200])
def test_no_resource_has_a_mover_of_that_name(name: str) -> None:
    made = question_job_name(name, "abc123")
    assert len(made) <= 63
    assert not any(made.startswith(job_name(role, "")) for role in Role)


def test_a_mover_never_takes_its_lock_for_a_dead_one_of_its_own() -> None:
    assert pod(evolve(ASKED, work=("prune",)))["hostname"] == "volsync-ask-n-abc123"


def test_another_spec_or_other_work_is_another_pod() -> None:
    one = parse(source()[0], UTC)
    other = parse(source(repository="other")[0], UTC)
    found = {
        tuple(labels_of_questions(*args).values())
        for args in (
            (one, ()),
            (other, ()),
            (one, ("check",)),
            (one, ("prune",)),
            (one, ("check",), ("", "")),
            (one, ("check",), ("100%", "")),
            (one, ("check",), ("", "i")),
        )
    }
    assert len(found) == 7


def test_a_job_is_found_by_how_it_was_asked() -> None:
    asked = evolve(ASKED, work=("check",), how=("100%", ""))
    wanted = labels_of_questions(parse(source()[0], UTC), asked.work, asked.how)
    assert job(asked)["metadata"]["labels"] == wanted


def test_a_pod_of_another_image_or_patience_is_another_one() -> None:
    one = parse(source()[0], UTC)
    run = evolve(one.restic.run, deadlines=evolve(one.restic.run.deadlines, contact_seconds=1.0))
    hurried = evolve(one, restic=evolve(one.restic, run=run))
    how = [
        labels_of_questions(*args)[Label.ASKED_HOW]
        for args in ((one, (), ("",)), (one, (), ("x",)), (hurried, (), ("",)))
    ]
    assert len(set(how)) == 3
    assert job(evolve(ASKED, how=("x",)))["metadata"]["labels"][Label.ASKED_HOW] == how[1]


def test_the_host_is_the_one_whose_snapshots_the_resource_has() -> None:
    assert host_of(parse(source()[0], UTC)) == "volsync"
    assert host_of(parse(source(host="h")[0], UTC)) == "h"
    one = parse(destination(host="d")[0], UTC)
    assert host_of(one) == "d"
    env = question_job(one, ASKED)["spec"]["template"]["spec"]["containers"][0]["env"]
    document = next(e["value"] for e in env if e["name"] == "VOLSYNC_PY_RUN")
    assert Run.from_json(document).host == "d"
