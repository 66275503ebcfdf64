"""Backups that are gone from the repository are told of, whoever looks at the resource, and are not counted."""

from __future__ import annotations

import os
import subprocess

from hack.tool_cache import tool_path
from tests.integration.world import World


def test_backups_that_somebody_has_removed_are_told_of(world: World) -> None:
    world.source(retain={"last": "10"})
    world.wait_done("replicationsources", "backup")
    world.change("replicationsources", "backup", {"trigger": {"manual": "two"}})
    status = world.wait_done("replicationsources", "backup", "two")
    assert status["restic"]["snapshots"]["count"] == 2
    assert world.condition("replicationsources", "backup", "Healthy")[:2] == ("True", "Succeeded")
    command = [str(tool_path("restic")), "forget", "--unsafe-allow-remove-all", "--host", "volsync", "--no-cache"]
    subprocess.run(command, env={"PATH": os.defpath, **world.repository()}, check=True)

    world.change("replicationsources", "backup", {"trigger": {"manual": "three"}})
    status = world.wait_done("replicationsources", "backup", "three")
    assert status["restic"]["snapshots"]["count"] == 1
    assert world.condition("replicationsources", "backup", "Healthy")[:2] == ("True", "BackupsGone")

    world.change("replicationsources", "backup", {"trigger": {"manual": "four"}})
    status = world.wait_done("replicationsources", "backup", "four")
    assert status["restic"]["snapshots"]["count"] == 2
    assert status["restic"]["completeSnapshot"] == status["restic"]["lastSnapshot"]["id"]
    assert world.condition("replicationsources", "backup", "Healthy")[:2] == ("True", "Succeeded")
