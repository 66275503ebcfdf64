"""Setups that are rarer than an S3 server and a trigger: a repository in a volume, runs that follow each other."""

from __future__ import annotations

from hack.processes import wait_until
from tests.integration.world import PASSWORD, World


def test_a_repository_may_be_in_a_volume_of_the_users(world: World) -> None:
    world.claim("repo")
    data = {"RESTIC_REPOSITORY": "/mnt/repo/backup", "RESTIC_PASSWORD": PASSWORD}
    world.create("secrets", {"metadata": {"name": "in-a-volume"}, "stringData": data})
    volume = {"mountPath": "repo", "volumeSource": {"persistentVolumeClaim": {"claimName": "repo"}}}
    world.source(repository="in-a-volume", moverVolumes=[volume])
    world.wait_done("replicationsources", "backup")
    assert (world.folder("repo") / "backup" / "config").is_file()
    world.claim("restored")
    world.destination(repository="in-a-volume", moverVolumes=[volume], destinationPVC="restored")
    world.wait_done("replicationdestinations", "restore")
    assert world.read("restored") == world.read("data")


def test_without_a_trigger_one_run_follows_the_other(world: World) -> None:
    world.source()
    first = world.wait_done("replicationsources", "backup")["lastSyncTime"]
    world.change("replicationsources", "backup", {"trigger": None})
    # The first is that of the manual run.
    wait_until("two more runs", lambda: world.created("jobs") >= 3)
    later = world.wait("replicationsources", "backup", lambda s: s["lastSyncTime"] > first)
    assert later["latestMoverStatus"]["result"] == "Successful"
    world.change("replicationsources", "backup", {"paused": True})
