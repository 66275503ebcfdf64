"""The main job, with the real manager, real restic and a real S3 server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hack.processes import DevCluster, Manager, wait_until
from tests.integration.world import PASSWORD, VOLSYNC, World

SNAPSHOTS = "apis/snapshot.storage.k8s.io/v1"


@pytest.mark.parametrize("method", ["Direct", "Clone", "Snapshot"])
def test_a_source_is_backed_up_and_leaves_nothing_but_its_cache(new_world: World, method: str) -> None:
    new_world.source(copyMethod=method)
    status = new_world.wait_done("replicationsources", "backup")
    assert status["latestMoverStatus"]["result"] == "Successful"
    for text in ("processed 2 files", "saved", "Restic completed in", "created restic repository"):
        assert text in status["latestMoverStatus"]["logs"]
    assert status["restic"]["lastSnapshot"]["filesNew"] == 2
    assert new_world.condition("replicationsources", "backup", "Healthy")[:2] == ("True", "Succeeded")
    assert new_world.condition("replicationsources", "backup", "Synchronizing")[:2] == ("False", "WaitingForManual")
    assert "lastSyncStartTime" not in status
    wait_until(
        "the copies' end",
        lambda: sorted(new_world.names("persistentvolumeclaims")) == ["data", "volsync-src-backup-cache"],
    )
    assert new_world.names("volumesnapshots", SNAPSHOTS) == []


def test_a_synchronization_costs_nine_requests_and_a_repeated_one_six(new_world: World) -> None:
    new_world.source()
    status = new_world.wait_done("replicationsources", "backup")
    assert status["lastDays"]["results"] == "o"
    # It comes after everything else, on a busy machine also after the end of the run.
    wait_until("the event", lambda: "create events" in new_world.requests())
    first = sorted(new_world.requests())
    assert first == sorted(
        [
            "get secrets",
            "list pods",
            "create persistentvolumeclaims",
            "create events",
            "create serviceaccounts",
            "create jobs",
            "patch replicationsources status",
            "patch replicationsources status",
            "delete jobs",
        ]
    )
    new_world.cluster.admin("clear")
    new_world.change("replicationsources", "backup", {"trigger": {"manual": "two"}})
    new_world.wait_done("replicationsources", "backup", "two")
    assert sorted(new_world.requests()) == sorted(
        [
            "get secrets",
            "list pods",
            "create jobs",
            "patch replicationsources status",
            "patch replicationsources status",
            "delete jobs",
        ]
    )
    assert [r["code"] for r in new_world.cluster.admin("requests")["requests"] if r["code"] == 409] == []


def test_what_was_backed_up_comes_back_into_an_existing_claim(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.claim("restored")
    world.destination(destinationPVC="restored")
    status = world.wait_done("replicationdestinations", "restore")
    assert world.read("restored") == {"a.txt": "hello", "folder/b.txt": "world"}
    assert status["latestImage"] == {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "restored"}
    assert status["restic"]["restored"]["id"]
    assert "restoring" in status["latestMoverStatus"]["logs"]


def test_a_snapshot_image_is_published_and_the_one_before_it_goes(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(copyMethod="Snapshot", capacity="1Gi", accessModes=["ReadWriteOnce"])
    first = world.wait_done("replicationdestinations", "restore")["latestImage"]
    assert first["kind"] == "VolumeSnapshot"
    assert first["name"].startswith("volsync-restore-dest-")
    world.change("replicationdestinations", "restore", {"trigger": {"manual": "two"}})
    second = world.wait_done("replicationdestinations", "restore", "two")["latestImage"]
    assert second["name"] != first["name"]
    wait_until("the old image's end", lambda: world.names("volumesnapshots", SNAPSHOTS) == [second["name"]])
    assert world.read("volsync-restore-dest") == {"a.txt": "hello", "folder/b.txt": "world"}


def test_an_older_backup_comes_back_with_previous_and_with_restore_as_of(world: World) -> None:
    world.source(retain={"last": "5"})
    first = world.wait_done("replicationsources", "backup")
    world.write("data", {"a.txt": "changed"})
    # restoreAsOf has whole seconds: the second backup must belong to a later one.
    taken = datetime.fromisoformat(first["lastSyncTime"])
    wait_until("the next second", lambda: datetime.now(UTC) > taken + timedelta(seconds=1))
    world.change("replicationsources", "backup", {"trigger": {"manual": "two"}})
    world.wait_done("replicationsources", "backup", "two")
    world.claim("restored")
    world.destination("by-count", destinationPVC="restored", previous=1)
    world.wait_done("replicationdestinations", "by-count")
    assert world.read("restored")["a.txt"] == "hello"
    world.claim("restored-too")
    world.destination("by-time", destinationPVC="restored-too", restoreAsOf=first["lastSyncTime"])
    world.wait_done("replicationdestinations", "by-time")
    assert world.read("restored-too")["a.txt"] == "hello"


def test_a_restore_from_an_empty_repository_succeeds_and_says_so(new_world: World) -> None:
    new_world.claim("restored")
    new_world.destination(destinationPVC="restored")
    status = new_world.wait_done("replicationdestinations", "restore")
    assert "No data will be restored" in status["latestMoverStatus"]["logs"]
    assert "restored" not in status.get("restic", {})


def test_no_image_is_published_when_no_snapshot_is_eligible(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(copyMethod="Snapshot", capacity="1Gi", accessModes=["ReadWriteOnce"], previous=9999)
    status = world.wait("replicationdestinations", "restore", lambda s: "attempt" in s)
    assert status["attempt"]["lastError"]["class"] == "NoEligibleSnapshot"
    assert "latestImage" not in status
    assert world.names("volumesnapshots", SNAPSHOTS) == []


def test_a_wrong_password_stops_until_the_secret_is_corrected(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.secret("repository", password="wrong-canary-51c0")
    world.change("replicationsources", "backup", {"trigger": {"manual": "two"}})
    status = world.wait("replicationsources", "backup", lambda s: "attempt" in s)
    assert status["attempt"]["lastError"]["class"] == "WrongPassword"
    assert "nextAttemptTime" not in status["attempt"]
    healthy = world.condition("replicationsources", "backup", "Healthy")
    assert healthy[:2] == ("False", "WrongPassword")
    assert "RESTIC_PASSWORD" in healthy[2]
    world.secret("repository")
    # The Secret is looked at once a minute; a change of the resource makes the manager look at once.
    world.change("replicationsources", "backup", {"paused": False})
    world.wait_done("replicationsources", "backup", "two")
    assert world.condition("replicationsources", "backup", "Healthy")[:2] == ("True", "Succeeded")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"repository": "nowhere"}, "spec.restic.repository"),
        ({"sourcePVC": "nowhere"}, "spec.sourcePVC"),
        ({"copyMethod": None}, "spec.restic.copyMethod"),
        ({"trigger": {"schedule": "0 0 30 2 *"}}, "spec.trigger.schedule"),
        ({"trigger": {"schedule": "0 0 * * 7"}}, "spec.trigger.schedule"),
        ({"retain": {"last": "1 --prune"}}, "spec.restic.retain.last"),
        ({"customCA": {"key": "ca.crt", "secretName": "nowhere"}}, "spec.restic.customCA"),
    ],
)
def test_bad_input_is_named_in_a_condition_and_costs_a_few_requests(
    world: World, spec: dict[str, Any], field: str
) -> None:
    world.source(**spec)
    wait_until("the condition", lambda: field in world.condition("replicationsources", "backup", "Healthy")[2])
    status, reason, message = world.condition("replicationsources", "backup", "Synchronizing")
    assert (status, reason) == ("False", "Error")
    assert " – " in message
    assert world.names("jobs", "apis/batch/v1") == []
    assert len(world.requests()) <= 8


def test_a_resource_of_another_operator_never_gets_a_status(world: World) -> None:
    for plural in ("replicationsources", "replicationdestinations"):
        spec = {"trigger": {"manual": "one"}, "external": {"provider": "example.com/mover"}}
        world.cluster.ask("POST", world.path(plural, group=VOLSYNC), {"metadata": {"name": "theirs"}, "spec": spec})
    world.source()
    world.wait_done("replicationsources", "backup")
    for plural in ("replicationsources", "replicationdestinations"):
        assert "status" not in world.cluster.get(world.path(plural, "theirs", VOLSYNC))


def test_an_object_of_somebody_else_is_not_touched(world: World) -> None:
    world.claim("volsync-backup-src")
    world.source(copyMethod="Clone")
    wait_until("the condition", lambda: "ObjectInTheWay" in world.condition("replicationsources", "backup", "Healthy"))
    assert "volsync.backube/cleanup" not in (world.claim_of("volsync-backup-src")["metadata"].get("labels") or {})


def test_a_pause_stops_the_mover_before_it_starts_and_unpausing_lets_it_run(world: World) -> None:
    path = world.path("replicationsources", group=VOLSYNC)
    restic = {"repository": "repository", "copyMethod": "Direct"}
    spec = {"sourcePVC": "data", "paused": True, "trigger": {"manual": "one"}, "restic": restic}
    world.cluster.ask("POST", path, {"metadata": {"name": "backup"}, "spec": spec})
    job = world.path("jobs", "volsync-src-backup", "apis/batch/v1")
    wait_until("the Job", lambda: world.cluster.get(job) is not None)
    assert world.cluster.get(job)["spec"]["parallelism"] == 0
    world.change("replicationsources", "backup", {"paused": False})
    world.wait_done("replicationsources", "backup")


def test_no_secret_value_reaches_anything_that_people_read(
    new_world: World, manager: Manager, cluster: DevCluster
) -> None:
    new_world.source()
    new_world.wait_done("replicationsources", "backup")
    for plural, group in (
        ("replicationsources", VOLSYNC),
        ("jobs", "apis/batch/v1"),
        ("pods", "api/v1"),
        ("events", "apis/events.k8s.io/v1"),
    ):
        assert PASSWORD not in str(cluster.get(new_world.path(plural, group=group)))
    logs = [manager.log, *(cluster.kubeconfig.parent / "logs").rglob("*.log")]
    assert not [log for log in logs if PASSWORD in log.read_text(encoding="utf-8", errors="replace")]
