"""The objects of one restic mover: the Job above all, rendered as VolSync renders it.

What is added to VolSync's Job serves safety: one attempt a Job, a pod replaced only after its end, a
stable host name for restic's locks, time to end cleanly, no service account token.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from volsync_py.api.restic import mover_volume_name
from volsync_py.core.labels import CREATED_BY_US, Annotation, Label
from volsync_py.core.objects import Object
from volsync_py.movers.restic.job_environment import (
    CACHE_DIRECTORY,
    DATA_DIRECTORY,
    GCS_KEY,
    MOVER_VOLUMES,
    TEMPORARY_DIRECTORY,
    Variables,
    environment,
)
from volsync_py.volumes.claims import metadata_for
from volsync_py.volumes.in_use import Placement

COMMAND = "volsync-py-mover"
# restic may need 60 s to give its lock back on a slow backend, the supervisor waits 75 s: 90 s are enough.
GRACE_PERIOD_SECONDS = 90
# What a privileged mover may do beyond the others: read, own and change any file.
PRIVILEGED_CAPABILITIES = ("DAC_OVERRIDE", "CHOWN", "FOWNER")
# Differs from VolSync: setgid bits of foreign groups, and device nodes, come back. Both are among what Pod Security's
# "baseline" lets a container add, as the others are.
RESTORE_CAPABILITIES = ("FSETID", "MKNOD")


@frozen
class CertificateAuthority:
    """Where the custom CA certificate is: one key of a Secret or of a ConfigMap."""

    key: str
    secret: str = ""
    config_map: str = ""
    version: str = ""

    def volume(self) -> Object:
        """Return the volume that projects the key to `ca.crt`."""
        items = [{"key": self.key, "path": "ca.crt"}]
        if self.secret:
            return {"name": "custom-ca", "secret": {"secretName": self.secret, "items": items}}
        return {"name": "custom-ca", "configMap": {"name": self.config_map, "items": items}}


@frozen
class JobPlan:
    """Everything that a mover's Job depends on, decided once for the whole run."""

    owner: Object
    name: str
    args: tuple[str, ...]
    image: str
    service_account: str
    variables: Variables
    data_claim: str
    # "": a cache that goes with the pod, of `cache_size` at most.
    cache_claim: str
    hostname: str
    repository: str
    record: str
    paused: bool = False
    read_only: bool = False
    security_context: Object | None = None
    resources: Object = field(factory=dict)
    affinity: Object | None = None
    pod_labels: dict[str, str] = field(factory=dict)
    placement: Placement = field(factory=Placement)
    tolerations: tuple[Any, ...] = ()
    custom_ca: CertificateAuthority | None = None
    mover_volumes: tuple[Object, ...] = ()
    cache_size: Any = None
    # What the Job is for, if it is no run.
    purpose: str = ""
    # A claim that the pod brings along and takes with it, instead of `data_claim`.
    data_template: Object | None = None


def job_object(plan: JobPlan) -> Object:
    """Return the Job of one attempt."""
    metadata = metadata_for(plan.owner, plan.name, temporary=True)
    if plan.repository:
        metadata["labels"][str(Label.REPOSITORY)] = plan.repository
    purpose = {str(Label.PURPOSE): plan.purpose} if plan.purpose else {}
    metadata["labels"] |= purpose
    metadata["annotations"] = {str(Annotation.RUN): plan.record}
    if plan.custom_ca is not None and plan.custom_ca.version:
        metadata["annotations"][str(Annotation.CUSTOM_CA_VERSION)] = plan.custom_ca.version
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            # Differs from VolSync, whose Job tries eight times: the manager decides about the next attempt.
            "backoffLimit": 0,
            "parallelism": 0 if plan.paused else 1,
            # After a pause the new pod comes only when the old one has ended.
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {
                    "name": plan.name,
                    # Differs from VolSync: the user's labels cannot replace ours.
                    "labels": {**plan.pod_labels, str(Label.CREATED_BY): CREATED_BY_US, **purpose},
                },
                "spec": pod_spec(plan),
            },
        },
    }


