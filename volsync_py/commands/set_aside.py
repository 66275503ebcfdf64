"""Keeps everybody away from a claim while it is restored, and lets them back: sources, workloads, and an undo.

What is changed is remembered in annotations of what is changed, in the same request, so that a command that was killed
can be asked again and brings back what was there before.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from volsync_py.commands.cluster import Cluster
from volsync_py.commands.mounted_by import is_mover, mounting
from volsync_py.commands.progress_bar import Display
from volsync_py.commands.restore_objects import undo_snapshot
from volsync_py.commands.restore_plan import Plan
from volsync_py.commands.waiting import LOOK_SECONDS
from volsync_py.commands.words import plain
from volsync_py.core.labels import Annotation
from volsync_py.core.names import Role, job_name
from volsync_py.core.objects import Object, status_of
from volsync_py.kube.errors import NotFound
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

    def keep_away(self) -> None:
        """Pause sources and scale workloads down; return when no pod mounts the claim any more."""
        for source in self._plan.paused():
            changes = {"metadata": {"annotations": {Annotation.PAUSED_FOR: self._plan.name}}, "spec": {"paused": True}}
            self._patch(REPLICATION_SOURCES, source["metadata"]["name"], changes)
            self._display.tell(f"paused the source {plain(source['metadata']['name'])}")
        for one in self._plan.mounts.workloads:
            if one.replicas:
                remembered = {Annotation.SCALED_FOR: self._plan.claim, Annotation.REPLICAS_BEFORE: str(one.before)}
                changes = {"metadata": {"annotations": remembered}, "spec": {"replicas": 0}}
                self._patch(one.resource, one.name, changes)
                self._display.tell(f"scaled {one.words} to 0")
        self._await("the pods that mount the claim did not end", self._is_free)

    def take_undo(self) -> None:
        """Take the VolumeSnapshot, if there is to be one, and return when it can be used."""
        if not self._plan.undo.can:
            return
        if self._cluster.has(VOLUME_SNAPSHOTS, self._plan.name) is None:
            wanted = undo_snapshot(self._plan.name, self._cluster.namespace, self._plan.claim, self._plan.undo)
            self._cluster.client.create(VOLUME_SNAPSHOTS, wanted)
        self._display.tell(f"takes the VolumeSnapshot {self._plan.name}")
        self._await("the VolumeSnapshot was not ready; --no-snapshot restores without an undo", self._is_taken)

    def drop_undo(self) -> None:
        """Delete the VolumeSnapshot of a restore that has written nothing."""
        if not self._plan.undo.can:
            return
        try:
            self._cluster.client.delete(VOLUME_SNAPSHOTS, self._plan.name, self._cluster.namespace)
        except NotFound:
            return

    def let_back(self) -> None:
        """Scale workloads back, and resume sources."""
        for one in self._plan.mounts.workloads:
            if one.before:
                forgotten = {Annotation.SCALED_FOR: None, Annotation.REPLICAS_BEFORE: None}
                changes = {"metadata": {"annotations": forgotten}, "spec": {"replicas": one.before}}
                self._patch(one.resource, one.name, changes)
                self._display.tell(f"scaled {one.words} back to {one.before}")
        for source in self._plan.paused():
            changes = {"metadata": {"annotations": {Annotation.PAUSED_FOR: None}}, "spec": {"paused": None}}
            self._patch(REPLICATION_SOURCES, source["metadata"]["name"], changes)
            self._display.tell(f"resumed the source {plain(source['metadata']['name'])}")

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

    def _patch(self, resource: object, name: str, changes: Object) -> None:
        self._cluster.client.patch(resource, name, changes, self._cluster.namespace)


def _is_of(pod: Object, job: str) -> bool:
    return (pod["metadata"].get("labels") or {}).get("job-name") == job
