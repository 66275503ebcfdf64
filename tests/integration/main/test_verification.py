"""A verification with a manager that runs and real restic: asked for, by schedule, of a damaged repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hack.processes import wait_until
from tests.integration.commands.asking import command
from tests.integration.world import PASSWORD, VOLSYNC, World

NAME = "prove-volsync-backup"
# So many are made and proved at once; a hundred would take longer to see.
DRILL = [f"source-{number}" for number in range(4)]
# What a drill may cost, in requests of its backups.
MOST_OF_THE_BACKUPS = 1.05
READS = ("get ", "list ")
SOURCES = "replicationsources"


def ask(world: World, token: str, name: str = "backup") -> None:
    changes = {"metadata": {"annotations": {"volsync-py/prove-now": token}}}
    world.cluster.ask("PATCH", world.path(SOURCES, name, VOLSYNC), changes, "application/merge-patch+json")


def gone(world: World) -> None:
    kinds = (("jobs", "apis/batch/v1"), ("persistentvolumeclaims", "api/v1"))
    wait_until(
        "nothing is left", lambda: not any(one.startswith("prove-") for kind in kinds for one in world.names(*kind))
    )


def _record(status: Any) -> Any:
    return (status.get("restic") or {}).get("verification") or {}


def test_a_backup_is_proved_when_asked_for_and_by_schedule_and_damage_is_found(world: World) -> None:
    world.claim("repo")
    data = {"RESTIC_REPOSITORY": "/mnt/repo/backup", "RESTIC_PASSWORD": PASSWORD}
    world.create("secrets", {"metadata": {"name": "in-a-volume"}, "stringData": data})
    volume = {"mountPath": "repo", "volumeSource": {"persistentVolumeClaim": {"claimName": "repo"}}}
    wanted = {"command": ["sh", "-c", "test -f folder/b.txt && ! env | grep -q RESTIC"]}
    world.source(repository="in-a-volume", moverVolumes=[volume], verification=wanted)
    backed_up = world.wait_done(SOURCES, "backup")
    assert world.condition(SOURCES, "backup", "Verified")[:2] == ("Unknown", "NotYetVerified")

    done = command(world.cluster.kubeconfig, "prove", "backup", "-n", world.namespace, "--wait")
    gone(world)
    restic = world.status(SOURCES, "backup")["restic"]
    identity = backed_up["restic"]["lastSnapshot"]["id"][:8]
    told = f"snapshot {identity} came back whole: 3 files and folders, 10 B, and its command exited with 0"
    assert (done.returncode, done.stdout) == (0, f"backup: {told}\n"), done.stderr
    assert restic["verification"]["result"] == "Succeeded"
    last = restic["lastVerified"]
    assert last["snapshot"] == backed_up["restic"]["lastSnapshot"]["id"]
    assert (last["files"], last["bytes"], last["commandExitCode"]) == (3, 10, 0)
    assert world.condition(SOURCES, "backup", "Verified")[0] == "True"
    # Nothing was said of the backup, and none was made.
    status = world.status(SOURCES, "backup")
    assert (status["lastSyncTime"], status["restic"]["lastSnapshot"]) == (
        backed_up["lastSyncTime"],
        backed_up["restic"]["lastSnapshot"],
    )

    # An hour ago there was a slot: nobody waits for the next minute here.
    world.change(SOURCES, "backup", {"restic": {"verification": {"schedule": "* * * * *", "keep": "OnFailure"}}})
    since = {
        "status": {"restic": {"verification": {"lastTime": "2026-01-01T00:00:00Z", "since": "2026-01-01T00:00:00Z"}}}
    }
    path = world.path(SOURCES, "backup", VOLSYNC) + "/status"
    world.cluster.ask("PATCH", path, since, "application/merge-patch+json")
    world.wait(SOURCES, "backup", lambda s: s["restic"]["lastVerified"]["time"] > last["time"])
    world.change(SOURCES, "backup", {"restic": {"verification": {"schedule": None}}})
    gone(world)

    packs = [p for p in (world.folder("repo") / "backup" / "data").rglob("*") if p.is_file()]
    for pack in packs:
        pack.chmod(0o600)
        pack.write_bytes(b"\0" * pack.stat().st_size)
    ask(world, "second")
    world.wait(SOURCES, "backup", lambda s: _record(s).get("lastProveNow") == "second")
    status, reason, message = world.condition(SOURCES, "backup", "Verified")
    assert (status, reason) == ("False", "RepositoryDamaged"), message
    assert "restic repair" in message
    assert world.condition(SOURCES, "backup", "Healthy")[0] == "True"
    # What came back is kept for a look, and goes with the source.
    wait_until("its Job has gone", lambda: NAME not in world.names("jobs", "apis/batch/v1"))
    assert NAME in world.names("persistentvolumeclaims")
    world.cluster.ask("DELETE", world.path(SOURCES, "backup", VOLSYNC))
    gone(world)


def requests_until(world: World, done: Callable[[Any], bool]) -> list[str]:
    """Return what the manager asks for until each source of the drill is done, and nothing runs any more."""
    for name in DRILL:
        world.wait(SOURCES, name, done)
    wait_until("no Job is left", lambda: not world.names("jobs", "apis/batch/v1"))
    asked = world.requests()
    world.cluster.admin("clear")
    return asked


def writes(asked: list[str]) -> list[str]:
    """Return what was written, whatever the clock did: an event tells of a wait."""
    return [one for one in asked if not one.startswith(READS) and one != "create events"]


def test_a_drill_of_direct_sources_costs_no_more_requests_than_their_backups(world: World) -> None:
    for name in DRILL:
        world.source(name)
    requests_until(world, lambda s: s.get("lastManualSync") == "one")
    for name in DRILL:
        world.change(SOURCES, name, {"trigger": {"manual": "two"}})
    of_backups = requests_until(world, lambda s: s.get("lastManualSync") == "two")
    for name in DRILL:
        ask(world, "now", name)
    of_verifications = requests_until(world, lambda s: _record(s).get("lastProveNow") == "now")
    proofs = [world.status(SOURCES, name)["restic"]["lastVerified"]["files"] for name in DRILL]
    assert proofs == [3] * len(DRILL)
    assert of_verifications.count("create jobs") == of_backups.count("create jobs") == len(DRILL)
    asked = Counter(of_verifications), Counter(of_backups)
    assert len(writes(of_verifications)) <= MOST_OF_THE_BACKUPS * len(writes(of_backups)), asked
    # Who asks at the same moment shares what is read, which is chance; without that it is once for each source.
    reads = Counter(one for one in of_verifications if one.startswith(READS))
    assert set(reads) <= set(of_backups), asked
    assert max(reads.values()) <= len(DRILL), asked
    # What a verification brings along goes with it.
    gone(world)
