"""What a restore leaves behind, whatever ends it and whoever else restores: an undo, nothing started too early."""

from __future__ import annotations

from typing import Any

import click
import pytest

from tests.unit.commands.resources import NOW, source
from tests.unit.commands.restore_world import World, failed
from volsync_py.commands.restore.point import Point
from volsync_py.core.labels import RESTORE_BEGUN, Annotation, Label
from volsync_py.kube.errors import AlreadyExists, Forbidden, Unreachable
from volsync_py.kube.resources import (
    DEPLOYMENTS,
    PODS,
    PVCS,
    REPLICA_SETS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    STATEFUL_SETS,
    VOLUME_SNAPSHOTS,
)


@pytest.fixture
def world() -> World:
    return World().with_application()


def assert_stopped(world: World) -> None:
    assert (world.replicas(), world.is_paused()) == (0, True)


def assert_as_it_was(world: World) -> None:
    workload, of_db = world.of(DEPLOYMENTS)["web"], world.of(REPLICATION_SOURCES)["db"]
    assert (world.replicas(), world.is_paused()) == (2, False)
    assert not any(obj["metadata"].get("annotations") for obj in (workload, of_db))
    assert Annotation.HALF_RESTORED not in world.only(PVCS)["metadata"]["annotations"]


def test_a_restore_that_ends_well_leaves_the_undo_and_nothing_else(world: World) -> None:
    assert world.restore() == 0
    assert_as_it_was(world)
    assert world.of(REPLICATION_DESTINATIONS) == {}
    assert world.only(VOLUME_SNAPSHOTS)["spec"] == {
        "source": {"persistentVolumeClaimName": "db"},
        "volumeSnapshotClassName": "fast",
    }


# ---- a restore that has failed


def test_a_restore_that_failed_before_it_wrote_lets_back_and_still_keeps_the_undo(world: World, capsys: Any) -> None:
    assert world.restore(**failed("WrongPassword")) == 1
    assert_as_it_was(world)
    name = world.only(VOLUME_SNAPSHOTS)["metadata"]["name"]
    assert f"kubectl -n media delete volumesnapshot {name}" in capsys.readouterr().err


def test_what_an_earlier_attempt_has_written_is_not_forgotten_when_the_same_fails_otherwise(world: World) -> None:
    assert world.restore(**failed("Configuration")) == 1
    assert_stopped(world)
    undo = world.only(VOLUME_SNAPSHOTS)
    assert world.restore(**failed("WrongPassword")) == 1
    assert_stopped(world)
    assert world.only(VOLUME_SNAPSHOTS) == undo


def test_the_half_restored_state_outlives_the_destination(world: World, capsys: Any) -> None:
    assert world.restore(**failed("TargetFull")) == 1
    undo, name = world.only(VOLUME_SNAPSHOTS), world.only(REPLICATION_DESTINATIONS)["metadata"]["name"]
    world.drop(REPLICATION_DESTINATIONS, name)

    again = world.plan(Point(previous=1))
    assert (again.name, again.begun, again.undo.can) == (name, True, True)
    assert world.restore(again, **failed("WrongPassword")) == 1
    assert_stopped(world)
    assert world.restore(world.plan(Point(previous=1))) == 0
    assert_as_it_was(world)
    assert world.only(VOLUME_SNAPSHOTS) == undo
    assert Annotation.HALF_RESTORED not in capsys.readouterr().out


def test_what_is_half_restored_and_runs_is_not_restored_over_with_an_undo_of_before(world: World) -> None:
    world.restore(**failed("TargetFull"))
    world.scaled("web", 1)
    assert "may be half restored" in world.plan().refusal()
    assert f"annotate persistentvolumeclaim db {Annotation.HALF_RESTORED}-" in world.plan().refusal()


def test_a_mark_that_is_no_name_is_refused_and_never_told_to_a_shell(world: World) -> None:
    world.only(PVCS)["metadata"]["annotations"][Annotation.HALF_RESTORED] = "a; rm -r x"
    with pytest.raises(click.ClickException, match="is no name of a restore; take it away: kubectl"):
        world.plan()


def test_another_restore_is_told_the_way_back_with_the_undo(world: World) -> None:
    world.restore(**failed("TargetFull"))
    name = world.only(VOLUME_SNAPSHOTS)["metadata"]["name"]
    with pytest.raises(click.ClickException) as refused:
        world.plan(Point(previous=1))
    for line in (f"delete replicationdestination {name}", "delete persistentvolumeclaim db", f'"name":"{name}"'):
        assert line in refused.value.message


