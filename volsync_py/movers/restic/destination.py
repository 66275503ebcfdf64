"""The mover of a destination: provide a volume, restore into it, publish it once that is proved."""

from __future__ import annotations

from volsync_py.api.view import Kind
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Object
from volsync_py.core.labels import Label
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.result import StepResult, Success, Trouble
from volsync_py.movers.restic.environment import Variables
from volsync_py.movers.restic.job_state import JobState
from volsync_py.movers.restic.outcome import ClusterError
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.work import ResticWork
from volsync_py.restic.run import Grants, RestoreOptions, Run
from volsync_py.volumes.claims import claim_object, created_claim, grown
from volsync_py.volumes.image import (
    direct_image,
    ensure_snapshot_image,
    forget_name,
    old_images,
    relinquish,
    removal,
)
from volsync_py.volumes.point_in_time import in_the_way


class DestinationWork(ResticWork):
    """A restore."""

    def _claim_name(self) -> str:
        return self.spec.destination_claim or names.destination_name(self.replication.name)

    def _data_claim(self) -> StepResult | Object:
        """Return the claim to restore into; one that we provision may have to be created first."""
        if self.spec.destination_claim:
            named = self.named_claim("spec.restic.destinationPVC", self.spec.destination_claim)
            return StepResult(error=named) if isinstance(named, Trouble) else named
        name = self._claim_name()
        claim = self.view.objects.get(Kind.CLAIM, name)
        if claim is None:
            return claim_object(
                self.owner,
                name,
                size=self.spec.capacity,
                access_modes=list(self.spec.access_modes or ()),
                storage_class=self.spec.storage_class,
                temporary=self.spec.cleanup_temp_claim,
            )
        if not is_controlled_by(claim, self.uid):
            return StepResult(error=in_the_way(claim))
        return StepResult() if claim["metadata"].get("deletionTimestamp") else claim

    def prepare(self) -> tuple[Object | None, StepResult]:
        """Return the claim to write to."""
        claim = self._data_claim()
        if isinstance(claim, StepResult):
            return None, claim
        actions: tuple[Action, ...] = ()
        if "uid" not in claim["metadata"]:
            actions = (Create(claim, self.uid, created_claim(claim, "to receive incoming data")),)
        elif not self.spec.destination_claim:
            actions = grown(claim, self.spec.capacity)
        return claim, StepResult(actions=actions)

    def job_options(self, secret: Object, grants: Grants) -> tuple[list[str], Variables, RunRecord]:
        """Return arguments, environment, and record of a restore."""
        wanted = self.spec.restore
        document = Run(
            grants=grants,
            restore=RestoreOptions(
                snapshot=wanted.snapshot,
                host=wanted.host,
                tags=list(wanted.tags),
                include=list(wanted.include),
                exclude=list(wanted.exclude),
                subPath=wanted.sub_path,
                onMissingSnapshot=wanted.on_missing_snapshot,
                publishesImage=not self.spec.is_direct,
                verify=wanted.verify,
            ),
            deadlines=self.deadlines(),
        )
        variables = self.variables(
            secret,
            document,
            restore_as_of=self.spec.restore_as_of,
            previous=self.spec.previous,
            delete_files=self.spec.delete_files,
        )
        return ["restore"], variables, self.record(secret)

    def succeeded(self, state: JobState, record: RunRecord) -> StepResult:
        """Return the image, once there is one; never without the mover's word on what it restored."""
        report, job = state.report, self._job()
        if job is not None and (report is None or not (report.restored or report.nothing_to_restore)):
            text = "the mover left no proof of what it restored"
            return self.failed(job, ClusterError.NO_REPORT.value, text, state)
        claim = self.view.objects.get(Kind.CLAIM, self._claim_name())
        if claim is None or report is None:
            text = f"PersistentVolumeClaim {self._claim_name()!r} is gone"
            return StepResult(error=Trouble("Configuration", text, "the restore begins again with the next run"))
        if self.spec.is_direct:
            reference = direct_image(claim)
        else:
            image = ensure_snapshot_image(self.owner, claim, self.spec.snapshot_class, self.view.objects, self.view.now)
            if image.reference is None:
                return image.waiting or StepResult()
            reference = image.reference
        status: Object = {
            "latestMoverStatus": self.mover_status(state, successful=True),
            "restic": {"restored": report.restored.as_json() if report.restored else None},
        }
        return StepResult(success=Success(status=status, image=reference, run_now=record.run_now))

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        """Return the removal of the run's objects and of images that are no longer the latest."""
        latest = (self.replication.status.get("latestImage") or {}).get("name") or ""
        keep = publishing if publishing is not None else latest
        claim = self.view.objects.get(Kind.CLAIM, self._claim_name())
        running = bool(self.replication.status.get("lastSyncStartTime")) and publishing is None
        actions: list[Action] = list(super().cleanup(publishing))
        if running:
            return tuple(actions)
        actions += forget_name(claim)
        for snapshot in old_images(self.owner, keep, self.view.objects):
            gone = removal(self.owner, snapshot)
            if gone is not None and gone not in actions:
                actions.append(gone)
        kept = self.view.objects.get(Kind.SNAPSHOT, keep) if keep else None
        if kept is not None and Label.DO_NOT_DELETE in (kept["metadata"].get("labels") or {}):
            given_up = relinquish(self.owner, kept)
            actions += [given_up] if given_up else []
        return tuple(actions)
