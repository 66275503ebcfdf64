"""A volume that does not answer: the mover ends by itself, and says so, also where it has asked the volume itself."""

from __future__ import annotations

import os

from tests.integration.mover.harness import Mover
from volsync_py.contract.report import Outcome

# A pipe that nobody writes to keeps whoever opens it, as a volume whose server is gone does.
HANGS = """
import os
_scandir = os.scandir
os.scandir = lambda path=".": open({pipe!r}) if path == {data!r} else _scandir(path)
"""


def test_a_volume_that_does_not_answer_the_mover_itself_ends_the_run(mover: Mover) -> None:
    mover.write(a="a")
    pipe = mover.folder / "pipe"
    os.mkfifo(pipe)
    mover.preamble = HANGS.format(pipe=str(pipe), data=str(mover.data))
    mover.run["deadlines"] = {"stallSeconds": 2}
    ran = mover("backup")
    assert (ran.code, ran.report.outcome, ran.report.error_class) == (1, Outcome.FAILED, "Stalled")
    assert "a volume does not answer" in ran.report.message
    assert "Testing mandatory env variables" in ran.report.log


def test_a_backup_that_was_made_before_a_volume_stopped_answering_stays_one(mover: Mover) -> None:
    mover.write(a="a")
    mover.cache.mkdir(exist_ok=True)
    os.mkfifo(mover.cache / "volsync-py-retention.json")
    mover.run["deadlines"] = {"stallSeconds": 2}
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    ran = mover("backup")
    assert (ran.code, ran.report.outcome, ran.report.error_class) == (0, Outcome.WARNING, "Stalled")
    assert ran.report.snapshot is not None
    assert ran.report.steps[-1].name == "forget"
