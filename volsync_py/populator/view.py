"""What one pass sees of a claim that is filled from a destination: a value, complete before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import evolve, field, frozen

from volsync_py.core.objects import Object
from volsync_py.core.view import Read, ReadKind, Unread
from volsync_py.populator.reference import is_read_by, temporary_name


@frozen
class PopulatorView:
    """Everything that is known about the claim with one UID."""

    # Of the API server's clock: it is compared with when something was made.
    now: datetime
    namespace: str
    uid: str
    # None: it has gone.
    claim: Object | None = None
    # Whatever has the name of the temporary claim.
    temporary: Object | None = None
    destination: Object | None = None
    storage_class: Object | None = None
    # The snapshots of the namespace that are labelled for the claim, and those that are read or to be read.
    snapshots: Mapping[str, Object] = field(factory=dict)
    reads: Mapping[Read, Any] = field(factory=dict)

    @property
    def temporary_name(self) -> str:
        """The name of the temporary claim."""
        return temporary_name(self.uid)

    @property
    def labelled(self) -> list[Object]:
        """The snapshots that are labelled for the claim, by name."""
        return [one for _, one in sorted(self.snapshots.items()) if is_read_by(one, self.uid)]

    def volume(self, name: str) -> Object | None:
        """Return a PersistentVolume; Unread if it has not been read."""
        need = Read(ReadKind.VOLUME, name)
        if need not in self.reads:
            raise Unread((need,))
        found: Object | None = self.reads[need]
        return found

    def with_reads(self, answers: Mapping[Read, Any]) -> PopulatorView:
        """Return this view with more answers."""
        return evolve(self, reads={**self.reads, **answers})
