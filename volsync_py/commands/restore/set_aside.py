"""Keeps everybody away from a claim while it is restored, and lets them back: sources, workloads, and an undo.

What is changed is remembered in annotations of what is changed, in the same request, so that a command that was killed
can be asked again and brings back what was there before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import click

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.progress_bar import Display
from volsync_py.commands.common.refused import sentence
from volsync_py.commands.restore.mounted_by import is_mover, mounting
from volsync_py.commands.restore.objects import undo_snapshot
from volsync_py.commands.restore.plan import Plan
from volsync_py.commands.runs.waiting import LOOK_SECONDS
from volsync_py.core.labels import Annotation
from volsync_py.core.names import Role, job_name
from volsync_py.core.objects import Object, status_of
from volsync_py.health.words import count, plain
from volsync_py.kube.errors import KubeError, NotFound
from volsync_py.kube.resources import PODS, REPLICATION_SOURCES, VOLUME_SNAPSHOTS

# A database may take minutes to end, and a cloud to take a snapshot.
_PATIENCE_SECONDS = 600.0
# What a snapshotter tries again and again may pass; a class that is missing does not, and the workload is down.
_ERROR_SECONDS = 60.0


class SetAside:
    """What a restore in place changes besides the volume."""

    def __init__(self, cluster: Cluster, plan: Plan, display: Display) -> None:
        self._cluster, self._plan, self._display = cluster, plan, display
        self._failing_since: float | None = None
        # The VolumeSnapshot that this command has taken.
        self._undo: Object | None = None

    def keep_away(self) -> None:
        """Pause sources and scale workloads down; return when no pod mounts the claim, or waits for it, any more."""
        for source in self._plan.paused():
            changes = {"metadata": {"annotations": {Annotation.PAUSED_FOR: self._plan.name}}, "spec": {"paused": True}}
            self._patch(REPLICATION_SOURCES, source["metadata"]["name"], changes)
            self._display.tell(f"paused the source {plain(source['metadata']['name'])}")
        for one in self._plan.mounts.workloads:
            if one.replicas:
                remembered = {Annotation.SCALED_FOR: self._plan.name, Annotation.REPLICAS_BEFORE: str(one.before)}
                changes = {"metadata": {"annotations": remembered}, "spec": {"replicas": 0}}
                self._patch(one.resource, one.name, changes)
                self._display.tell(f"scaled {one.words} to 0")
        self._await("the pods that mount the claim did not end", self._is_free)

    def take_undo(self, still_ours: Callable[[], object]) -> None:
        """Take the VolumeSnapshot, if there is to be one, and return when it can be used.

        One of an earlier command that never began is of before what was written since, and is taken anew; that nobody
        else has begun meanwhile, `still_ours` raises otherwise, is asked between the look and the deletion.
        """
        if not self._plan.undo.can:
            return
        earlier = self._cluster.has(VOLUME_SNAPSHOTS, self._plan.name)
        if earlier is not None:
            still_ours()
            self._delete(earlier)
            self._await("the earlier VolumeSnapshot was not deleted", self._has_no_undo)
        wanted = undo_snapshot(self._plan.name, self._cluster.namespace, self._plan.claim, self._plan.undo)
        self._undo = self._cluster.client.create(VOLUME_SNAPSHOTS, wanted)
        self._display.tell(f"takes the VolumeSnapshot {self._plan.name}")
        self._await("the VolumeSnapshot was not ready; --no-snapshot restores without an undo", self._is_taken)

    def drop_undo(self) -> None:
        """Delete the VolumeSnapshot that was taken for a restore that has not begun."""
        if self._undo is not None:
            with suppress(NotFound):
                self._delete(self._undo)

    def let_back(self) -> list[str]:
        """Scale workloads back, and resume sources; return what is left as it is, and why, each in a sentence."""
        left: list[str] = []
        for one in self._plan.mounts.workloads:
            if one.before:
                forgotten = {Annotation.SCALED_FOR: None, Annotation.REPLICAS_BEFORE: None}
                changes = {"metadata": {"annotations": forgotten}, "spec": {"replicas": one.before}}
                why = self._try(one.resource, one.name, changes, f"scaled {one.words} back to {one.before}")
                left += [f"{one.words} is left at 0 ({count(one.before, 'replica')} before): {why}"] if why else []
        for source in self._plan.paused():
            name = source["metadata"]["name"]
            changes = {"metadata": {"annotations": {Annotation.PAUSED_FOR: None}}, "spec": {"paused": None}}
            why = self._try(REPLICATION_SOURCES, name, changes, f"resumed the source {plain(name)}")
            left += [f"the source {plain(name)} is left paused: {why}"] if why else []
        return left

    def await_movers(self) -> None:
        """Return when no mover mounts the claim any more."""
        self._await("the mover that mounts the claim did not end", lambda: not any(map(is_mover, self._mounting())))

    def intruders(self) -> list[str]:
        """Return the pods that mount the claim, besides movers."""
        return [plain(pod["metadata"]["name"]) for pod in self._mounting() if not is_mover(pod)]

    def _mounting(self) -> list[Object]:
        return mounting(self._cluster.client.list_all(PODS, self._cluster.namespace), self._plan.claim)

    def _is_free(self) -> bool:
        # A mover that an earlier command has let begin is the one that is waited for later.
        own = job_name(Role.DESTINATION, self._plan.name)
        left = [plain(pod["metadata"]["name"]) for pod in self._mounting() if not _is_of(pod, own)]
        if left:
            self._display.tell(f"waits for the end of {', '.join(left)}")
        return not left

    def _is_taken(self) -> bool:
        status = status_of(self._cluster.has(VOLUME_SNAPSHOTS, self._plan.name) or {})
        error = plain((status.get("error") or {}).get("message") or "")
        if status.get("readyToUse") is True:
            return True
        self._display.tell(error)
        self._failing_since = (self._failing_since or time.monotonic()) if error else None
        if self._failing_since is not None and time.monotonic() - self._failing_since > _ERROR_SECONDS:
            said = f"no VolumeSnapshot can be taken: {error}; --no-snapshot restores without an undo"
            raise click.ClickException(said)
        return False

    def _await(self, otherwise: str, check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not check():
            if time.monotonic() > deadline:
                raise click.ClickException(f"{otherwise} within {_PATIENCE_SECONDS / 60:.0f} minutes")
            time.sleep(LOOK_SECONDS)

    def _has_no_undo(self) -> bool:
        return self._cluster.has(VOLUME_SNAPSHOTS, self._plan.name) is None

    def _delete(self, snapshot: Object) -> None:
        name, uid = snapshot["metadata"]["name"], snapshot["metadata"]["uid"]
        self._cluster.client.delete(VOLUME_SNAPSHOTS, name, self._cluster.namespace, uid=uid)

    def _try(self, resource: object, name: str, changes: Object, done: str) -> str:
        """Change something; return why it could not be, "" if it is done or there is nothing to be changed any more."""
        try:
            self._patch(resource, name, changes)
        except NotFound:
            return ""
        except KubeError as error:
            return sentence(error)
        self._display.tell(done)
        return ""

    def _patch(self, resource: object, name: str, changes: Object) -> None:
        self._cluster.client.patch(resource, name, changes, self._cluster.namespace)


def _is_of(pod: Object, job: str) -> bool:
    return (pod["metadata"].get("labels") or {}).get("job-name") == job
