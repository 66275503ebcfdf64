"""The writes a decision asks for, as values.

A decision never writes: it lists actions, in the order in which they must reach the API server, and
`controllers.execute` is the only place that carries them out. A test of a decision compares lists.
Objects are plain API dictionaries; deletes carry the UID of what was seen, so that an object that was
replaced in the meantime is left alone.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from volsync_py.core.objects import Object


class Propagation(StrEnum):
    """What happens to the dependents of a deleted object."""

    BACKGROUND = "Background"
    # The name stays taken until the last dependent has gone: never two pods of one Job name.
    FOREGROUND = "Foreground"


class EventType(StrEnum):
    """The two types of events that Kubernetes knows."""

    NORMAL = "Normal"
    WARNING = "Warning"


@frozen
class Ref:
    """One API object by name."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Object) -> Ref:
        """Return the reference to `obj`."""
        meta = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"])

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@frozen
class Event:
    """Tell the user, beside the object that the decision is about."""

    type: EventType
    reason: str
    action: str
    note: str
    related: Ref | None = None


@frozen
class Create:
    """Create an object, or adopt it if it is already there, ours and owned by `owner_uid`.

    Without an `owner_uid` nothing is adopted: what is there by then is decided about anew. `event` is sent only if the
    object really was created. `rights` are the manifests that grant it, if not all installations have them.
    """

    object: Object
    owner_uid: str
    event: Event | None = None
    rights: str = ""


@frozen
class Patch:
    """Change some fields of an object with a JSON merge patch.

    With `refused`, the API server may refuse it: that event is then sent, with its words, and what follows is done.
    With `is_request`, it asks something of somebody else's object, and may be refused without a word. `rights` are the
    manifests that grant it, if not all installations have them.
    """

    ref: Ref
    changes: Object
    uid: str
    refused: Event | None = None
    is_request: bool = False
    rights: str = ""


@frozen
class PatchStatus:
    """Change status fields with a merge patch that fails if somebody wrote the object since."""

    ref: Ref
    changes: Object
    resource_version: str


@frozen
class Delete:
    """Delete an object, unless it was replaced (UID) or, if given, changed (resource version).

    `deferrable`: nothing waits for its end, so it need not be now. `rights` are the manifests that grant it, if not all
    installations have them.
    """

    ref: Ref
    uid: str
    propagation: Propagation = Propagation.BACKGROUND
    resource_version: str = ""
    deferrable: bool = False
    rights: str = ""


Action = Create | Patch | PatchStatus | Delete | Event


def delete(obj: Object, propagation: Propagation = Propagation.BACKGROUND) -> Delete:
    """Return the deletion of exactly the object that was seen."""
    return Delete(Ref.of(obj), obj["metadata"]["uid"], propagation)
