"""The mover of a destination: provide a volume, restore into it, publish it once that is proved."""

from __future__ import annotations

from attrs import evolve

from volsync_py.contract.codec import as_json
from volsync_py.contract.report import ErrorClass, Report
from volsync_py.contract.run_document import Grants
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Event, EventType, Patch
from volsync_py.core.labels import Label
from volsync_py.core.objects import Object, is_deleting, labels_of
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.result import StepResult, Success, Trouble, until_gone
from volsync_py.core.view import Kind
from volsync_py.movers.restic.cache_volume import replaces, small_cache
from volsync_py.movers.restic.job_environment import Variables
from volsync_py.movers.restic.job_state import JobState, delete_job
from volsync_py.movers.restic.lock_holder import lock_options
from volsync_py.movers.restic.mover import ResticMover
from volsync_py.movers.restic.new_job import deadlines_for, record_of, variables_for
from volsync_py.movers.restic.outcome import ClusterError, trouble
from volsync_py.movers.restic.preflight import named_claim
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.volumes.claims import (
    claim_created_event,
    claim_object,
    expand_claim,
    is_to_be_replaced,
    not_grown,
    replace_claim,
    set_cleanup_label,
)
from volsync_py.volumes.image import (
    delete_or_release,
    direct_image,
    ensure_snapshot_image,
    forget_name,
    old_images,
    relinquish,
)
from volsync_py.volumes.point_in_time import in_the_way


