"""What the API server refuses is said once and asked for again at a pace, and the run goes on when it no longer is."""

from __future__ import annotations

import time

import pytest

from hack.processes import wait_until
from tests.integration.world import World

# Longer than anything but a pace that is meant takes between two requests.
QUIET_SECONDS = 3.0


def wait_for_quiet(world: World) -> None:
    """Wait until the manager has asked for nothing for a while; a loop without a pace never lets that happen."""
    last, since = -1, time.monotonic()

    def quiet() -> bool:
        nonlocal last, since
        asked = len(world.requests())
        if asked != last:
            last, since = asked, time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    wait_until("the manager to be quiet", quiet, 30)


@pytest.mark.parametrize(
    ("resource", "code", "told"),
    [
        ("persistentvolumeclaims", 403, "the API server refuses"),
        ("jobs", 422, "the API server refuses"),
        ("volumesnapshots", 404, "the API server cannot create a VolumeSnapshot"),
    ],
    ids=["claim", "job", "snapshot"],
)
def test_a_refusal_is_told_and_asked_again_at_a_pace(world: World, resource: str, code: int, told: str) -> None:
    match = {"verb": "create", "resource": resource, "namespace": world.namespace}
    world.cluster.admin("faults", match=match, count=1000, code=code)
    world.source(copyMethod="Snapshot" if resource == "volumesnapshots" else "Direct")
    wait_for_quiet(world)
    status, reason, message = world.condition("replicationsources", "backup", "Healthy")
    assert (status, reason) == ("False", "Refused")
    assert told in message
    assert world.condition("replicationsources", "backup", "Synchronizing")[:2] == ("False", "Error")
    asked = world.requests()
    # What the run has made, and what is written of the refusal, calls for passes, which ask for nothing.
    assert asked.count(f"create {resource}") == 1
    assert asked.count("patch replicationsources status") <= 3

    world.cluster.admin("clear")
    # A change of the resource calls for it; without one it comes by itself within a minute.
    world.change("replicationsources", "backup", {"restic": {"pruneIntervalDays": 3}})
    world.wait_done("replicationsources", "backup")
    assert world.condition("replicationsources", "backup", "Healthy")[0] == "True"
