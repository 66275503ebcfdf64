"""What is done about a claim that is filled from a destination, state by state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.populator.objects import (
    FOR,
    IN_USE,
    KEEP,
    LONG_AGO,
    NODE,
    OF_DESTINATION,
    OF_TEMPORARY,
    OURS,
    SNAPSHOT_GROUP,
    TEMPORARY,
    UID,
    bound,
    claim,
    destination,
    owner_of_temporary,
    provisioned,
    snapshot,
    step_on,
    storage_class,
    temporary,
    volume,
    words,
)
from volsync_py.core.actions import Create, EventType, Patch
from volsync_py.populator.reference import MOST_READERS

MINE = {IN_USE: "app"}
KEPT = {**MINE, KEEP: ""}
GOING: dict[str, Any] = {"metadata": {"deletionTimestamp": LONG_AGO}}
LABELLED = snapshot(OF_DESTINATION, labels=MINE)
HELD = snapshot(OF_DESTINATION, OF_TEMPORARY, labels=MINE)
READY: dict[str, Any] = {"destination": destination(), "snapshots": [LABELLED]}
IN_TREE = storage_class(provisioner="kubernetes.io/gce-pd")
OTHER_NAMESPACE = claim(spec={"dataSourceRef": {"namespace": "elsewhere"}})
NO_CLASS = claim(spec={"storageClassName": None})
EMPTY_CLASS = claim(spec={"storageClassName": ""})
DIRECT = destination({"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "data"})


OF_MANY = {f"{IN_USE[: -len(UID)]}{number}": "x" for number in range(MOST_READERS)}


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (
            {"claim": claim(), "destination": destination(), "snapshots": [snapshot(OF_DESTINATION, labels=OF_MANY)]},
            "ImageUnusable",
        ),
        ({"claim": OTHER_NAMESPACE, **READY}, "Error"),
        ({"claim": NO_CLASS, **READY, "storage_class": None}, "NoStorageClass"),
        ({"claim": EMPTY_CLASS, **READY, "storage_class": None}, "NoStorageClass"),
        ({"claim": claim(), **READY, "storage_class": None}, "NoStorageClass"),
        (
            {"claim": claim(), **READY, "storage_class": storage_class(provisioner="kubernetes.io/gce-pd")},
            "NoStorageClass",
        ),
        ({"claim": claim(), **READY, "storage_class": storage_class("WaitForFirstConsumer")}, "WaitForFirstConsumer"),
        ({"claim": claim()}, "ReplicationDestinationMissing"),
        ({"claim": claim(), "destination": destination(**GOING)}, "ReplicationDestinationMissing"),
        ({"claim": claim(), "destination": destination(None)}, "ReplicationDestinationNoLatestImage"),
        ({"claim": claim(), "destination": DIRECT}, "Error"),
        ({"claim": claim(), "destination": destination()}, "ImageUnusable"),
        ({"claim": claim(), "destination": destination(), "snapshots": [snapshot(**GOING)]}, "ImageUnusable"),
        (
            {"claim": claim(), "destination": destination(), "snapshots": [snapshot(status={"readyToUse": None})]},
            "ImageUnusable",
        ),
    ],
)
def test_a_claim_that_cannot_be_filled_yet_says_what_it_waits_for_and_nothing_is_made(
    seen: dict[str, Any], reason: str
) -> None:
    step = step_on(**seen)
    assert step.waiting is not None
    assert step.waiting.reason == f"VolSyncPopulator{reason}"
    assert not any(isinstance(action, Create) for action in step.actions)
    # What an earlier pass labelled goes back: nothing reads it.
    labelled = LABELLED in seen.get("snapshots", []) and UID in str(LABELLED)
    assert words(step.actions) == (["image: unlabel, owned by d"] if labelled else [])


def test_a_wait_that_is_as_it_should_be_is_no_warning() -> None:
    step = step_on(claim=claim(), storage_class=storage_class("WaitForFirstConsumer"), **READY)
    assert step.waiting is not None
    assert step.waiting.type is EventType.NORMAL


BEGUN = {"claim": claim(), "temporary": temporary()}
LATE: dict[str, Any] = {"metadata": {"creationTimestamp": LONG_AGO}}
MIGRATED = claim(metadata={"annotations": {"pv.kubernetes.io/migrated-to": "driver"}})
ON_NODE = claim(metadata={"annotations": {NODE: "n2"}})
HELD_BY_ANOTHER = snapshot(OF_DESTINATION, {**OF_TEMPORARY, "uid": "x"}, labels=MINE)
OLD = snapshot(OF_DESTINATION, labels=MINE, name="old")


@pytest.mark.parametrize(
    ("seen", "done"),
    [
        # The beginning.
        ({"claim": claim(), "destination": destination(), "snapshots": [snapshot(OF_DESTINATION)]}, ["image: label"]),
        ({"claim": claim(), **READY}, [f"create {TEMPORARY}"]),
        ({"claim": MIGRATED, **READY, "storage_class": IN_TREE}, [f"create {TEMPORARY}"]),
        (
            {"claim": claim(), "destination": destination(), "snapshots": [snapshot(OF_DESTINATION), OLD]},
            ["old: unlabel, owned by d", "image: label"],
        ),
        ({"claim": claim(**GOING), **READY}, []),
        # The image is held as long as it is read …
        ({**BEGUN, "snapshots": [LABELLED]}, ["image: owned by d+t"]),
        ({**BEGUN, "snapshots": [snapshot(OF_DESTINATION)]}, ["image: label, owned by d+t"]),
        ({**BEGUN, "snapshots": [HELD]}, []),
        ({**BEGUN, "snapshots": [HELD_BY_ANOTHER]}, ["image: owned by d+t"]),
        # … and the user's own is not, so that it never goes with the claim.
        ({**BEGUN, "snapshots": [snapshot(labels=KEPT)]}, []),
        ({**BEGUN, "snapshots": [snapshot(OF_TEMPORARY, labels=KEPT)]}, ["image: owned by nobody"]),
        (
            {"claim": claim(**GOING), "temporary": temporary(), "snapshots": [snapshot(OF_TEMPORARY, labels=KEPT)]},
            ["image: owned by nobody"],
        ),
        # Another image is the latest by now: this one is gone on with.
        ({**BEGUN, "snapshots": [HELD], "destination": destination({"name": "newer"})}, []),
        # The image has gone.
        (BEGUN, [f"delete {TEMPORARY} as seen", "Restarted"]),
        # The scheduler, and a provisioner that finds no room there.
        (
            {"claim": ON_NODE, "temporary": temporary(metadata={"annotations": {NODE: "n1"}}), "snapshots": [HELD]},
            [f"{TEMPORARY}: node n2"],
        ),
        ({"claim": ON_NODE, "temporary": temporary(), "snapshots": [HELD]}, []),
        (
            {"claim": ON_NODE, "temporary": temporary(**LATE), "snapshots": [HELD]},
            [f"delete {TEMPORARY} as seen", "Restarted"],
        ),
        ({"claim": claim(), "temporary": temporary(**GOING), "snapshots": [HELD]}, []),
        # The volume is handed over, if it was made of the image.
        ({"claim": claim(), "temporary": provisioned(), "snapshots": [HELD], "volume": volume()}, ["pv: give to app"]),
        ({"claim": claim(), "temporary": provisioned(), "snapshots": [HELD], "volume": volume(UID)}, []),
        ({"claim": claim(), "temporary": provisioned(), "snapshots": [HELD], "volume": None}, []),
        # The volume is lost, with what was restored.
        (
            {"claim": claim(), "temporary": provisioned() | {"status": {"phase": "Lost"}}, "volume": None},
            [f"delete {TEMPORARY} as seen", "Restarted"],
        ),
        # The end.
        ({"claim": bound(), "temporary": provisioned(), "snapshots": [HELD]}, []),
        (
            {"claim": bound(), "temporary": provisioned() | {"status": {"phase": "Lost"}}, "snapshots": [HELD]},
            ["image: unlabel, owned by d", f"delete {TEMPORARY} as seen", "Finished"],
        ),
        ({"claim": bound(), "temporary": provisioned(**GOING), "snapshots": [HELD]}, ["image: unlabel, owned by d"]),
        ({"claim": bound(), "snapshots": [HELD]}, ["image: unlabel, owned by d"]),
        ({"claim": bound()}, []),
        (
            {"claim": bound("another"), "temporary": temporary(), "snapshots": [HELD]},
            ["image: unlabel, owned by d", f"delete {TEMPORARY} as seen", "BoundOtherwise"],
        ),
        # The claim has gone.
        ({"temporary": temporary(), "snapshots": [HELD]}, []),
        ({"temporary": temporary(), "snapshots": [snapshot(OF_TEMPORARY, labels=KEPT)]}, ["image: owned by nobody"]),
        ({"snapshots": [HELD]}, ["image: unlabel, owned by d"]),
        ({"snapshots": [LABELLED]}, ["image: unlabel, owned by d"]),
        ({}, []),
        # A snapshot that nobody else wants goes, as it was seen; the user's, and another claim's, stays.
        ({"snapshots": [snapshot(labels=MINE)]}, ["delete image as seen"]),
        ({"snapshots": [snapshot(OF_TEMPORARY, labels=MINE)]}, ["delete image as seen"]),
        ({"snapshots": [snapshot(OF_TEMPORARY, labels=KEPT)]}, ["image: unlabel, owned by nobody"]),
        ({"snapshots": [snapshot(OF_TEMPORARY, labels=MINE, ours=False)]}, ["image: unlabel, owned by nobody"]),
        (
            {"snapshots": [snapshot(OF_TEMPORARY, labels={**MINE, f"{IN_USE[:-1]}x": "other"})]},
            ["image: unlabel, owned by nobody"],
        ),
        ({"snapshots": [snapshot(labels=MINE, **GOING)]}, []),
    ],
)  # fmt: skip
def test_what_is_done(seen: dict[str, Any], done: list[str]) -> None:
    assert words(step_on(**seen).actions) == done


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        ({"temporary": temporary(metadata={"ownerReferences": [owner_of_temporary("x")]})}, "belongs to somebody else"),
        ({"temporary": temporary(**LATE)}, "to be provisioned"),
        ({"temporary": provisioned() | {"spec": {"volumeName": "pv"}}, "volume": volume()}, "without the snapshot"),
        ({"temporary": provisioned(), "volume": volume("x")}, "belongs to another claim"),
        ({"temporary": provisioned(), "volume": volume(metadata={"annotations": None})}, "not made of the image"),
        ({"temporary": provisioned(), "volume": volume(**LATE)}, "not made of the image"),
    ],
)
def test_what_stands_in_the_way_of_a_claim_that_is_being_filled_is_said(seen: dict[str, Any], text: str) -> None:
    step = step_on(claim=claim(), snapshots=[HELD], **seen)
    assert step.waiting is not None
    assert text in step.waiting.note
    assert step.actions == ()


def test_a_claim_that_asks_for_less_than_the_image_needs_is_told_of_it() -> None:
    large = snapshot(OF_DESTINATION, OF_TEMPORARY, labels=MINE, status={"restoreSize": "2Gi"})
    step = step_on(claim=claim(), temporary=temporary(**LATE), snapshots=[large])
    assert step.waiting is not None
    assert "the claim asks for 1Gi, the image needs 2Gi" in step.waiting.note


def test_a_wait_for_a_volume_looks_again_when_it_has_taken_too_long() -> None:
    assert step_on(**BEGUN, snapshots=[HELD]).requeue_after_seconds == 115


def test_the_temporary_claim_asks_for_what_the_claim_asks_for_and_for_the_images_content() -> None:
    more = {"resources": {"requests": {"storage": "5Gi"}}, "volumeAttributesClassName": "gold", "selector": {"x": "y"}}
    wanted = claim(metadata={"annotations": {NODE: "n1"}, "labels": {"user": "own"}}, spec=more)
    (action,) = step_on(claim=wanted, **READY).actions
    assert isinstance(action, Create)
    meta, spec = action.object["metadata"], action.object["spec"]
    assert meta == {
        "name": TEMPORARY,
        "namespace": "ns",
        "labels": {**OURS, FOR: "app"},
        "annotations": {NODE: "n1"},
        "ownerReferences": [owner_of_temporary()],
    }
    assert spec == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "5Gi"}},
        "storageClassName": "fast",
        "volumeMode": "Filesystem",
        "volumeAttributesClassName": "gold",
        "dataSourceRef": {"apiGroup": SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": "image"},
    }


@pytest.mark.parametrize("name", ["a", "a" * 63, "a" * 64, "a." * 126 + "a"])
def test_a_name_of_any_length_fits_into_labels(name: str) -> None:
    (first,) = step_on(claim=claim(name), destination=destination(), snapshots=[snapshot(OF_DESTINATION)]).actions
    (second,) = step_on(claim=claim(name), **READY).actions
    assert isinstance(first, Patch)
    assert isinstance(second, Create)
    value = first.changes["metadata"]["labels"][IN_USE]
    assert value == second.object["metadata"]["labels"][FOR]
    assert len(value) <= 63
    assert value[-1].isalnum()
    assert value == name or len(name) > 63


def test_the_volume_is_given_as_volsync_gives_it_and_only_as_it_was_seen() -> None:
    (gift,) = step_on(claim=claim(), temporary=provisioned(), snapshots=[HELD], volume=volume()).actions
    assert isinstance(gift, Patch)
    assert gift.changes["metadata"]["resourceVersion"] == "9"
    assert gift.changes["metadata"]["annotations"] == {"volsync.backube/populated-from": "ns/image"}
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "ns", "name": "app", "uid": UID}
    assert gift.changes["spec"] == {"claimRef": {**reference, "resourceVersion": "7"}}


@pytest.mark.parametrize(
    "seen",
    [
        {"claim": claim(), "destination": destination(), "snapshots": [snapshot(OF_DESTINATION)]},
        {**BEGUN, "snapshots": [LABELLED]},
        {"claim": bound(), "snapshots": [HELD]},
        {"snapshots": [snapshot(OF_TEMPORARY, labels=KEPT)]},
    ],
)
def test_a_snapshot_is_changed_only_as_it_was_seen_so_that_a_label_that_comes_now_wins(seen: dict[str, Any]) -> None:
    (change,) = step_on(**seen).actions
    assert isinstance(change, Patch)
    assert change.changes["metadata"]["resourceVersion"] == "7"
    assert change.uid == "s-image"
