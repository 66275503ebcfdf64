"""What a volume may have held that is in no snapshot of it, so that nobody deletes it unasked. Pure."""

from __future__ import annotations

from volsync_py.bounded_json import text_of
from volsync_py.commands.restore.point import Point
from volsync_py.core.objects import Object, mapping, status_of


def lacking(source: Object, which: Point) -> str:
    """Return why the snapshot may lack what was in the volume, "" if it is on record that it holds all of it."""
    if any(mapping(source, "spec", "restic", "exclude").values()):
        return "the source leaves something out of its backups (spec.restic.exclude)"
    restic = mapping(status_of(source), "restic")
    last, complete = mapping(restic, "lastSnapshot"), text_of(restic, "completeSnapshot")
    is_last = bool(which.snapshot) and text_of(last, "id").startswith(which.snapshot)
    failed = last.get("filesFailed") or 0
    if is_last and (failed or complete not in ("", text_of(last, "id"))):
        return "the backup that made the snapshot could not read everything"
    if is_last or (which.snapshot and complete.startswith(which.snapshot)):
        return ""
    return "the status of the source does not say that the snapshot holds all that was in the volume"