def pod_spec(plan: JobPlan) -> Object:
    """Return what the pod of a Job is."""
    spec: Object = {
        "restartPolicy": "Never",
        "serviceAccountName": plan.service_account,
        "automountServiceAccountToken": False,
        "hostname": plan.hostname,
        "terminationGracePeriodSeconds": GRACE_PERIOD_SECONDS,
        "containers": [_container(plan)],
        "volumes": _volumes(plan),
    }
    if plan.security_context is not None:
        spec["securityContext"] = plan.security_context
    if plan.affinity is not None:
        spec["affinity"] = plan.affinity
    if plan.placement.node_selector:
        spec["nodeSelector"] = dict(plan.placement.node_selector)
    tolerations = [*plan.placement.tolerations, *plan.tolerations]
    if tolerations:
        spec["tolerations"] = tolerations
    return spec


def _container(plan: JobPlan) -> Object:
    return {
        "name": "restic",
        "image": plan.image,
        "command": [COMMAND],
        "args": list(plan.args),
        "env": environment(plan.variables),
        "resources": plan.resources,
        "securityContext": _security_context(
            privileged=plan.variables.privileged, restores=bool({"restore", "prove"} & {*plan.args})
        ),
        "volumeMounts": _mounts(plan),
    }


def _security_context(*, privileged: bool, restores: bool) -> Object:
    capabilities: Object = {"drop": ["ALL"]}
    context: Object = {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": capabilities,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if privileged:
        capabilities["add"] = [*PRIVILEGED_CAPABILITIES, *(RESTORE_CAPABILITIES if restores else ())]
        context["runAsUser"] = 0
    return context


def _mounts(plan: JobPlan) -> list[Object]:
    mounts = [
        {"name": "data", "mountPath": DATA_DIRECTORY},
        {"name": "cache", "mountPath": CACHE_DIRECTORY},
        {"name": "tempdir", "mountPath": TEMPORARY_DIRECTORY},
    ]
    if plan.custom_ca is not None:
        mounts.append({"name": "custom-ca", "mountPath": "/customCA"})
    if GCS_KEY in plan.variables.secret_keys:
        mounts.append({"name": "gcs-credentials", "mountPath": "/credentials"})
    for volume in plan.mover_volumes:
        path = volume["mountPath"]
        mounts.append({"name": mover_volume_name(path), "mountPath": f"{MOVER_VOLUMES}/{path}"})
    return mounts


def _volumes(plan: JobPlan) -> list[Object]:
    claim: Object = {"claimName": plan.data_claim}
    if plan.read_only:
        claim["readOnly"] = True
    data: Object = {"persistentVolumeClaim": claim}
    if plan.data_template is not None:
        data = {"ephemeral": {"volumeClaimTemplate": plan.data_template}}
    cache: Object = {"persistentVolumeClaim": {"claimName": plan.cache_claim}}
    if not plan.cache_claim:
        cache = {"emptyDir": {"sizeLimit": plan.cache_size}}
    volumes: list[Object] = [
        {"name": "data", **data},
        {"name": "cache", **cache},
        {"name": "tempdir", "emptyDir": {"medium": "Memory"}},
    ]
    if plan.custom_ca is not None:
        volumes.append(plan.custom_ca.volume())
    if GCS_KEY in plan.variables.secret_keys:
        items = [{"key": GCS_KEY, "path": "gcs.json"}]
        secret = {"secretName": plan.variables.secret_name, "items": items}
        volumes.append({"name": "gcs-credentials", "secret": secret})
    for volume in plan.mover_volumes:
        volumes.append({"name": mover_volume_name(volume["mountPath"]), **volume["volumeSource"]})
    return volumes


def service_account_object(owner: Object, name: str, pull_secrets: Iterable[str] = ()) -> Object:
    """Return the mover's own service account: it has no rights, and its token is not mounted."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata_for(owner, name, temporary=False)}
    named = [{"name": one} for one in pull_secrets]
    return {**account, "imagePullSecrets": named} if named else account


def role_object(owner: Object, name: str, *, scc_name: str, privileged: bool) -> Object:
    """Return the Role that OpenShift asks for; empty unless movers of the namespace are privileged."""
    rule = {
        "apiGroups": ["security.openshift.io"],
        "resources": ["securitycontextconstraints"],
        "resourceNames": [scc_name],
        "verbs": ["use"],
    }
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata_for(owner, name, temporary=False),
        "rules": [rule] if privileged else [],
    }


def role_binding_object(owner: Object, name: str) -> Object:
    """Return the binding of that Role to the service account of the same name."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": owner["metadata"]["namespace"]}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata_for(owner, name, temporary=False),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [subject],
    }
