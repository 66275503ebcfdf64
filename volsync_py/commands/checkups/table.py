"""The checks, in the order in which they are told, and how all of them are made. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.commands.checkups import (
    cluster,
    manager,
    monitoring,
    pods,
    policies,
    repositories,
    schedules,
    snapshots,
    state,
    volumes,
)
from volsync_py.commands.checkups.facts import Facts, Unread
from volsync_py.commands.checkups.finding import Check, Finding, noted, warned

CHECKS = (
    Check("definitions", "the API server keeps all fields of this version", cluster.definitions),
    Check("populator", "claims may name a destination as their source", cluster.populator),
    Check("manager", "a manager is there and ready", manager.running),
    Check("leader", "the leader renews its Lease", manager.leading),
    Check("managers", "no two managers serve the same resources", manager.only_one),
    Check("rights", "you may use all commands", cluster.rights),
    Check("policies", "no policy that can be seen puts containers into movers", policies.policies),
    Check("scrape", "a monitor reads the manager's metrics", monitoring.scraped),
    Check("spec", "all fields can be used", schedules.specs),
    Check("schedule", "each schedule matches some date", schedules.never),
    Check("zone", "each schedule names its zone, or needs none", manager.zone),
    Check("minute", "sources do not all begin at once", schedules.crowded),
    Check("paused", "nothing is paused for long", schedules.paused),
    Check("runs", "the last runs ended well", state.failing),
    Check("overdue", "no slot was missed", state.late),
    Check("claim", "claims are bound file systems", volumes.claims),
    Check("class", "all StorageClasses are there", volumes.classes),
    Check("snapshots", "the volumes' drivers can make the copies", snapshots.copies),
    Check("capacity", "copies have the room of their volumes", volumes.capacities),
    Check("full", "no volume and no repository is known to be full", volumes.full),
    Check("cache", "caches are as large as is wanted", volumes.caches),
    Check("security", "the namespace's Pod Security lets movers in", pods.security),
    Check("waiting", "no mover waits for a node, a queue or an image", pods.waiting),
    Check("containers", "movers' pods have the mover and nothing else", pods.injected),
    Check("shared", "no two sources take each other's snapshots", repositories.shared),
    Check("secret", "no Secret had to be asked for", repositories.secrets),
    Check("repository", "no repository had to be asked", repositories.reachable),
    Check("locks", "no run was stopped by a lock", repositories.locked),
    Check("filled", "claims to be filled name destinations that are there", cluster.filled),
    Check("orphans", "nothing is left of resources that have gone", volumes.orphans),
    Check("unused", "no destination holds an image for nobody", volumes.unused),
)


def examine(facts: Facts) -> Iterator[tuple[Check, list[Finding]]]:
    """Make all checks, and return what each found, or what is well; nothing is left out in silence."""
    for check in CHECKS:
        found: list[Finding] = []
        try:
            found.extend(check.find(facts))
        except Unread as missing:
            text = f"this could not be looked at: you may not {missing}"
            found.append(warned(text, "ask for that right, or have somebody look who has it"))
        yield check, found or [noted(check.fine)]
