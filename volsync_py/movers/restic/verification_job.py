"""The Job of a verification, and the claim that it restores into: a volume of its own, which goes with it.

Where nothing is to be kept, the pod brings the claim along: it is made by the cluster, and goes with the pod.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.bounded_json import number_of, text_of
from volsync_py.contract.run_document import Grants, Run, Verification
from volsync_py.core import names
from volsync_py.core.labels import VERIFICATION, Label
from volsync_py.core.objects import Object, mapping
from volsync_py.core.view import Kind, ReadKind, View
from volsync_py.movers.restic import objects as make
from volsync_py.movers.restic.cache_volume import DEFAULT_CACHE_SIZE
from volsync_py.movers.restic.job_state import JobState, Phase
from volsync_py.movers.restic.masked import without_passwords
from volsync_py.movers.restic.new_job import deadlines_for, plan_for, record_of, variables_for
from volsync_py.movers.restic.outcome import ClusterError
from volsync_py.movers.restic.unstarted_job import without_pod
from volsync_py.volumes.claims import capacity_of, claim_object, largest
from volsync_py.volumes.in_use import Placement

# A file system needs room for itself, and restic for a file that it is writing.
_HEADROOM = Decimal("1.2")
_LEAST_BYTES = 1024**3
_MIB = 1024**2
_READ_ONLY = "ReadOnlyMany"
# How the controller of claims that pods bring along begins what it says of one that it cannot make …
_NO_CLAIM = "ephemeral volume "
# … and what the scheduler says, among other things, for as long as it has not made it.
_WAITS_FOR_CLAIM = "waiting for ephemeral volume controller"


def undisturbed(replication: Replication) -> Replication:
    """Return the resource as one that works on a volume of its own, so that nobody looks who uses the source's."""
    return evolve(replication, restic=evolve(replication.restic, copy_method="Clone"))


def scratch_claim(replication: Replication, view: View) -> Object:
    """Return the claim to restore into: as large as the source's volume, and as what was backed up of it needs."""
    spec = replication.restic
    source = view.objects.get(Kind.CLAIM, spec.source_claim)
    given: Object = source["spec"] if source is not None else {}
    # One that can be read only is for copies that nobody writes into.
    modes = [mode for mode in spec.access_modes or given.get("accessModes") or () if mode != _READ_ONLY]
    claim = claim_object(
        replication.object,
        names.verification_name(replication.name),
        size=largest(_needed(replication), spec.capacity, capacity_of(source) if source is not None else None),
        access_modes=modes or ["ReadWriteOnce"],
        storage_class=spec.storage_class or given.get("storageClassName"),
        temporary=True,
    )
    claim["metadata"]["labels"][str(Label.PURPOSE)] = VERIFICATION
    return claim


def _needed(replication: Replication) -> str:
    """Return what the last backup needs, in MiB."""
    snapshot = last_snapshot(replication.status)
    wanted = max(int(number_of(snapshot, "bytesProcessed") * _HEADROOM), _LEAST_BYTES)
    return f"{-(-wanted // _MIB)}Mi"


def last_snapshot(status: Object) -> Object:
    """Return what the status has on record of the last backup, {} if nothing."""
    found = mapping(status, "restic", "lastSnapshot")
    return found if text_of(found, "id") else {}


def verification_job(
    replication: Replication, view: View, secret: Object, claim: Object, placement: Placement
) -> Object:
    """Return the Job that restores into the claim and compares."""
    snapshot, wanted = last_snapshot(replication.status), replication.verification
    told = Verification(text_of(snapshot, "id"), text_of(snapshot, "time"), wanted.command)
    grants = Grants(init=False, prune=False, forget=False)
    document = Run(host=replication.restic.run.host, grants=grants, verification=told, deadlines=deadlines_for(view))
    variables = evolve(variables_for(replication, view, secret, document), debug=False)
    record = evolve(record_of(replication, secret, grants), prove_now=wanted.prove_now)
    plan = plan_for(
        replication,
        view,
        claim,
        (["prove"], variables, record),
        hostname=names.verification_host_name(replication.uid),
        placement=placement,
    )
    return make.job_object(
        evolve(
            plan,
            name=claim["metadata"]["name"],
            cache_claim="",
            # Of the node's disk, and what a backup's cache has, which holds the same.
            cache_size=largest(replication.restic.cache_capacity, DEFAULT_CACHE_SIZE),
            purpose=VERIFICATION,
            data_template=None if wanted.keeps_failed else _brought_along(claim),
        )
    )


def _brought_along(claim: Object) -> Object:
    """Return a claim as the template of one that its pod owns."""
    return {
        "metadata": {key: claim["metadata"].get(key) or {} for key in ("labels", "annotations")},
        "spec": claim["spec"],
    }


def with_cause(view: View, job: Object, state: JobState) -> JobState:
    """Return what holds a Job up, with its cause: that a pod, or the claim it brings along, is refused is in events."""
    if state.phase is Phase.PODLESS:
        return without_passwords(without_pod(view, job, state))
    # An event stays for an hour after what it tells of is over, and the scheduler looks again.
    if state.error_class != ClusterError.NOT_SCHEDULED or state.pod is None or _WAITS_FOR_CLAIM not in state.message:
        return state
    told = view.read(ReadKind.FAILED_BINDING_EVENTS, state.pod["metadata"]["name"])
    refused = [str(text) for text in told if str(text).startswith(_NO_CLAIM)]
    if not refused:
        return state
    return without_passwords(evolve(state, error_class=ClusterError.REFUSED.value, message=refused[-1]))
