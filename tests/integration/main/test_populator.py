"""Claims that are filled from a destination, with the real manager, real restic and a real S3 server."""

from __future__ import annotations

from hack.processes import wait_until
from tests.integration.main.filled import (
    IMAGE,
    LONG,
    SNAPSHOTS,
    done_by_the_manager,
    image_of,
    populated,
    refused_changes,
    settled,
    told,
)
from tests.integration.world import World


def test_claims_are_filled_from_their_appearance_to_the_end_of_their_image(world: World) -> None:
    populated(world, "early")
    wait_until("an event", lambda: told(world, "early")["ReplicationDestinationMissing"] == 1)
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(**IMAGE)
    world.wait_done("replicationdestinations", "restore")
    settled(world, "early")
    assert world.read("early") == world.read("data")
    waits = {"ReplicationDestinationMissing": 1, "ReplicationDestinationNoLatestImage": 1}
    wait_until("the last events", lambda: told(world, "early") == {**waits, "PVCCreated": 1, "Finished": 1})
    world.cluster.admin("clear")
    populated(world, LONG)
    settled(world, LONG)
    wait_until("the last event", lambda: told(world, LONG) == {"PVCCreated": 1, "Finished": 1})
    assert world.read(LONG) == world.read("data")
    # What a claim costs, as docs/populator.md says it.
    costs = done_by_the_manager(world)
    # Of these two, as was just seen, are the claim's; others may be late ones of the run before it.
    assert costs.pop("create events") >= 2
    # One for each change of either claim between the volume's arrival and its handing over.
    assert 1 <= costs.pop("get persistentvolumes") <= 4
    assert costs == {
        "patch volumesnapshots": 3,
        "create persistentvolumeclaims": 1,
        "patch persistentvolumes": 1,
        "delete persistentvolumeclaims": 1,
    }
    image = image_of(world)
    assert [one["kind"] for one in image["metadata"]["ownerReferences"]] == ["ReplicationDestination"]
    assert image["metadata"]["labels"] == {"app.kubernetes.io/created-by": "volsync"}
    volume = world.cluster.get(f"/api/v1/persistentvolumes/{world.claim_of(LONG)['spec']['volumeName']}")
    from_image = f"{world.namespace}/{image['metadata']['name']}"
    assert volume["metadata"]["annotations"]["volsync.backube/populated-from"] == from_image


def test_a_claim_that_waits_for_its_consumer_gets_the_image_that_is_there_when_it_comes(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(**IMAGE)
    world.wait_done("replicationdestinations", "restore")
    populated(world, "late", storageClassName="dev-wait")
    wait_until("an event", lambda: told(world, "late")["WaitForFirstConsumer"] == 1)
    world.write("data", {"a.txt": "newer"})
    world.change("replicationsources", "backup", {"trigger": {"manual": "two"}})
    world.wait_done("replicationsources", "backup", "two")
    world.change("replicationdestinations", "restore", {"trigger": {"manual": "two"}})
    world.wait_done("replicationdestinations", "restore", "two")
    mount = {"name": "v", "mountPath": "/data"}
    container = {"name": "c", "image": "any", "command": ["cat", "/data/a.txt"], "volumeMounts": [mount]}
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "late"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    world.create("pods", {"metadata": {"name": "consumer"}, "spec": spec})
    settled(world, "late")
    wait_until(
        "the consumer", lambda: world.cluster.get(world.path("pods", "consumer"))["status"]["phase"] == "Succeeded"
    )
    assert world.read("late")["a.txt"] == "newer"


def test_many_claims_of_one_image_are_not_in_each_others_way(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(**IMAGE)
    world.wait_done("replicationdestinations", "restore")
    world.cluster.admin("clear")
    names = [f"claim-{number}" for number in range(10)]
    for name in names:
        populated(world, name)
    settled(world, *names)
    assert refused_changes(world) == 0


def test_an_image_that_is_not_to_be_deleted_outlives_its_destination_and_its_claims(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(**IMAGE)
    world.wait_done("replicationdestinations", "restore")
    name = image_of(world)["metadata"]["name"]
    path = world.path("volumesnapshots", name, SNAPSHOTS)
    label = {"metadata": {"labels": {"volsync.backube/do-not-delete": ""}}}
    world.cluster.ask("PATCH", path, label, "application/merge-patch+json")
    populated(world, "one")
    populated(world, "two")
    settled(world, "one", "two")
    world.cluster.ask("DELETE", world.path("replicationdestinations", "restore", "apis/volsync.backube/v1alpha1"))
    world.cluster.ask("DELETE", world.path("persistentvolumeclaims", "one"))
    wait_until("the claim's end", lambda: "one" not in world.names("persistentvolumeclaims"))
    kept = world.cluster.get(path)["metadata"]
    assert "deletionTimestamp" not in kept
    assert not kept.get("ownerReferences")
    assert kept["labels"] == {"volsync.backube/do-not-delete": ""}
    assert world.read("two") == world.read("data")


def test_a_claim_that_goes_while_it_is_filled_leaves_its_image_to_the_destination(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(**IMAGE)
    world.wait_done("replicationdestinations", "restore")
    world.cluster.admin("node", fault="refuse-provisioning", message="no room")
    try:
        populated(world, "gone")
        wait_until("the image in use", lambda: len(image_of(world)["metadata"]["ownerReferences"]) == 2)
        world.cluster.ask("DELETE", world.path("persistentvolumeclaims", "gone"))
        settled(world)
    finally:
        world.cluster.admin("node", fault="refuse-provisioning", message="")
    wait_until("the label's end", lambda: len(image_of(world)["metadata"]["labels"]) == 1)
    world.change("replicationdestinations", "restore", {"trigger": {"manual": "two"}})
    world.wait_done("replicationdestinations", "restore", "two")
    # Nothing has kept the older image.
    wait_until("the older image's end", lambda: len(world.names("volumesnapshots", SNAPSHOTS)) == 1)
