"""What is added to a running Job that this operator has not made, so that others know which repository it works on.

A Job's pod template cannot be changed, its own labels can. VolSync's Jobs carry no label of the repository; without one
a mover that runs counts for nobody, and another one would be told that it may initialise or prune beside it.
"""

from __future__ import annotations

from volsync_py.core.actions import Event, EventType, Patch, Ref
from volsync_py.core.labels import Label
from volsync_py.core.objects import Object, labels_of
from volsync_py.core.view import ReadKind, View
from volsync_py.movers.restic.preflight import repository_of
from volsync_py.movers.restic.repository import check_secret


def label_repository(view: View, job: Object) -> tuple[Patch, ...]:
    """Return what labels a Job with its repository; nothing for one that is labelled.

    The Job's own word counts, not that of the spec, which may have changed since.
    """
    if labels_of(job).get(Label.REPOSITORY):
        return ()
    name = _secret_of(job)
    secret = view.read(ReadKind.SECRET, name) if name else None
    if secret is None or check_secret(name, secret) is not None:
        return ()
    changes: Object = {"metadata": {"labels": {str(Label.REPOSITORY): repository_of(view, secret)}}}
    note = f"{Ref.of(job)} cannot be labelled, so other movers of its repository do not wait for it"
    # The run itself does not depend on it.
    refused = Event(EventType.WARNING, "JobNotLabelled", "Synchronize", note, Ref.of(job))
    return (Patch(Ref.of(job), changes, job["metadata"]["uid"], refused),)


def _secret_of(job: Object) -> str:
    """Return the Secret from which a Job's mover gets its repository, "" if that cannot be told."""
    pod: Object = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
    containers: list[Object] = pod.get("containers") or [{}]
    given = (one for one in containers[0].get("env") or () if one.get("name") == "RESTIC_REPOSITORY")
    sources = (((one.get("valueFrom") or {}).get("secretKeyRef") or {}) for one in given)
    return next((str(source.get("name") or "") for source in sources), "")
