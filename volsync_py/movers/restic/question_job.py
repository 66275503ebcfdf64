"""The Job of a command: a pod that answers questions about a repository, or that looks after it once. Pure.

Made with the rights of whoever types the command, of the manager's own parts: the same container, context, certificate,
volumes and place as the resource's movers, but for the data and the cache, which are a mover's alone. Its Secret is
referred to as a whole, because nobody here may read which keys it has; under a prefix, so that none of them changes how
a program runs. It belongs to no custom resource, and has no label by which the manager takes it for a mover's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from attrs import evolve, field, frozen

from volsync_py.api.spec import Replication
from volsync_py.contract.questions import SECRET_PREFIX, WAIT
from volsync_py.contract.run_document import Run
from volsync_py.core import names
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.objects import Object
from volsync_py.core.view import ReadKind
from volsync_py.movers.restic import objects as make
from volsync_py.movers.restic.job_environment import GCS_KEY, Variables, forget_options
from volsync_py.movers.restic.preflight import certificate_read

# A pod that does not start cannot end itself, and who waits for it may have been killed. Who lives moves this on.
UNSTARTED_SECONDS = 60
# A large download takes hours. The pod itself waits for nobody after one; this ends what has lost its node.
LONGEST_QUESTIONS_SECONDS = 86400
# A check that reads a large repository takes days, and restic says itself when it gets no further.
_LONGEST_WORK_SECONDS = 7 * 86400
# What a command that was ended cannot read any more, a person may want to look at.
_SHOWN_SECONDS = 600
# restic without a lock has nothing to give back.
_GRACE_SECONDS = 5


@frozen
class Asked:
    """What a command decides about its Job; `work` are operations of the mover's, none of them for a pod that waits."""

    image: str
    suffix: str
    service_account: str = ""
    privileged: bool = False
    proxies: tuple[tuple[str, str], ...] = ()
    work: tuple[str, ...] = ()
    run: Run | None = None
    # What was asked besides the work itself, by which one piece of it is told from another.
    how: tuple[str, ...] = ()
    # What else the pod is told, for work of another kind.
    more: Mapping[str, str] = field(factory=dict)


def question_job(replication: Replication, asked: Asked) -> Object:
    """Return the Job."""
    plan = _plan(replication, asked)
    spec = make.pod_spec(plan)
    _have_no_claims_of_the_mover(spec)
    container = spec["containers"][0]
    secret = replication.restic.repository
    container["envFrom"] = [{"prefix": SECRET_PREFIX, "secretRef": {"name": secret}}]
    container["env"] += [{"name": name, "value": value} for name, value in asked.more.items()]
    _have_google_credentials(spec, secret)
    if not plan.service_account:
        del spec["serviceAccountName"]
    if not asked.work:
        spec["terminationGracePeriodSeconds"] = _GRACE_SECONDS
    labels = labels_of_questions(replication, asked.work, asked.how)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": plan.name, "namespace": replication.object["metadata"]["namespace"], "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": _LONGEST_WORK_SECONDS if asked.work else UNSTARTED_SECONDS,
            "ttlSecondsAfterFinished": _SHOWN_SECONDS if asked.work else 0,
            "template": {"metadata": {"labels": {**plan.pod_labels, **labels}}, "spec": spec},
        },
    }


def labels_of_questions(
    replication: Replication, work: tuple[str, ...] = (), how: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the labels by which another command finds a pod that answers the same questions the same way.

    It is of the image that was named, if one was, and takes as long to give up.
    """
    given = (replication.object.get("spec") or {}).get("restic")
    run = replication.restic.run.to_json()
    asked = json.dumps([given, run, work, *how], sort_keys=True, default=str)
    return {
        str(Label.CREATED_BY): CREATED_BY_US,
        str(Label.ASKED_FOR): replication.uid,
        str(Label.ASKED_HOW): "-".join([*work, sha256(asked.encode()).hexdigest()[:16]]),
    }


def host_of(replication: Replication) -> str:
    """Return the host name of the snapshots that are the resource's."""
    run = replication.restic.run
    return (run.host if replication.role is names.Role.SOURCE else run.restore.host) or names.SNAPSHOT_HOST


def _plan(replication: Replication, asked: Asked) -> make.JobPlan:
    spec = replication.restic
    name = names.question_job_name(replication.name, asked.suffix)
    run = evolve(asked.run or spec.run, host=host_of(replication))
    variables = Variables(
        secret_name=spec.repository,
        secret_keys=frozenset(),
        run=evolve(run, repository_on_volume=False).to_json(),
        forget_options=forget_options(spec.retain),
        proxies=asked.proxies,
        custom_ca=bool(spec.custom_ca),
        privileged=asked.privileged,
    )
    return make.JobPlan(
        owner=replication.object,
        name=name,
        args=asked.work or (WAIT,),
        image=asked.image,
        service_account=asked.service_account,
        variables=variables,
        data_claim="",
        cache_claim="",
        # Never that of a mover, which takes locks of its own name for dead ones.
        hostname=name,
        repository="",
        record="",
        security_context=spec.security_context,
        resources=spec.resources,
        affinity=spec.affinity,
        pod_labels=spec.pod_labels,
        tolerations=spec.tolerations,
        custom_ca=_authority(replication),
        mover_volumes=spec.mover_volumes,
    )


def _authority(replication: Replication) -> make.CertificateAuthority | None:
    ca = replication.restic.custom_ca
    read = certificate_read(ca)
    if read is None:
        return None
    if read.kind is ReadKind.SECRET:
        return make.CertificateAuthority(ca["key"], secret=read.name)
    return make.CertificateAuthority(ca["key"], config_map=read.name)


def _have_no_claims_of_the_mover(spec: Object) -> None:
    """Leave the data out, and have a cache that goes with the pod."""
    spec["volumes"] = [one for one in spec["volumes"] if one["name"] not in {"data", "cache"}]
    spec["volumes"].append({"name": "cache", "emptyDir": {}})
    container = spec["containers"][0]
    container["volumeMounts"] = [one for one in container["volumeMounts"] if one["name"] != "data"]


def _have_google_credentials(spec: Object, secret: str) -> None:
    """Mount the key of the Secret that is a file, if there is one."""
    items = [{"key": GCS_KEY, "path": "gcs.json"}]
    volume = {"secretName": secret, "items": items, "optional": True}
    spec["volumes"].append({"name": "gcs-credentials", "secret": volume})
    spec["containers"][0]["volumeMounts"].append({"name": "gcs-credentials", "mountPath": "/credentials"})