class DestinationMover(ResticMover):
    """A restore."""

    def _claim_name(self) -> str:
        return self.spec.destination_claim or names.destination_name(self.replication.name)

    def _data_claim(self) -> tuple[Object | None, StepResult]:
        """Return the claim to restore into, and the creation of one that we provision; None: not yet."""
        if self.spec.destination_claim:
            named = named_claim(self.view, "spec.restic.destinationPVC", self.spec.destination_claim)
            return (None, named) if isinstance(named, StepResult) else (named, StepResult())
        name = self._claim_name()
        claim = self.view.objects.get(Kind.CLAIM, name)
        wanted = claim_object(
            self.owner,
            name,
            size=self.spec.capacity,
            access_modes=list(self.spec.access_modes or ()),
            storage_class=self.spec.storage_class,
            temporary=self.spec.cleanup_temp_claim,
        )
        if claim is None:
            created = Create(wanted, self.uid, claim_created_event(wanted, "to receive incoming data"))
            return wanted, StepResult(actions=(created,))
        if not is_controlled_by(claim, self.uid):
            return None, StepResult(error=in_the_way(claim))
        if is_deleting(claim):
            return None, until_gone(claim)
        if is_to_be_replaced(claim, wanted, self.view.server_now):
            return None, replace_claim(claim)
        return claim, StepResult()

    def is_outdated(self, data: Object) -> bool:
        """Return whether a volume of the Job would be made anew."""
        claim, waiting = self._data_claim()
        return super().is_outdated(data) or (claim is None and replaces(waiting))

    def first(self) -> tuple[Action, ...]:
        """Return what makes the snapshots that the user marked his own, so that none goes with this resource."""
        snapshots = self.view.objects.of_kind(Kind.SNAPSHOT)
        marked_ones = (s for s in snapshots if Label.DO_NOT_DELETE in labels_of(s))
        return tuple(a for a in (relinquish(self.owner, s) for s in marked_ones) if a is not None)

    def prepare(self) -> tuple[Object | None, StepResult]:
        """Return the claim to write to."""
        claim, step = self._data_claim()
        if claim is None or step.actions:
            return claim, step
        # A name that is still on the claim is of an image of something else than what this run restores.
        actions: tuple[Action, ...] = forget_name(claim)
        if not self.spec.destination_claim:
            temporary = set_cleanup_label(claim, self.uid, temporary=self.spec.cleanup_temp_claim)
            actions = (*actions, *expand_claim(claim, self.spec.capacity), *temporary)
        return claim, StepResult(actions=actions)

    def job_options(self, secret: Object, grants: Grants) -> tuple[list[str], Variables, RunRecord]:
        """Return arguments, environment, and record of a restore."""
        document = evolve(
            self.spec.run,
            grants=grants,
            restore=evolve(self.spec.run.restore, publishes_image=not self.spec.is_direct),
            deadlines=deadlines_for(self.view),
            locks=lock_options(self.replication, self.view),
        )
        variables = variables_for(
            self.replication,
            self.view,
            secret,
            document,
            restore_as_of=self.spec.restore_as_of,
            previous=self.spec.previous,
            delete_files=self.spec.delete_files,
        )
        claim = self.view.objects.get(Kind.CLAIM, self._claim_name())
        uid = str(claim["metadata"]["uid"]) if claim is not None else ""
        return ["restore"], variables, record_of(self.replication, secret, grants, claim_uid=uid)

    def succeeded(self, job: Object, state: JobState, record: RunRecord) -> StepResult:
        """Return the image, once there is one; never without the mover's word on what it restored."""
        claim = self.view.objects.get(Kind.CLAIM, record.claim or self._claim_name())
        other = self._superseded_by(record, claim)
        if other:
            return self._made_again(job, claim, other)
        report = state.report
        if claim is None or report is None or not (report.restored or report.nothing_to_restore):
            text = "the mover left no proof of what it restored"
            return self.failed(job, ClusterError.NO_REPORT.value, text, state)
        if self.spec.is_direct:
            reference = direct_image(claim)
        else:
            image = ensure_snapshot_image(
                self.owner, claim, self.spec.snapshot_class, self.view.objects, self.view.server_now
            )
            if image.reference is None:
                return image.waiting or StepResult()
            reference = image.reference
        status: Object = {
            "latestMoverStatus": self.mover_status(state, successful=True),
            "restic": {"restored": as_json(report.restored) if report.restored else None, **record.shown_image()},
        }
        success = Success(
            status=status,
            image=reference,
            warning=_missed(report) or self._warning(),
            run_now=record.run_now,
            manual=record.manual if record.is_ours else None,
        )
        return StepResult(actions=self._marks(), success=success)

    def _superseded_by(self, record: RunRecord, claim: Object | None) -> str:
        """Return what has become of what was restored, so that it is not what is to be published; "" if it is."""
        if record.claim and record.claim != self._claim_name():
            return f"the restore went to PersistentVolumeClaim/{record.claim}, which is no longer the destination"
        if record.copy_method and record.is_direct != self.spec.is_direct:
            return f"the restore was made with copyMethod {record.copy_method}"
        if claim is None:
            return f"PersistentVolumeClaim/{record.claim or self._claim_name()} is gone"
        if record.claim_uid and record.claim_uid != claim["metadata"]["uid"]:
            return f"PersistentVolumeClaim/{record.claim} is another volume, which has the name now"
        return ""

    def _made_again(self, job: Object, claim: Object | None, why: str) -> StepResult:
        """Return the end of a Job whose restore is not published, and with it the beginning of another one."""
        note = f"{why}: nothing is published of it, it is restored again"
        event = Event(EventType.NORMAL, "Superseded", "Synchronize", note)
        return StepResult(actions=(*forget_name(claim), delete_job(job), event), requeue_after_seconds=1.0)

    def _warning(self) -> Trouble | None:
        return self._small_volume() or small_cache(self.replication, self.view) or self._kept_although_temporary()

    def _small_volume(self) -> Trouble | None:
        if self.spec.destination_claim:
            return None
        return not_grown(
            self.view.objects.get(Kind.CLAIM, self._claim_name()),
            self.spec.capacity,
            field="spec.restic.capacity",
            next_step="use a StorageClass with allowVolumeExpansion and a new destination, or give capacity back",
        )

    def _kept_although_temporary(self) -> Trouble | None:
        if self.spec.destination_claim or not self.spec.cleanup_temp_claim or not self.spec.is_direct:
            return None
        text = "spec.restic.cleanupTempPVC: with copyMethod Direct, the volume is what latestImage names, so it is kept"
        return Trouble("CleanupIgnored", text, "remove cleanupTempPVC, or use copyMethod Snapshot")

    def _marks(self) -> tuple[Patch, ...]:
        """Return the labels that make claims go, or stay, as the spec says at the end of the run."""
        wanted = {self.cache_name: self.spec.cleanup_cache_claim}
        if not self.spec.destination_claim:
            wanted[self._claim_name()] = self.spec.cleanup_temp_claim
        found = ((self.view.objects.get(Kind.CLAIM, name), temporary) for name, temporary in wanted.items())
        return tuple(
            p for claim, temporary in found if claim for p in set_cleanup_label(claim, self.uid, temporary=temporary)
        )

    def _leftovers(self) -> list[Object]:
        return [obj for obj in super()._leftovers() if not self._stays(obj)]

    def _stays(self, obj: Object) -> bool:
        """Return whether a claim is kept although it is labelled: the spec has changed, or it is what is published."""
        name = obj["metadata"]["name"]
        if obj["kind"] != Kind.CLAIM:
            return False
        if name == self.cache_name:
            return not self.spec.cleanup_cache_claim
        latest = self.replication.status.get("latestImage") or {}
        if (latest.get("kind"), latest.get("name")) == (Kind.CLAIM, name):
            return True
        if name != self._claim_name():
            return False
        # Differs from VolSync: a volume that is itself the image is not deleted.
        return self.spec.is_direct or bool(self.spec.destination_claim) or not self.spec.cleanup_temp_claim

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        """Return the removal of the run's objects and of images that are no longer the latest."""
        latest = (self.replication.status.get("latestImage") or {}).get("name") or ""
        keep = publishing if publishing is not None else latest
        claim = self.view.objects.get(Kind.CLAIM, self._claim_name())
        if self.replication.status.get("lastSyncStartTime") and publishing is None:
            return super().cleanup(publishing)
        # The claim's name for the image first: the claim itself may go.
        actions: list[Action] = [*forget_name(claim), *super().cleanup(publishing)]
        for snapshot in old_images(self.owner, keep, self.view.objects):
            gone = delete_or_release(self.owner, snapshot)
            if gone is not None and gone not in actions:
                actions.append(gone)
        return tuple(actions)


def _missed(report: Report) -> Trouble | None:
    """Return what a restore did not find although the repository holds snapshots, or did not write."""
    if report.error_class == ErrorClass.PARTIAL:
        # The mover's message ends with the next step, which depends on its rights.
        return Trouble(report.error_class, report.message)
    if report.error_class != ErrorClass.NO_ELIGIBLE_SNAPSHOT:
        return None
    return trouble(report.error_class, report.message)
