"""What is to be done about one claim that is filled from a destination; decided anew for each read that was missing.

A temporary claim is made of the image; when it has its volume, that is handed to the claim that waits, and the
temporary one goes. Everything that is made has the claim's UID in its name or its label, so whatever was begun is
found again, also when the claim has gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from volsync_py.core.actions import Action, Delete, Ref
from volsync_py.core.objects import Object, is_deleting, status_of
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.view import Read, Unread
from volsync_py.populator import told
from volsync_py.populator.filling import fill
from volsync_py.populator.images import let_go_of_kept, release_images
from volsync_py.populator.starting import start
from volsync_py.populator.step import Step
from volsync_py.populator.view import PopulatorView
from volsync_py.volumes.claims import is_bound

# One read there is, the volume of the temporary claim; and one round to decide.
_MOST_ROUNDS = 3


def decide(view: PopulatorView, read: Callable[[Iterable[Read]], Mapping[Read, Any]]) -> Step:
    """Return everything to be done now; `read` makes the reads that it takes."""
    for _ in range(_MOST_ROUNDS):
        try:
            return _decide(view)
        except Unread as unread:
            view = view.with_reads(read(unread.reads))
    raise RuntimeError("a decision asks for more and more reads")


def _decide(view: PopulatorView) -> Step:
    claim, temporary = view.claim, view.temporary
    if claim is None:
        return _after_the_claim(view)
    if is_bound(claim):
        return _finish(view, claim)
    if is_deleting(claim):
        return Step(_kept(view))
    if temporary is None:
        return start(view, claim)
    return fill(view, claim, temporary)


def _after_the_claim(view: PopulatorView) -> Step:
    """Return the end of what was begun for a claim that has gone."""
    # Differs from VolSync: it forgets the label, and a snapshot that only this claim had kept stays for ever.
    if view.temporary is not None and is_controlled_by(view.temporary, view.uid):
        # The garbage collector takes it; until then it may still be reading.
        return Step(_kept(view))
    return Step(release_images(view))


def _finish(view: PopulatorView, claim: Object) -> Step:
    """Return the end of everything that was made for a claim that has its volume."""
    temporary = view.temporary
    if temporary is None or not is_controlled_by(temporary, view.uid):
        return Step(release_images(view))
    meta, volume = temporary["metadata"], temporary["spec"].get("volumeName")
    if is_deleting(temporary):
        return Step(release_images(view))
    handed_over = volume is not None and volume == claim["spec"].get("volumeName")
    if handed_over and status_of(temporary).get("phase") != "Lost":
        # Until then the volume controller may not have seen whose the volume is now.
        return Step(_kept(view))
    # With the version that was seen: one that got its volume in this moment is looked at again.
    gone = Delete(Ref.of(temporary), meta["uid"], resource_version=meta["resourceVersion"])
    # Differs from VolSync: said once, with the deletion, and not with each update of the claim.
    end = told.finished() if handed_over else told.bound_otherwise(temporary)
    return Step((*release_images(view), gone, end))


def _kept(view: PopulatorView) -> tuple[Action, ...]:
    return tuple(action for one in view.labelled for action in let_go_of_kept(view, one))
