"""Checks of repositories: who shares one, who holds its lock, and what a pod in the namespace finds of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from volsync_py.api.spec import Replication
from volsync_py.commands.checkups.facts import Answered, Facts, key_of
from volsync_py.commands.checkups.finding import Finding, failed, noted, warned
from volsync_py.contract.report import ErrorClass
from volsync_py.core.attempt import Attempt
from volsync_py.core.names import mover_host_name
from volsync_py.core.objects import Object, status_of
from volsync_py.core.stored_times import time_in
from volsync_py.health.sharing import place_of_snapshots, volume_of
from volsync_py.health.words import ago, count, plain
from volsync_py.movers.restic.outcome import info

# restic renews a lock every five minutes, and takes one that is older than this for dead.
_DEAD = timedelta(minutes=30)


def shared(facts: Facts) -> Iterator[Finding]:
    """Find sources that write into one repository under one host name, so that each takes the other's snapshots."""
    groups: dict[tuple[str, str], list[Replication]] = {}
    for one in facts.all_sources():
        place = place_of_snapshots(one.object)
        if place is not None:
            groups.setdefault(place, []).append(one)
    for group in groups.values():
        if len(group) < 2 or not any(facts.is_chosen(one.object) for one in group):
            continue
        names = ", ".join(facts.title(one.object) for one in group)
        if len({volume_of(one.object) for one in group}) > 1:
            text = "they back different volumes up into one repository: a restore takes the newest of all"
            yield failed(
                f"{text}, and retention counts them together", "give each its own path in RESTIC_REPOSITORY", names
            )
        elif len({one.restic.retain for one in group}) > 1:
            text = "they back one volume up into one repository with different retain, and each applies its own to all"
            yield warned(text, "give each its own spec.restic.host, or one retain to both", names)


def secrets(facts: Facts) -> Iterator[Finding]:
    """Find keys that are missing or odd; no value is known here."""
    if facts.not_asked is not None and not facts.repositories:
        yield noted("not asked for; see repository")
    for one in facts.repositories:
        names = ", ".join(one.names)
        if _lacks_secret(one):
            step = f"create or complete the Secret {one.secret}: RESTIC_REPOSITORY, RESTIC_PASSWORD, the backend's keys"
            yield failed(plain(one.silent), step, names)
        elif one.silent:
            yield noted("it could not be asked for; see repository", names)
        for why, step in one.faults:
            yield failed(f"the Secret {one.secret}: {plain(why)}", plain(step), names)
        if one.keys and not one.faults:
            others = f" and {count(one.others, 'key')} that movers do not know" if one.others else ""
            yield noted(
                f"the Secret {one.secret} leads to {plain(one.backend)}, with {plain(', '.join(one.keys))}{others}",
                names,
            )


def reachable(facts: Facts) -> Iterator[Finding]:
    """Find repositories that do not open from a pod in the namespace, and why."""
    if facts.not_asked is not None:
        why, step = facts.not_asked
        yield warned(why, step) if step else noted(why)
    for one in facts.repositories:
        names = ", ".join(one.names)
        if _lacks_secret(one):
            yield noted("it could not be asked; see secret", names)
        elif one.silent and one.hopeless:
            yield failed(plain(one.silent), "see the events of the Job in the namespace: kubectl get events", names)
        elif one.silent:
            yield warned(plain(one.silent), one.silent_step, names)
        elif one.error_class == ErrorClass.REPOSITORY_MISSING and not one.was_used:
            yield noted("the place is reached; there is no repository yet, the first backup makes it", names)
        elif one.error_class == ErrorClass.REPOSITORY_MISSING:
            text = f"there is no repository any more where backups were made: {plain(one.error)}"
            yield failed(text, info(ErrorClass.BACKUPS_GONE).next_step, names)
        elif one.error_class:
            yield failed(f"{one.error_class}: {plain(one.error)}", info(one.error_class).next_step, names)
        elif not one.faults:
            yield noted("it opens from a pod in the namespace", names)


def _lacks_secret(one: Answered) -> bool:
    """Return whether the kubelet could not make the pod's container of the Secret."""
    return one.hopeless and "container cannot be made" in one.silent and "secret" in one.silent.lower()


def locked(facts: Facts) -> Iterator[Finding]:
    """Find runs that somebody's lock has stopped, and say whose it is."""
    for one in facts.replications():
        attempt = Attempt.of(status_of(one.object))
        if attempt.error_class == ErrorClass.REPOSITORY_LOCKED:
            by = f" (held by {plain(attempt.locked_by)})" if attempt.locked_by else ""
            text = f"{attempt.error_class}: {plain(attempt.message)}{by}"
            yield failed(text, info(attempt.error_class).next_step, facts.title(one.object))
    for answered in facts.repositories:
        for lock in answered.locks:
            yield _told(lock, answered, facts)


def _told(lock: Object, one: Answered, facts: Facts) -> Finding:
    """Say whose a lock is, and whether its owner still renews it."""
    host, names = plain(lock.get("hostname") or "?"), ", ".join(one.names)
    renewed = time_in(lock, "time")
    kind = "exclusive lock" if lock.get("exclusive") is True else "lock"
    whose = _movers(facts).get(host) or f"{plain(lock.get('username') or '?')} on {host}, pid {plain(lock.get('pid'))}"
    age = f", renewed {ago(min(renewed, facts.now), facts.now)}" if renewed else ""
    text = f"there is {'an' if kind[0] == 'e' else 'a'} {kind} of {whose}{age}"
    if renewed is not None and facts.now - renewed > _DEAD:
        return warned(
            f"{text}: its owner is no more",
            "nothing to do: the next mover removes it; volsync-py locks NAME --remove-dead does it now",
            names,
        )
    return noted(text, names)


def _movers(facts: Facts) -> dict[str, str]:
    """Return the host names of movers, and whose they are."""
    found = {}
    for one in facts.all_specs():
        space = key_of(one.object)[0]
        found[mover_host_name(one.role, space, one.name, one.uid)] = f"the mover of {facts.title(one.object)}"
    return found
