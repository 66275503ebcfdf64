"""What an API server refuses: the imitation must not let pass what a real one does not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.cluster.lent import Cluster
from volsync_py.kube.errors import ApiError
from volsync_py.kube.resources import JOBS, PODS, PVCS, VOLUME_SNAPSHOTS, Resource

ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")

CONTAINER: dict[str, Any] = {"name": "main", "image": "local", "command": ["true"]}
POD: dict[str, Any] = {"restartPolicy": "Never", "containers": [CONTAINER]}
CLAIM: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
SUBJECT = {"kind": "ServiceAccount", "name": "x", "namespace": "default"}
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {**POD, **spec}}


def container(**more: Any) -> dict[str, Any]:
    return pod(containers=[{**CONTAINER, **more}])


def job(template: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"spec": {"backoffLimit": 0, "template": {"spec": POD} if template is None else template, **spec}}


def claim(**spec: Any) -> dict[str, Any]:
    return {"spec": {**CLAIM, **spec}}


def binding(**more: Any) -> dict[str, Any]:
    return {"roleRef": ROLE, "subjects": [SUBJECT], **more}


TABLE: list[tuple[Resource, dict[str, Any], str]] = [
    (PODS, {"spec": {}}, "spec.containers"),
    (PODS, pod(containers=[]), "spec.containers"),
    (PODS, container(name=""), "spec.containers[0].name"),
    (PODS, container(name="Not_A_Label"), "spec.containers[0].name"),
    (PODS, container(image=""), "spec.containers[0].image"),
    (PODS, pod(containers=[CONTAINER, CONTAINER]), "spec.containers[1].name"),
    (PODS, pod(restartPolicy="Sometimes"), "spec.restartPolicy"),
    (PODS, container(volumeMounts=[{"name": "none", "mountPath": "/x"}]), "spec.containers[0].volumeMounts[0].name"),
    (PODS, pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]), "spec.volumes[0].hostPath"),
    (PODS, pod(volumes=[{"name": "v", "emptyDir": {}}] * 2), "spec.volumes[1].name"),
    (
        PODS,
        pod(volumes=[{"name": "v", "persistentVolumeClaim": {}}]),
        "spec.volumes[0].persistentVolumeClaim.claimName",
    ),
    (PODS, container(env=[{"value": "x"}]), "spec.containers[0].env[0].name"),
    (PODS, pod(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds"),
    (PODS, {**pod(), "metadata": {"labels": {"a": "not a value"}}}, "metadata.labels"),
    (PODS, {**pod(), "metadata": {"labels": {"a": "x" * 64}}}, "metadata.labels"),
    (PODS, {**pod(), "metadata": {"labels": {"not a key": "x"}}}, "metadata.labels"),
    (PODS, {**pod(), "metadata": {"annotations": {"not a key": "x"}}}, "metadata.annotations"),
    (PODS, {**pod(), "metadata": {"name": "Upper"}}, "metadata.name"),
    (JOBS, job(parallelism=-1), "spec.parallelism"),
    (JOBS, job(backoffLimit=-1), "spec.backoffLimit"),
    (JOBS, job({"spec": {**POD, "restartPolicy": "Always"}}), "spec.template.spec.restartPolicy"),
    (JOBS, job({"spec": {"containers": [CONTAINER]}}), "spec.template.spec.restartPolicy"),
    (JOBS, job({"spec": {"restartPolicy": "Never"}}), "spec.template.spec.containers"),
    (JOBS, {**job(), "metadata": {"name": "j" * 64}}, "spec.template.labels"),
    (PVCS, {"spec": {"accessModes": ["ReadWriteOnce"]}}, "spec.resources[storage]"),
    (PVCS, claim(accessModes=[]), "spec.accessModes"),
    (PVCS, claim(accessModes=["Sometimes"]), "spec.accessModes"),
    (PVCS, claim(accessModes=["ReadWriteOncePod", "ReadWriteOnce"]), "spec.accessModes"),
    (PVCS, claim(resources={"requests": {"storage": "0"}}), "spec.resources[storage]"),
    (PVCS, claim(storageClassName="Not_A_Name"), "spec.storageClassName"),
    (PVCS, claim(volumeMode="Tape"), "spec.volumeMode"),
    (VOLUME_SNAPSHOTS, {"spec": {}}, "spec.source"),
    (ROLES, {"rules": [{"apiGroups": [""], "resources": ["pods"]}]}, "rules[0].verbs"),
    (BINDINGS, binding(roleRef={**ROLE, "name": ""}), "roleRef.name"),
    (BINDINGS, binding(roleRef={**ROLE, "kind": "Job"}), "roleRef.kind"),
    (LEASES, {"spec": {"leaseDurationSeconds": 0}}, "spec.leaseDurationSeconds"),
    (ACCOUNTS, {"metadata": {"name": "Upper"}}, "metadata.name"),
]


def field_of(refusal: ApiError) -> set[str]:
    return {cause["field"] for cause in (refusal.details or {}).get("causes", [])}


@pytest.mark.parametrize(("resource", "body", "field"), TABLE, ids=[f"{r.kind}-{f}" for r, _, f in TABLE])
def test_what_cannot_be_is_422_and_names_the_field(
    cluster: Cluster, resource: Resource, body: dict[str, Any], field: str
) -> None:
    wanted = copy.deepcopy(body)
    wanted["metadata"] = {"name": "refused", **wanted.get("metadata", {})}
    with pytest.raises(ApiError) as refused:
        cluster.create(resource, wanted)
    assert refused.value.status == 422
    assert field in field_of(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"accessModes": ["ReadWriteMany"]},
        {"storageClassName": "another"},
        {"volumeName": "another"},
        {"dataSource": {"kind": "PersistentVolumeClaim", "name": "x"}},
    ],
)
def test_a_bound_claim_stays_what_it_is(cluster: Cluster, changes: dict[str, Any]) -> None:
    cluster.claim("fixed")
    cluster.run("user", "fixed", "pass")
    with pytest.raises(ApiError) as refused:
        cluster.patch(PVCS, "fixed", {"spec": changes})
    assert (refused.value.status, field_of(refused.value)) == (422, {"spec"})


def test_a_claim_that_waits_for_its_class_takes_an_annotation(cluster: Cluster) -> None:
    sizes = {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "no-such-class", "resources": sizes}
    cluster.create(PVCS, {"metadata": {"name": "waits"}, "spec": spec})
    changed = cluster.patch(PVCS, "waits", {"metadata": {"annotations": {"a": "b"}}})
    assert changed["metadata"]["annotations"]["a"] == "b"
    with pytest.raises(ApiError) as refused:
        cluster.patch(PVCS, "waits", {"spec": {"storageClassName": "another"}})
    assert (refused.value.status, field_of(refused.value)) == (422, {"spec"})


def test_a_job_s_template_and_a_pod_s_spec_stay_what_they_are(cluster: Cluster) -> None:
    cluster.create(JOBS, {"metadata": {"name": "fixed"}, **job(suspend=False, parallelism=0)})
    with pytest.raises(ApiError) as refused:
        cluster.patch(JOBS, "fixed", {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}})
    assert (refused.value.status, field_of(refused.value)) == (422, {"spec.template"})

    cluster.create(PODS, {"metadata": {"name": "fixed"}, **pod(nodeSelector={"none": "such"})})
    with pytest.raises(ApiError) as refused:
        cluster.patch(PODS, "fixed", {"spec": {"nodeSelector": {"none": "other"}, "restartPolicy": "Always"}})
    assert refused.value.status == 422
