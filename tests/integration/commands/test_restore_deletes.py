"""What a restore in place deletes, against the development cluster: never unasked what may be in no backup."""

from __future__ import annotations

import pytest

from tests.integration.commands.test_restore import BACKED_UP, FULL, restore
from tests.integration.world import World

pytestmark = pytest.mark.timeout(400)


def test_what_the_source_leaves_out_stays_in_place_unless_its_deletion_is_asked_for(world: World) -> None:
    world.source(manual="one", exclude={"patterns": ["library"]})
    world.wait_done("replicationsources", "backup", "one")
    library = {"library/film": "in no backup"}
    world.write("data", {**FULL, **library})

    done = restore(world, "--in-place", "--yes")
    assert done.returncode == 0, done.stderr
    assert "what it does not have stays: the source leaves something out" in " ".join(done.stdout.split())
    assert world.read("data") == {**BACKED_UP, **library, "later.txt": FULL["later.txt"]}

    asked = restore(world, "--in-place", "--yes", "--delete")
    assert asked.returncode == 0, asked.stderr
    told = " ".join(asked.stdout.split())
    assert "warning: --delete also removes what may be in no backup: the source leaves something out" in told
    assert world.read("data") == BACKED_UP