# ---- a restore that has not begun


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Forbidden(403, "", "no snapshots")])
def test_what_ends_before_the_first_byte_takes_everything_back(world: World, error: BaseException) -> None:
    def fail() -> None:
        raise error

    world.then["create", "VolumeSnapshot"] = fail
    with pytest.raises(type(error)):
        world.restore()
    assert_as_it_was(world)
    assert world.of(REPLICATION_DESTINATIONS) == {}


def test_an_answer_that_was_lost_may_stand_for_a_restore_that_has_begun(world: World) -> None:
    def lost() -> None:
        world.refused["patch", "ReplicationDestination"] = Unreachable("cut off")
        raise Unreachable("cut off")

    world.then["create", "VolumeSnapshot"] = lambda: world.then.update({("patch", "ReplicationDestination"): lost})
    with pytest.raises(Unreachable):
        world.restore()
    assert_stopped(world)
    assert world.only(VOLUME_SNAPSHOTS)


def test_whoever_asks_for_the_same_and_stops_does_not_undo_what_another_command_has_begun(world: World) -> None:
    def second() -> None:
        late = world.plan()
        changes = {"spec": {"paused": None}, "metadata": {"labels": {Label.RESTORE: RESTORE_BEGUN}}}
        world.patch(REPLICATION_DESTINATIONS, late.name, changes, "media")
        with pytest.raises(click.ClickException, match="another command goes on"):
            world.restore(late)
        assert_stopped(world)
        assert world.only(VOLUME_SNAPSHOTS)
        raise KeyboardInterrupt

    world.then["create", "VolumeSnapshot"] = second
    with pytest.raises(KeyboardInterrupt):
        world.restore()
    assert_stopped(world)
    assert world.only(VOLUME_SNAPSHOTS)
    assert world.only(REPLICATION_DESTINATIONS)


def test_a_command_whose_restore_another_has_taken_over_begins_nothing_and_lets_nobody_back(world: World) -> None:
    taken: list[Any] = []

    def second() -> None:
        assert world.restore(world.plan(), **failed("TargetFull")) == 1
        taken.append(world.only(VOLUME_SNAPSHOTS))

    world.then["create", "VolumeSnapshot"] = second
    with pytest.raises(click.ClickException, match="another command goes on"):
        world.restore()
    assert_stopped(world)
    assert [world.only(VOLUME_SNAPSHOTS)] == taken
    assert world.only(REPLICATION_DESTINATIONS)["status"]["attempt"]["lastError"]["class"] == "TargetFull"


def test_a_command_does_not_begin_with_the_destination_that_another_has_made_under_its_name(world: World) -> None:
    def made_anew() -> None:
        world.put(REPLICATION_DESTINATIONS, world.only(REPLICATION_DESTINATIONS))

    world.then["create", "VolumeSnapshot"] = made_anew
    with pytest.raises(click.ClickException, match="another command goes on"):
        world.restore()
    assert_stopped(world)
    assert world.only(REPLICATION_DESTINATIONS)["spec"]["paused"] is True
    assert Annotation.HALF_RESTORED not in world.only(PVCS)["metadata"]["annotations"]


def test_the_undo_of_a_command_that_never_began_is_taken_anew(world: World) -> None:
    plan = world.plan()
    labels = {**plan.destination["metadata"]["labels"]}
    open_one = {**plan.destination, "metadata": {**plan.destination["metadata"], "labels": labels}, "status": {}}
    world.put(REPLICATION_DESTINATIONS, open_one)
    spec = {"source": {"persistentVolumeClaimName": "db"}}
    meta = {"name": plan.name, "namespace": "media", "labels": {Label.RESTORE: "open"}}
    old = world.put(VOLUME_SNAPSHOTS, {"metadata": meta, "spec": spec})
    again = world.plan()
    assert (again.name, again.begun) == (plan.name, False)
    assert world.restore(again) == 0
    assert world.only(VOLUME_SNAPSHOTS)["metadata"]["uid"] != old["metadata"]["uid"]


def test_what_failed_goes_on_with_the_settings_of_today_and_the_same_snapshot(world: World) -> None:
    world.restore(**failed("Configuration"))
    first = world.only(REPLICATION_DESTINATIONS)
    of_db = world.of(REPLICATION_SOURCES)["db"]
    of_db["spec"]["restic"]["moverSecurityContext"] = {"runAsUser": 7}
    of_db["status"]["restic"] = {"lastSnapshot": {"id": "abcd" * 16}}
    again = world.plan()
    restic = again.destination["spec"]["restic"]
    assert restic["moverSecurityContext"] == {"runAsUser": 7}
    assert restic["restoreAsOf"] == first["spec"]["restic"]["restoreAsOf"]
    assert "snapshot" not in restic
    world.drop(VOLUME_SNAPSHOTS, again.name)
    assert not world.plan().undo.can
    assert "there is no VolumeSnapshot of it" in world.plan().undo_words()


