"""Samples of pages that need a moment of a cluster, word by word as the commands make them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from attrs import evolve

from tests.unit.commands.test_restore_words import CLAIM, WEB, planned
from volsync_py.commands.repository.lock_list import ALIVE, Lock
from volsync_py.commands.restore.mounted_by import Mounts

GOLDEN = Path(__file__).parents[1] / "golden" / "commands"


def test_a_lock_of_a_mover_that_runs() -> None:
    whose = "the mover of source photos, which runs"
    lock = Lock("5ad1c7f3" * 8, "host", False, timedelta(minutes=3), ALIVE, whose, "", {})
    assert (GOLDEN / "locks.txt").read_text(encoding="utf-8").splitlines()[:1] == lock.lines(100)


def test_a_restore_under_a_program_is_refused() -> None:
    mounts = Mounts([evolve(WEB, pods=("web-1",))], [], ["web-1"])
    refusal = planned(existing=CLAIM, mounts=mounts, claim="photos").refusal()
    assert (GOLDEN / "restore-refused.txt").read_text(encoding="utf-8") == f"Error: {refusal}\n"
