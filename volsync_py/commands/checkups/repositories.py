"""Checks of repositories: who shares one, who holds its lock, and what a pod in the namespace finds of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.api.spec import Replication
from volsync_py.commands.checkups.facts import Facts, inside, key_of
from volsync_py.commands.checkups.finding import Finding, failed, warned
from volsync_py.commands.words import plain
from volsync_py.contract.report import ErrorClass
from volsync_py.core.attempt import Attempt
from volsync_py.core.objects import status_of
from volsync_py.movers.restic.outcome import info


def shared(facts: Facts) -> Iterator[Finding]:
    """Find sources that write into one repository under one host name, so that each takes the other's snapshots."""
    groups: dict[tuple[str, str], list[Replication]] = {}
    for one in facts.all_sources():
        host = str(inside(one.object, "spec", "restic").get("host") or "")
        if one.restic.repository:
            groups.setdefault((_repository(one), host), []).append(one)
    for group in groups.values():
        if len(group) < 2 or not any(facts.is_chosen(one.object) for one in group):
            continue
        names = ", ".join(facts.title(one.object) for one in group)
        volumes = {(key_of(one.object)[0], one.restic.source_claim) for one in group}
        if len(volumes) > 1:
            text = "they back different volumes up into one repository: a restore takes the newest of all"
            yield failed(
                f"{text}, and retention counts them together", "give each its own path in RESTIC_REPOSITORY", names
            )
        elif len({one.restic.retain for one in group}) > 1:
            text = "they back one volume up into one repository with different retain, and each applies its own to all"
            yield warned(text, "give each its own spec.restic.host, or one retain to both", names)


def _repository(one: Replication) -> str:
    """Return what is the same for the same repository, as far as anybody knows."""
    known = inside(status_of(one.object), "restic").get("repositoryHash")
    return str(known) if known else f"{key_of(one.object)[0]}/{one.restic.repository}"


def locked(facts: Facts) -> Iterator[Finding]:
    """Find runs that somebody's lock has stopped, and say whose it is."""
    for one in facts.replications():
        attempt = Attempt.of(status_of(one.object))
        if attempt.error_class == ErrorClass.REPOSITORY_LOCKED:
            by = f" (held by {plain(attempt.locked_by)})" if attempt.locked_by else ""
            text = f"{attempt.error_class}: {plain(attempt.message)}{by}"
            yield failed(text, info(attempt.error_class).next_step, facts.title(one.object))