# ---- claims that are made


def test_a_claim_that_was_made_by_somebody_else_meanwhile_is_not_deleted(world: World) -> None:
    plan = world.plan(to="other")
    theirs = world.put(PVCS, {"metadata": {"name": "other"}, "spec": {}})
    with pytest.raises(AlreadyExists):
        world.restore(plan)
    assert world.of(PVCS)["other"] == theirs


def test_a_claim_of_the_same_name_that_replaced_ours_is_not_deleted(world: World) -> None:
    plan = world.plan(to="other")

    def replaced() -> None:
        world.put(PVCS, {"metadata": {"name": "other"}, "spec": {}})
        world.refused["create", "ReplicationDestination"] = Forbidden(403, "", "no")

    world.then["create", "PersistentVolumeClaim"] = replaced
    with pytest.raises(Forbidden):
        world.restore(plan)
    assert "other" in world.of(PVCS)


def test_a_claim_that_is_gone_comes_back_only_when_its_program_and_its_backups_are_stopped() -> None:
    world = World()
    world.scaled("web", 1, phase="Pending")
    assert "--scale-down" in world.plan(to="db", size="1Gi", scale_down=False).refusal()
    plan = world.plan(to="db", size="1Gi")
    assert plan.refusal() == ""
    assert world.restore(plan) == 0
    made = world.done.index(("create", "PersistentVolumeClaim", "db"))
    before = world.done[:made]
    assert ("patch", "Deployment", "web") in before
    assert ("patch", "ReplicationSource", "db") in before
    assert (world.replicas(), world.is_paused()) == (1, False)


def test_an_empty_claim_is_removed_before_what_waits_for_it_is_let_back() -> None:
    world = World()
    world.scaled("web", 1, phase="Pending")

    def stop() -> None:
        raise KeyboardInterrupt

    world.then["patch", "PersistentVolumeClaim"] = stop
    with pytest.raises(KeyboardInterrupt):
        world.restore(world.plan(to="db", size="1Gi"))
    assert world.of(PVCS) == {}
    assert (world.replicas(), world.is_paused()) == (1, False)


def test_what_failed_in_a_claim_that_was_made_starts_nothing_on_it() -> None:
    world = World()
    world.scaled("web", 1, phase="Pending")
    assert world.restore(world.plan(to="db", size="1Gi"), **failed("WrongPassword")) == 1
    assert_stopped(world)


# ---- what is let back


def test_one_refusal_keeps_nothing_else_from_being_let_back(world: World, capsys: Any) -> None:
    def gone_and_refused() -> None:
        world.refused["patch", "Deployment"] = Forbidden(403, "", "frozen")

    world.then["create", "VolumeSnapshot"] = gone_and_refused
    assert world.restore() == 1
    assert (world.replicas(), world.is_paused()) == (0, False)
    said = capsys.readouterr()
    assert "restored 2 files and folders" in said.out
    assert "Deployment web is left at 0 (2 replicas before): you may not do this: frozen" in said.err
    assert "kubectl -n media scale deployment/web --replicas=2" in said.err


def test_a_workload_that_is_gone_has_nothing_to_be_let_back(world: World) -> None:
    world.then["create", "VolumeSnapshot"] = lambda: world.drop(DEPLOYMENTS, "web")
    assert world.restore() == 0
    assert not world.is_paused()


def test_a_bare_replica_set_is_found_again(world: World) -> None:
    world.drop(PODS, "web-1")
    world.scaled("bare", 3, REPLICA_SETS)
    assert world.restore(**failed("TargetFull")) == 1
    assert [(one.name, one.before) for one in world.plan().mounts.workloads] == [("bare", 3)]
    assert world.restore() == 0
    assert world.of(REPLICA_SETS)["bare"]["spec"]["replicas"] == 3


def test_a_mark_of_another_restore_starts_nothing_that_somebody_has_stopped(world: World) -> None:
    workload, of_db = world.of(DEPLOYMENTS)["web"], world.of(REPLICATION_SOURCES)["db"]
    world.drop(PODS, "web-1")
    marks = {Annotation.SCALED_FOR: "db-restore-of-last-month", Annotation.REPLICAS_BEFORE: "2"}
    workload["metadata"]["annotations"], workload["spec"]["replicas"] = marks, 0
    of_db["metadata"]["annotations"] = {Annotation.PAUSED_FOR: "db-restore-of-last-month"}
    of_db["spec"]["paused"] = True
    assert world.restore() == 0
    assert_stopped(world)


