"""What is looked at before a mover is started: the reads that takes, and what would keep it from working."""

from __future__ import annotations

from volsync_py.api.spec import Replication
from volsync_py.api.view import UNREAD, Kind, Read, ReadKind, View
from volsync_py.core.actions import Object
from volsync_py.core.result import Trouble
from volsync_py.movers.restic.repository import check_secret, decoded, repository_label
from volsync_py.volumes.in_use import pod_using, shared_by_nodes


def reads_for(replication: Replication, view: View, claim: Object) -> tuple[Read, ...]:
    """Return the reads that are missing; what is needed next may depend on what these bring."""
    spec = replication.restic
    wanted = [Read(ReadKind.SECRET, spec.repository)]
    ca = spec.custom_ca
    if ca:
        kind = ReadKind.SECRET if ca.get("secretName") else ReadKind.CONFIG_MAP
        wanted.append(Read(kind, ca.get("secretName") or ca["configMapName"]))
    if spec.service_account:
        wanted.append(Read(ReadKind.SERVICE_ACCOUNT, spec.service_account))
    if spec.is_direct and not shared_by_nodes(claim):
        wanted.append(Read(ReadKind.PODS))
    missing = tuple(read for read in wanted if read not in view.reads)
    if missing:
        return missing
    later: list[Read] = []
    pod = neighbour(view, claim)
    if pod is not None:
        later.append(Read(ReadKind.NODE, pod["spec"]["nodeName"]))
    secret = view.read(ReadKind.SECRET, spec.repository)
    if check_secret(spec.repository, secret) is None:
        later.append(Read(ReadKind.JOBS_OF_REPOSITORY, repository_of(view, secret)))
    return tuple(read for read in later if read not in view.reads)


def neighbour(view: View, claim: Object) -> Object | None:
    """Return the pod that a mover has to run beside, because it uses the claim."""
    pods = view.read(ReadKind.PODS)
    return None if pods is UNREAD else pod_using(claim["metadata"]["name"], pods)


def repository_of(view: View, secret: Object) -> str:
    """Return the label of the repository that a Secret names."""
    return repository_label(view.settings.cluster_id, decoded(secret, "RESTIC_REPOSITORY"))


def obstacle(replication: Replication, view: View) -> Trouble | None:
    """Return what keeps the mover from being started at all."""
    secret = view.read(ReadKind.SECRET, replication.restic.repository)
    return (
        check_secret(replication.restic.repository, secret)
        or _certificate_authority(replication, view)
        or _mover_volumes(replication, view)
        or _account(replication, view)
        or _pod_security(replication, view)
    )


def _certificate_authority(replication: Replication, view: View) -> Trouble | None:
    ca = replication.restic.custom_ca
    if not ca:
        return None
    secret = bool(ca.get("secretName"))
    name = ca.get("secretName") or ca["configMapName"]
    found = view.read(ReadKind.SECRET if secret else ReadKind.CONFIG_MAP, name)
    word = "secret" if secret else "configmap"
    if found is None:
        return Trouble("Configuration", f"spec.restic.customCA: {word} {name!r} not found", "create it")
    if ca["key"] not in (found.get("data") or {}):
        text = f"spec.restic.customCA: {word} is missing field: {ca['key']}"
        return Trouble("Configuration", text, f"add the certificate to {name!r}")
    return None


def _mover_volumes(replication: Replication, view: View) -> Trouble | None:
    for volume in replication.restic.mover_volumes:
        name = ((volume.get("volumeSource") or {}).get("persistentVolumeClaim") or {}).get("claimName")
        if name and view.objects.get(Kind.CLAIM, name) is None:
            text = f"spec.restic.moverVolumes: PersistentVolumeClaim {name!r} not found"
            return Trouble("Configuration", text, "create it in this namespace")
    return None


def _account(replication: Replication, view: View) -> Trouble | None:
    name = replication.restic.service_account
    if name and view.read(ReadKind.SERVICE_ACCOUNT, name) is None:
        text = f"spec.restic.moverServiceAccount: ServiceAccount {name!r} not found"
        return Trouble("Configuration", text, "create it in this namespace")
    return None


def _pod_security(replication: Replication, view: View) -> Trouble | None:
    if view.namespace_labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        return None
    context = replication.restic.security_context or {}
    if context.get("runAsNonRoot") is True and context.get("runAsUser") != 0 and not view.privileged:
        return None
    return Trouble(
        "PodRejected",
        "the namespace enforces Pod Security 'restricted', and nothing makes the mover run as non-root",
        "set spec.restic.moverSecurityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}",
    )
