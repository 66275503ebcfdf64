"""Which sources back different volumes up into one repository, and so take each other's snapshots. Pure.

Alone, each of them looks well: its backups are made. But a restore takes the newest snapshot of them all, and the
retention of each removes snapshots of the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import evolve

from volsync_py.core.names import SNAPSHOT_HOST
from volsync_py.core.objects import Object, mapping
from volsync_py.health.state import Health, State, health_of, repository_of
from volsync_py.health.words import listed

# More names than that are no part of a sentence.
_MOST_NAMES = 3
# What is worse is told instead; and what is paused backs nothing up.
_TOLD_INSTEAD = frozenset({State.FAILING, State.OVERDUE, State.UNSERVED, State.PAUSED})


def healths(objects: Iterable[Object], now: datetime) -> list[Health]:
    """Return the state of each resource among the others."""
    found = [(obj, health_of(obj, now)) for obj in objects]
    places: dict[tuple[str, str], list[tuple[Object, Health]]] = {}
    for obj, one in found:
        place = place_of_snapshots(obj)
        if place is not None and one.state is not State.PAUSED:
            places.setdefault(place, []).append((obj, one))
    told = {
        id(one): _shared(one, others)
        for group in places.values()
        for obj, one in group
        if one.state not in _TOLD_INSTEAD
        and (others := [other for its, other in group if volume_of(its) != volume_of(obj)])
    }
    return [told.get(id(one), one) for _, one in found]


def health_among(obj: Object, others: Iterable[Object], now: datetime) -> Health:
    """Return the state of one resource among all that are known; it may be one of them."""
    place = place_of_snapshots(obj)
    near = [] if place is None else [other for other in others if place_of_snapshots(other) == place]
    return healths([obj, *near], now)[0]


def place_of_snapshots(obj: Object) -> tuple[str, str] | None:
    """Return the repository, as far as anybody knows, and the host name; None for what backs nothing up with restic.

    restic takes all snapshots of one place for one volume's, because each mover calls its volume `/data`.
    """
    restic = mapping(obj, "spec", "restic")
    if obj.get("kind") != "ReplicationSource" or not restic.get("repository"):
        return None
    return repository_of(obj), str(restic.get("host") or SNAPSHOT_HOST)


def volume_of(obj: Object) -> tuple[str, str]:
    """Return the namespace and the name of the claim that a source backs up."""
    return str(obj["metadata"].get("namespace")), str(mapping(obj, "spec").get("sourcePVC"))


def _shared(one: Health, others: list[Health]) -> Health:
    names = sorted(f"{other.namespace}/{other.name}" for other in others)
    do = "backs another volume" if len(names) == 1 else "back other volumes"
    return evolve(
        one,
        state=State.SHARED,
        reason="RepositoryShared",
        cause=f"{listed(names, _MOST_NAMES)} {do} up into its repository: a restore takes the newest "
        "snapshot of all, and retention counts them together",
        next_step="give each volume its own path in RESTIC_REPOSITORY",
        since=None,
    )
