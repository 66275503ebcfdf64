"""Claims whose owner says when they may be copied, with the real manager and real restic."""

from __future__ import annotations

import pytest

from hack.processes import wait_until
from tests.integration.world import World

SOURCES = "replicationsources"
SNAPSHOTS = "apis/snapshot.storage.k8s.io/v1"
PREFIX = "volsync.backube/"


def say(world: World, **said: str) -> None:
    annotations = {PREFIX + key.replace("_", "-"): value for key, value in said.items()}
    path = world.path("persistentvolumeclaims", "data")
    world.cluster.ask("PATCH", path, {"metadata": {"annotations": annotations}}, "application/merge-patch+json")


def said(world: World, name: str) -> str:
    return annotations_of(world).get(PREFIX + name, "")


def parts(world: World) -> list[str]:
    """Return what sources say of themselves."""
    return [key for key in annotations_of(world) if key.startswith("volsync-py/copy-")]


def annotations_of(world: World) -> dict[str, str]:
    found: dict[str, str] = world.claim_of("data")["metadata"].get("annotations") or {}
    return found


def served(world: World, token: str) -> None:
    """Wait until the claim says that it was copied for a token."""
    wait_until("the copy", lambda: said(world, "latest-copy-trigger") == token)
    assert said(world, "latest-copy-status") == "Completed"


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
def test_a_copy_waits_for_its_owners_word_and_has_the_data_of_that_moment(world: World, method: str) -> None:
    say(world, use_copy_trigger="")
    world.source(copyMethod=method)
    wait_until("the wait", lambda: said(world, "latest-copy-status") == "WaitingForTrigger")
    assert world.names("volumesnapshots", SNAPSHOTS) == []
    assert "volsync-backup-src" not in world.names("persistentvolumeclaims")
    world.write("data", {"late.txt": "before the word"})
    say(world, copy_trigger="one")
    served(world, "one")
    assert world.wait_done(SOURCES, "backup")["restic"]["lastSnapshot"]["filesNew"] == 3

    world.change(SOURCES, "backup", {"trigger": {"manual": "two"}})
    wait_until("the next wait", lambda: said(world, "latest-copy-status") == "WaitingForTrigger")
    say(world, copy_trigger="two")
    served(world, "two")
    world.wait_done(SOURCES, "backup", "two")


def test_two_sources_of_one_claim_copy_with_one_word(world: World) -> None:
    say(world, use_copy_trigger="")
    world.secret("elsewhere", path="elsewhere")
    world.source(copyMethod="Snapshot")
    world.source("second", copyMethod="Snapshot", repository="elsewhere")
    wait_until("both", lambda: len(parts(world)) == 2)
    say(world, copy_trigger="one")
    served(world, "one")
    for name in ("backup", "second"):
        assert world.wait_done(SOURCES, name)["restic"]["lastSnapshot"]["filesNew"] == 2
    assert parts(world) == []