def test_a_stateful_set_that_would_lose_its_claims_is_not_scaled_down(world: World) -> None:
    world.scaled("set", 1, STATEFUL_SETS)
    assert world.plan().refusal() == ""
    policy = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    world.of(STATEFUL_SETS)["set"]["spec"]["persistentVolumeClaimRetentionPolicy"] = policy
    refusal = world.plan().refusal()
    assert "spec.persistentVolumeClaimRetentionPolicy.whenScaled is Delete" in refusal
    assert "kubectl -n media patch statefulset/set --type=merge --patch" in refusal


def test_the_newest_snapshot_is_the_one_that_was_told() -> None:
    world = World().with_application()
    world.put(REPLICATION_SOURCES, source(restic={"lastSnapshot": {"id": "abcd" * 16}}))
    assert world.plan().destination["spec"]["restic"]["snapshot"] == "abcd" * 16
    world.put(REPLICATION_SOURCES, source(restic={"lastSnapshot": {"id": "--no-lock"}}))
    assert world.plan().destination["spec"]["restic"]["restoreAsOf"] == "2026-11-27T12:00:00Z"


ID, OLDER = "abcd" * 16, "ef01" * 16
COMPLETE = {"lastSnapshot": {"id": ID}, "completeSnapshot": ID}
PARTIAL = {"lastSnapshot": {"id": ID, "filesFailed": 1}, "completeSnapshot": OLDER}
UNKNOWN = "the status of the source does not say that the snapshot holds all that was in the volume"
UNREAD = "the backup that made the snapshot could not read everything"


@pytest.mark.parametrize(
    ("which", "status", "why"),
    [
        (Point(), COMPLETE, ""),
        # Of an operator that did not record it yet.
        (Point(), {"lastSnapshot": {"id": ID}}, ""),
        (Point(snapshot="abcd"), COMPLETE, ""),
        (Point(), PARTIAL, UNREAD),
        (Point(), {"lastSnapshot": {"id": ID, "filesFailed": 1}}, UNREAD),
        (Point(), {"lastSnapshot": {"id": ID}, "completeSnapshot": OLDER}, UNREAD),
        (Point(snapshot=ID[:8]), PARTIAL, UNREAD),
        (Point(snapshot=OLDER[:8]), PARTIAL, ""),
        (Point(snapshot="1234"), COMPLETE, UNKNOWN),
        (Point(previous=1), COMPLETE, UNKNOWN),
        (Point(at=NOW), COMPLETE, UNKNOWN),
        (Point(), {}, UNKNOWN),
    ],
)
def test_a_restore_in_place_deletes_nothing_unasked_that_may_be_in_no_backup(
    which: Point, status: Any, why: str
) -> None:
    world = World().with_application()
    world.put(REPLICATION_SOURCES, source(restic=status))
    plan = world.plan(which)
    assert plan.lacks == why
    assert (plan.deletes, plan.destination["spec"]["restic"].get("enableFileDeletion")) == (
        not why,
        None if why else True,
    )
    for asked in (True, False):
        assert world.plan(which, delete=asked).deletes is asked
    assert world.plan(which, delete=True).lacks == why


@pytest.mark.parametrize(
    ("exclude", "leaves_out"),
    [
        ({"patterns": ["library"]}, True),
        ({"caches": True}, True),
        ({"ifPresent": [".nobackup"]}, True),
        ({"largerThan": "500M"}, True),
        ({"patterns": [], "caches": False, "largerThan": ""}, False),
    ],
)
def test_what_a_source_leaves_out_stays_unless_its_deletion_was_asked_for(exclude: Any, leaves_out: bool) -> None:
    world = World().with_application()
    world.put(REPLICATION_SOURCES, source(spec={"restic": {"repository": "r", "exclude": exclude}}, restic=COMPLETE))
    assert world.plan().deletes is not leaves_out
    assert ("(spec.restic.exclude)" in world.plan().lacks) is leaves_out
    assert "enableFileDeletion" not in world.plan(include=["/a"]).destination["spec"]["restic"]
    assert world.plan(delete=True).deletes


def test_what_was_begun_is_judged_by_its_own_snapshot() -> None:
    world = World().with_application()
    world.put(REPLICATION_SOURCES, source(restic={"lastSnapshot": {"id": OLDER}, "completeSnapshot": OLDER}))
    world.restore(**failed("Configuration"))
    assert world.only(REPLICATION_DESTINATIONS)["spec"]["restic"]["enableFileDeletion"]
    # A backup that was under way has made another.
    world.of(REPLICATION_SOURCES)["db"]["status"]["restic"] = PARTIAL
    again = world.plan()
    assert (again.goes_on, again.deletes, again.point.snapshot) == (True, True, OLDER)
