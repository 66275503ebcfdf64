"""VolSync's manager, as far as what it reads of a state that it finds, and what it then does.

Written from its documented behaviour, to be held against the states that our manager leaves. It shares no decision with
our manager: it knows objects as plain dictionaries, and the names, labels and status fields that VolSync knows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import define, field
from croniter import croniter

from tests.unit.movers.simulated import Objects, Simulation
from tests.unit.movers.volsync_objects import (
    BACKOFF_LIMIT,
    CLEANUP,
    COMMAND,
    CREATED_BY,
    job_spec,
    labels_of,
    made_for,
    names_of,
    told,
)

Object = dict[str, Any]
KEEP = "volsync.backube/do-not-delete"
SNAPNAME = "volsync.backube/snapname"
POPULATED = "volsync.backube/volpop-pvc-"
# Its status type, and nothing else, survives its full writes.
STATUS = {"conditions", "external", "lastManualSync", "lastSyncDuration", "lastSyncStartTime", "lastSyncTime"}
STATUS |= {"latestImage", "latestMoverStatus", "nextSyncTime", "restic"}
RESTIC = {"lastPruned", "lastUnlocked"}
# Passes until nothing is left to do; more is a loop.
_MOST_PASSES = 12


@define
class VolSync:
    """Its manager, working on a cluster in memory; `did` tells in short words what it has done."""

    cluster: Simulation
    did: list[str] = field(factory=list)

    def settle(self) -> None:
        """Make passes until there is nothing to do."""
        for _ in range(_MOST_PASSES):
            before = repr((self.cluster.objects, self.did))
            self._make_pass()
            if repr((self.cluster.objects, self.did)) == before:
                return
        raise AssertionError(f"VolSync does not come to an end: {self.did}")

    # ---- what it finds

    @property
    def one(self) -> Object:
        """The custom resource."""
        return self.cluster.resource

    @property
    def is_source(self) -> bool:
        """Whether it backs up."""
        return bool(self.one["kind"] == "ReplicationSource")

    @property
    def names(self) -> dict[str, str]:
        """Its names for the objects of the resource."""
        return names_of(self.one)

    def find(self, kind: str, name: str) -> Object | None:
        """Return an object, or None."""
        return next((o for o in self.cluster.objects if (o["kind"], o["metadata"]["name"]) == (kind, name)), None)

    # ---- one pass

    def _make_pass(self) -> None:
        status = {key: value for key, value in self.cluster.status.items() if key in STATUS}
        status["latestMoverStatus"] = status.get("latestMoverStatus") or {}
        if self.is_source:
            status["restic"] = {k: v for k, v in (status.get("restic") or {}).items() if k in RESTIC}
        else:
            # The type of a destination's status has no such field.
            status.pop("restic", None)
            for snapshot in self._of_kind("VolumeSnapshot"):
                if KEEP in labels_of(snapshot):
                    self._relinquish(snapshot)
        if not status.get("lastSyncTime") and not status.get("lastSyncStartTime"):
            self._start(status)
        elif status.get("lastSyncStartTime"):
            self._synchronize(status)
        else:
            self._clean_up(status)
        self.cluster.resource["status"] = status

    def _start(self, status: Object) -> None:
        self.did.append("start")
        status["lastSyncStartTime"] = told(self.cluster.now)
        _say(status, "True", "SyncInProgress", self.cluster.now)

    def _synchronize(self, status: Object) -> None:
        _say(status, "True", "SyncInProgress", self.cluster.now)
        claim = self._copy() if self.is_source else self._destination()
        if claim is None:
            return
        self._ensure("PersistentVolumeClaim", self.names["cache"], temporary=False)
        for kind in ("ServiceAccount", "Role", "RoleBinding"):
            self._ensure(kind, self.names["account"], temporary=False)
        if not self._job_is_done(claim, status):
            return
        image = None if self.is_source else self._image(claim)
        if image is not None and not image:
            return
        self._complete(status, image)

    def _copy(self) -> str | None:
        method, name = self.one["spec"]["restic"]["copyMethod"], self.names["copy"]
        source = self.one["spec"]["sourcePVC"]
        if method in ("Direct", "None"):
            return str(source)
        if method == "Snapshot":
            if self._waits_for_trigger(source, name):
                return None
            snapshot = self._ensure("VolumeSnapshot", name, temporary=True, source=source)
            found = snapshot.get("status") or {}
            if not found.get("boundVolumeSnapshotContentName") or found.get("readyToUse") is False:
                return None
        self._ensure("PersistentVolumeClaim", name, temporary=True, source=name if method == "Snapshot" else source)
        return name

    def _waits_for_trigger(self, source: str, name: str) -> bool:
        """Return whether the copy waits for its user's word, which is read from annotations of the source's claim."""
        claim = self.find("PersistentVolumeClaim", source) or {"metadata": {}}
        said = claim["metadata"].get("annotations") or {}
        if "volsync.backube/use-copy-trigger" not in said or self.find("VolumeSnapshot", name) is not None:
            return False
        token = said.get("volsync.backube/copy-trigger") or ""
        return token in ("", said.get("volsync.backube/latest-copy-trigger"))

    def _destination(self) -> str:
        restic = self.one["spec"]["restic"]
        if restic.get("destinationPVC"):
            return str(restic["destinationPVC"])
        self._ensure("PersistentVolumeClaim", self.names["data"], temporary=bool(restic.get("cleanupTempPVC")))
        return self.names["data"]

    def _job_is_done(self, claim: str, status: Object) -> bool:
        name = self.names["job"]
        job = self.find("Job", name)
        if job is None:
            job = self._ensure("Job", name, temporary=True)
            job["spec"] = job_spec(self.one, claim, self.names["cache"])
            return False
        if not self._is_its_own(job):
            # The API server refuses the change of the template, so the Job is deleted and made with the next pass.
            self._delete(job)
            return False
        if int((job.get("status") or {}).get("failed") or 0) >= BACKOFF_LIMIT:
            status["latestMoverStatus"] = {"result": "Failed"}
            self._delete(job)
            return False
        job["spec"]["parallelism"] = 0 if self.one["spec"].get("paused") else 1
        return bool((job.get("status") or {}).get("succeeded"))

    def _is_its_own(self, job: Object) -> bool:
        containers = job["spec"]["template"]["spec"]["containers"]
        return len(containers) == 1 and containers[0]["command"] == COMMAND

    def _image(self, claim: str) -> Object:
        """Return what is to be published; {} while it is not there."""
        data = self.find("PersistentVolumeClaim", claim)
        assert data is not None
        if self.one["spec"]["restic"]["copyMethod"] in ("Direct", "None"):
            return {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": claim}
        said = data["metadata"].setdefault("annotations", {})
        name = said.setdefault(SNAPNAME, f"{claim}-{self.cluster.now:%Y%m%d%H%M%S}")
        snapshot = self._ensure("VolumeSnapshot", name, temporary=False, source=claim)
        if not (snapshot.get("status") or {}).get("boundVolumeSnapshotContentName"):
            return {}
        return {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": name}

    def _complete(self, status: Object, image: Object | None) -> None:
        self.did.append("complete")
        if image is not None:
            old = self.find("VolumeSnapshot", str((status.get("latestImage") or {}).get("name")))
            if old is not None and old["metadata"]["name"] != image["name"] and KEEP not in labels_of(old):
                old["metadata"].setdefault("labels", {})[CLEANUP] = self.one["metadata"]["uid"]
            status["latestImage"] = image
        now, started = self.cluster.now, datetime.fromisoformat(status.pop("lastSyncStartTime"))
        status["lastSyncTime"] = told(now)
        status["lastSyncDuration"] = f"{int((now - started).total_seconds())}s"
        status["latestMoverStatus"] = {"result": "Successful"}
        _set(status, "lastManualSync", (self.one["spec"].get("trigger") or {}).get("manual"))
        _say(status, "False", "CleaningUp", now)

    def _clean_up(self, status: Object) -> None:
        uid = self.one["metadata"]["uid"]
        data = self.find("PersistentVolumeClaim", self.names["data"])
        if data is not None:
            (data["metadata"].get("annotations") or {}).pop(SNAPNAME, None)
        for kind in ("PersistentVolumeClaim", "VolumeSnapshot", "Job"):
            for obj in self._of_kind(kind):
                if labels_of(obj).get(CLEANUP) == uid:
                    self._let_go(obj)
        trigger = self.one["spec"].get("trigger") or {}
        manual, schedule = trigger.get("manual"), trigger.get("schedule")
        slot = None if manual or not schedule else self._next(schedule, status["lastSyncTime"])
        _set(status, "nextSyncTime", told(slot) if slot else None)
        if manual != status.get("lastManualSync") if manual else slot is None or self.cluster.now > slot:
            self._start(status)
        else:
            _say(status, "False", "WaitingForManual" if manual else "WaitingForSchedule", self.cluster.now)

    def _next(self, schedule: str, last: str) -> datetime:
        found: datetime = croniter(schedule, datetime.fromisoformat(last)).get_next(datetime)
        return found

    # ---- objects

    def _of_kind(self, kind: str) -> Objects:
        return [o for o in self.cluster.objects if o["kind"] == kind]

    def _ensure(self, kind: str, name: str, *, temporary: bool, source: str = "") -> Object:
        """Return an object under its name, made if it is not there, with VolSync's labels and owner."""
        found = self.find(kind, name)
        if found is None:
            self.did.append(f"create {kind}/{name}")
            found = self.cluster.create(made_for(self.one, kind, name, source))
        labels = found["metadata"].setdefault("labels", {})
        labels[CREATED_BY] = "volsync"
        if temporary:
            labels[CLEANUP] = self.one["metadata"]["uid"]
        return found

    def _delete(self, obj: Object) -> None:
        self.did.append(f"delete {obj['kind']}/{obj['metadata']['name']}")
        self.cluster.remove(obj)

    def _let_go(self, obj: Object) -> None:
        owners = obj["metadata"].get("ownerReferences") or []
        others = [r for r in owners if r["uid"] != self.one["metadata"]["uid"]]
        if obj["kind"] == "VolumeSnapshot" and KEEP in labels_of(obj):
            self._relinquish(obj)
        elif obj["kind"] == "VolumeSnapshot" and (
            others or any(label.startswith(POPULATED) for label in labels_of(obj))
        ):
            obj["metadata"]["ownerReferences"] = others
        else:
            self._delete(obj)

    def _relinquish(self, snapshot: Object) -> None:
        meta = snapshot["metadata"]
        meta["ownerReferences"] = [
            r for r in meta.get("ownerReferences") or [] if r["uid"] != self.one["metadata"]["uid"]
        ]
        for label in (CLEANUP, CREATED_BY):
            meta["labels"].pop(label, None)


def _set(status: Object, key: str, value: str | None) -> None:
    if value:
        status[key] = value
    else:
        status.pop(key, None)


def _say(status: Object, value: str, reason: str, now: datetime) -> None:
    conditions = [c for c in status.get("conditions") or [] if c["type"] != "Synchronizing"]
    old: Object = next((c for c in status.get("conditions") or [] if c["type"] == "Synchronizing"), {})
    since = old["lastTransitionTime"] if old.get("status") == value else told(now)
    about = {"type": "Synchronizing", "status": value, "reason": reason, "message": reason}
    status["conditions"] = [*conditions, {**about, "lastTransitionTime": since}]
