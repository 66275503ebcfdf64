"""The destination of one restore: changed and deleted only while it is what this command has made or adopted."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import click

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.runs.waiting import LOOK_SECONDS, SEEN_SECONDS
from volsync_py.core.labels import RESTORE_BEGUN, Label
from volsync_py.core.objects import Object, labels_of
from volsync_py.kube.errors import Conflict, NotFound
from volsync_py.kube.resources import REPLICATION_DESTINATIONS

# The operator writes the status of a new destination a few times within seconds.
_TRIES = 10


class OwnDestination:
    """Another command for the same restore takes it over by making it again, which changes its UID."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self._name = cluster, name
        # As somebody last saw it; nothing, if this command has none.
        self.seen: Object = {}

    def make(self, wanted: Object) -> None:
        """Create it."""
        self.seen = self._cluster.client.create(REPLICATION_DESTINATIONS, wanted)

    def adopt(self, found: Object) -> None:
        """Go on with one that an earlier command has made."""
        self.seen = found

    def take_over(self, found: Object) -> None:
        """Delete the one of an earlier command, in the very state in which it was found: open, or begun."""
        self._while_unchanged(found, self._delete)
        self._await_removal()

    def change(self, changes: Object, version: str = "") -> Object:
        """Change it, if it still is this command's own, and of that version."""
        meta = {**changes.get("metadata", {}), "uid": self.seen["metadata"]["uid"]}
        if version:
            meta["resourceVersion"] = version
        changed = {**changes, "metadata": meta}
        self.seen = self._cluster.client.patch(REPLICATION_DESTINATIONS, self._name, changed, self._cluster.namespace)
        return self.seen

    def change_unchanged(self, changes: Object) -> None:
        """Change it, if nobody has taken it over or begun with it until that very moment."""
        self._while_unchanged(self.seen, lambda now: self.change(changes, str(now["metadata"]["resourceVersion"])))

    def unchanged(self) -> Object:
        """Return it as it is now; an exception says that another command has taken it over or begun with it."""
        return self._as_known(self.seen)

    def remove(self) -> None:
        """Delete it, and return when it is gone."""
        with suppress(NotFound):
            self._cluster.client.delete(
                REPLICATION_DESTINATIONS, self._name, self._cluster.namespace, uid=self.seen["metadata"]["uid"]
            )
        self._await_removal()

    def _as_known(self, known: Object) -> Object:
        now: Object = self._cluster.client.get(REPLICATION_DESTINATIONS, self._name, self._cluster.namespace)
        if now["metadata"]["uid"] != known["metadata"]["uid"] or is_begun(now) != is_begun(known):
            raise click.ClickException(f"{self._name}: another command goes on with this restore; leave it to that one")
        return now

    def _while_unchanged(self, known: Object, do: Callable[[Object], object]) -> None:
        for _ in range(_TRIES):
            now = self._as_known(known)
            with suppress(Conflict):
                do(now)
                return
        raise click.ClickException(f"{self._name} is changed by somebody again and again: ask again")

    def _delete(self, now: Object) -> None:
        uid, version = now["metadata"]["uid"], now["metadata"]["resourceVersion"]
        self._cluster.client.delete(
            REPLICATION_DESTINATIONS, self._name, self._cluster.namespace, uid=uid, resource_version=version
        )

    def _await_removal(self) -> None:
        deadline = time.monotonic() + SEEN_SECONDS
        while self._cluster.has(REPLICATION_DESTINATIONS, self._name) is not None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)


def is_begun(destination: Object) -> bool:
    """Return whether something may have been written into a claim that was there."""
    return bool(destination) and labels_of(destination).get(Label.RESTORE) == RESTORE_BEGUN
