"""What is looked at before a mover is started: what would keep it from working."""

from __future__ import annotations

from volsync_py.api.spec import Replication
from volsync_py.core.attempt import Attempt
from volsync_py.core.objects import Object
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.times import instant, past
from volsync_py.core.view import Kind, Read, ReadKind, View
from volsync_py.movers.restic.job_state import POD_PATIENCE
from volsync_py.movers.restic.lock_holder import reads_for_holder
from volsync_py.movers.restic.objects import CertificateAuthority
from volsync_py.movers.restic.pods import left_running
from volsync_py.movers.restic.pull_secrets import check_copies, reads_for_copies
from volsync_py.movers.restic.repository import check_secret, check_values, decoded, is_doubtful, repository_label
from volsync_py.volumes.claims import is_block
from volsync_py.volumes.in_use import shared_by_nodes


def _reads_for(replication: Replication, view: View, claim: Object) -> list[Read]:
    """Return what is read before a start and does not depend on other reads: together it takes one round."""
    spec = replication.restic
    wanted = [Read(ReadKind.SECRET, spec.repository), *reads_for_holder(replication)]
    wanted += reads_for_copies(replication, view)
    authority = certificate_read(spec.custom_ca)
    if authority is not None:
        wanted.append(authority)
    wanted += [Read(ReadKind.SECRET, name) for name in _secrets_to_mount(replication)]
    if spec.service_account:
        wanted.append(Read(ReadKind.SERVICE_ACCOUNT, spec.service_account))
    if spec.is_direct and not shared_by_nodes(claim):
        # For `placement`; with the others, it takes no round of its own.
        wanted.append(Read(ReadKind.PODS))
    return wanted


def repository_of(view: View, secret: Object) -> str:
    """Return the label of the repository that a Secret names."""
    return repository_label(view.settings.cluster_id, decoded(secret, "RESTIC_REPOSITORY"))


def check_preconditions(replication: Replication, view: View, claim: Object) -> Trouble | None:
    """Return what keeps the mover from being started at all; `claim` is what it is to work on."""
    view.require(*_reads_for(replication, view, claim))
    secret = view.read(ReadKind.SECRET, replication.restic.repository)
    return (
        check_secret(replication.restic.repository, secret)
        or _values(replication, secret)
        or _certificate_authority(replication, view)
        or _mover_volumes(replication, view)
        or _account(replication, view)
        or check_copies(replication, view)
        or _root(replication, view)
        or _pod_security(replication, view)
    )


def wants_a_mount(replication: Replication, secret: Object) -> bool:
    """Return whether the mover is to look for a volume below the repository, because the manager knows of none."""
    return is_doubtful(secret, _mounted(replication))


def _values(replication: Replication, secret: Object) -> Trouble | None:
    spec = replication.restic
    # An account may stand for an identity of the cloud, and a file in a volume may hold a key.
    elsewhere = bool(spec.service_account or spec.mover_volumes)
    return check_values(spec.repository, secret, mounted=_mounted(replication), elsewhere=elsewhere)


def _mounted(replication: Replication) -> list[str]:
    return [str(volume["mountPath"]) for volume in replication.restic.mover_volumes]


def certificate_read(custom_ca: Object) -> Read | None:
    """Return the read of what holds the custom CA, or None if there is none; of two sources the Secret counts."""
    secret, config_map = custom_ca.get("secretName"), custom_ca.get("configMapName")
    if secret:
        return Read(ReadKind.SECRET, str(secret))
    return Read(ReadKind.CONFIG_MAP, str(config_map)) if config_map else None


def certificate_authority(replication: Replication, view: View) -> CertificateAuthority | None:
    """Return where the custom CA is, and the version of it that was looked at."""
    ca = replication.restic.custom_ca
    read = certificate_read(ca)
    if read is None:
        return None
    found = view.read(read.kind, read.name)
    version = "" if found is None else str(found["metadata"]["resourceVersion"])
    if read.kind is ReadKind.SECRET:
        return CertificateAuthority(ca["key"], secret=read.name, version=version)
    return CertificateAuthority(ca["key"], config_map=read.name, version=version)


