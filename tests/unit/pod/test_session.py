"""What the steps of one run tell each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Deadlines, Run
from volsync_py.pod.humanlog import HumanLog
from volsync_py.pod.process import Restic
from volsync_py.pod.session import Session


@pytest.mark.parametrize("error_class", ErrorClass)
def test_damage_that_one_step_has_met_holds_for_those_after_it(error_class: ErrorClass) -> None:
    session = Session(cast(Restic, None), HumanLog(str), Run(), {}, "")
    session.failed("forget", error_class, "of the test")
    assert session.damaged is (error_class == ErrorClass.REPOSITORY_DAMAGED)
    session.failed("check", ErrorClass.UNREACHABLE, "of the test")
    assert session.damaged is (error_class == ErrorClass.REPOSITORY_DAMAGED)


HELD = """unable to create lock in backend: repository is already locked exclusively by PID 7 on there by root (UID 0)
lock was created at 2026-11-24 12:00:00 (9.9s ago)
storage ID 773ec0c7"""


def waiting(folder: Path, *, looks: int, longest: float, interrupt: bool = False) -> tuple[str, list[str]]:
    """Return how a command ends whose repository is locked for so many looks, and the words of each look."""
    program, log = folder / "restic", list[str]()
    locked = f"echo '{HELD}' >&2; exit 11"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {folder}/looks\n[ $(wc -l < {folder}/looks) -gt {looks} ] || {{ {locked}; }}\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    deadlines = Deadlines(retry_lock_seconds=longest)

    def said(line: str) -> None:
        log.append(line)
        if interrupt and "waiting for it" in line:
            restic.interrupt()

    restic = Restic({"PATH": os.environ["PATH"]}, str(folder), deadlines, said, program=str(program))
    session = Session(restic, cast(HumanLog, said), Run(deadlines=deadlines), {}, "", host_name="here")
    ended = session.locked("forget")
    assert len([line for line in log if "waiting for it" in line]) <= 1
    return ended.error_class if not ended.ok else "", (folder / "looks").read_text("utf-8").splitlines()


def test_a_lock_that_is_alive_is_looked_at_again_until_it_has_gone(tmp_path: Path) -> None:
    error_class, looks = waiting(tmp_path, looks=2, longest=60)
    assert (error_class, len(looks)) == ("", 3)
    assert not [look for look in looks if "--retry-lock" in look], "restic would look at the moments of all others"


def test_a_lock_that_outlasts_the_wait_is_looked_at_once_more_at_its_end(tmp_path: Path) -> None:
    error_class, looks = waiting(tmp_path, looks=99, longest=0.01)
    assert (error_class, len(looks)) == ("RepositoryLocked", 2)


def test_who_is_told_to_stop_waits_for_no_lock(tmp_path: Path) -> None:
    error_class, looks = waiting(tmp_path, looks=99, longest=60, interrupt=True)
    assert (error_class, len(looks)) == ("Interrupted", 1)
