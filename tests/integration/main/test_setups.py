"""Set-ups as people have them: the samples, what their sources and destinations say, a repository in a volume."""

from __future__ import annotations

from typing import Any

from hack.processes import wait_until
from tests.integration.samples import SET_UPS, apply_sample
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


# What sources of many set-ups say, each in a repository of its own.
SOURCES: dict[str, dict[str, Any]] = {
    "direct": {"copyMethod": "Direct", "retain": {"daily": 7}},
    "clone": {"copyMethod": "Clone", "retain": {"hourly": 6, "daily": 5, "weekly": 4, "monthly": 2, "yearly": 1}},
    "sized": {"copyMethod": "Snapshot", "capacity": "2Gi", "accessModes": ["ReadWriteMany"]},
    "cached": {"copyMethod": "Snapshot", "cacheCapacity": "4Gi", "cacheAccessModes": ["ReadWriteMany"]},
    "labelled": {"copyMethod": "Direct", "moverPodLabels": {"network": "s3"}, "retain": {"last": "3"}},
    "limited": {"copyMethod": "Direct", "moverResources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "10m"}}},
    "tuned": {"copyMethod": "Direct", "compression": "max", "exclude": {"patterns": ["*.tmp"]}, "tags": ["nightly"]},
    "placed": {"copyMethod": "Direct", "moverTolerations": [{"key": "backup", "operator": "Exists"}]},
}
DESTINATIONS: dict[str, dict[str, Any]] = {
    "into-a-claim": {"destinationPVC": "restored", "enableFileDeletion": True},
    "as-image": {"copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"], "cleanupTempPVC": True},
    "as-of": {"destinationPVC": "as-of", "restoreAsOf": "2999-01-01T00:00:00Z", "cleanupCachePVC": True},
    "previous": {"destinationPVC": "previous", "previous": 0, "cacheCapacity": "1Gi"},
}


def has_run(world: World, plural: str, name: str) -> None:
    status = world.wait(plural, name, lambda s: bool(s.get("lastSyncTime")))
    assert status["latestMoverStatus"]["result"] == "Successful", name


def test_the_samples_and_the_styles_of_many_set_ups_run_to_the_end(world: World) -> None:
    for claim in ("mydata", "repository", "restored", "as-of", "previous"):
        world.claim(claim)
    world.write("mydata", world.read("data"))
    for sample in SET_UPS:
        apply_sample(world, sample)
    for name, restic in SOURCES.items():
        world.secret(f"of-{name}", path=name)
        world.source(name, repository=f"of-{name}", **restic)
    for name in ("mydata-hourly", "mydata-weekly", "mydata-to-share", *SOURCES):
        has_run(world, "replicationsources", name)
    # It waits for its word, and nothing else of the namespace waits for it.
    assert not world.status("replicationsources", "database").get("lastSyncTime")
    word = {"metadata": {"annotations": {"volsync.backube/copy-trigger": "now"}}}
    path = world.path("persistentvolumeclaims", "database")
    world.cluster.ask("PATCH", path, word, "application/merge-patch+json")
    for name, restic in DESTINATIONS.items():
        world.destination(name, repository="of-direct", **restic)
    for name in ("app-dst", *DESTINATIONS):
        has_run(world, "replicationdestinations", name)
    for name in ("app", "database"):
        has_run(world, "replicationsources", name)
    assert [world.read(name) for name in ("restored", "as-of", "previous")] == [world.read("data")] * 3
    # Nothing had been backed up: it came empty.
    assert world.read("app") == {}