def _certificate_authority(replication: Replication, view: View) -> Trouble | None:
    ca = replication.restic.custom_ca
    read = certificate_read(ca)
    if read is None:
        return None
    found = view.read(read.kind, read.name)
    word = "secret" if read.kind is ReadKind.SECRET else "configmap"
    if found is None:
        return Trouble("Configuration", f"spec.restic.customCA: {word} {read.name!r} not found", "create it")
    if ca["key"] not in (found.get("data") or {}):
        text = f"spec.restic.customCA: {word} is missing field: {ca['key']}"
        return Trouble("Configuration", text, f"add the certificate to {read.name!r}")
    return None


def _secrets_to_mount(replication: Replication) -> list[str]:
    sources = ((volume.get("volumeSource") or {}).get("secret") or {} for volume in replication.restic.mover_volumes)
    return [str(source["secretName"]) for source in sources if source.get("secretName")]


def _mover_volumes(replication: Replication, view: View) -> Trouble | None:
    for volume in replication.restic.mover_volumes:
        name = ((volume.get("volumeSource") or {}).get("persistentVolumeClaim") or {}).get("claimName")
        if name and view.objects.get(Kind.CLAIM, name) is None:
            return _not_found("moverVolumes", "PersistentVolumeClaim", name)
    for name in _secrets_to_mount(replication):
        if view.read(ReadKind.SECRET, name) is None:
            return _not_found("moverVolumes", "Secret", name)
    return None


def _not_found(field: str, kind: str, name: str) -> Trouble:
    return Trouble("Configuration", f"spec.restic.{field}: {kind} {name!r} not found", "create it in this namespace")


def _account(replication: Replication, view: View) -> Trouble | None:
    name = replication.restic.service_account
    if name and view.read(ReadKind.SERVICE_ACCOUNT, name) is None:
        return _not_found("moverServiceAccount", "ServiceAccount", name)
    return None


def _root(replication: Replication, view: View) -> Trouble | None:
    context = replication.restic.security_context or {}
    if not view.privileged or context.get("runAsNonRoot") is not True:
        return None
    return Trouble(
        "Configuration",
        "spec.restic.moverSecurityContext.runAsNonRoot: privileged movers run as root, the kubelet would refuse it",
        "remove it, or the namespace's annotation volsync.backube/privileged-movers",
    )


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


def named_claim(view: View, path: str, name: str) -> Object | StepResult:
    """Return a claim that the user names in the field `path`, if restic can work on it."""
    claim = view.objects.get(Kind.CLAIM, name)
    if claim is None:
        text = f"{path}: PersistentVolumeClaim {name!r} not found"
        return StepResult(error=Trouble("Configuration", text, "create it, or correct the name"))
    if is_block(claim):
        text = f"{path}: {name!r} is a block device, restic works on file systems"
        return StepResult(error=Trouble("Configuration", text, "use a claim with volumeMode Filesystem"))
    if claim["metadata"].get("deletionTimestamp"):
        # A claim that is being deleted can be mounted by no new pod, so neither a cache nor a Job is created.
        text = f"{path}: PersistentVolumeClaim {name!r} is being deleted"
        return StepResult(error=Trouble("ClaimTerminating", text, "wait for a new one, or name another claim"))
    return claim


def left_behind(replication: Replication, view: View, job_name: str) -> StepResult | None:
    """Return the wait for a pod that may still work: never two movers of one resource."""
    pod = left_running(view, job_name)
    if pod is None:
        return None
    name, gone = pod["metadata"]["name"], pod["metadata"].get("deletionTimestamp")
    # The deletionTimestamp is the end of the pod's grace period.
    left = (instant(gone, view.server_now) - view.server_now).total_seconds() if gone else 0.0
    ended = Attempt.of(replication.status).failed_at
    if ended and not gone:
        # The event of the pod's end may come after that of its Job's.
        left = (past(ended, view.server_now) + POD_PATIENCE - view.server_now).total_seconds()
    if left > 0:
        text = f"Waiting for the end of Pod/{name}, the mover of an earlier Job"
        return StepResult(waiting=text, requeue_after_seconds=left + 1.0)
    text = f"Pod/{name} is the mover of a Job that was deleted without it"
    return StepResult(error=Trouble("ObjectInTheWay", text, "wait for its end, or delete it"))
