"""`volsync-py explain` knows whatever `status` prints as a reason."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

import volsync_py.health
from hack.generate_conditions_page import reasons, troubles
from hack.said import UNKNOWN
from volsync_py.commands import program
from volsync_py.controllers import resource_metrics
from volsync_py.health.reasons import REASONS
from volsync_py.movers.restic.outcome import CLASSES

_LITERAL = re.compile(r'\breason"?[:=] ?"(\w+)"')


def printed() -> set[str]:
    """Return all reasons that may stand in a condition, or that a status itself gives away."""
    folder = Path(str(volsync_py.health.__file__)).parent
    of_health = {name for file in folder.glob("*.py") for name in _LITERAL.findall(file.read_text(encoding="utf-8"))}
    assert of_health == {"Overdue", "NotServed", "RepositoryShared", "Failed"}
    of_conditions = {row[2] for row in reasons()} | {row[0] for row in troubles()}
    return {*CLASSES, *resource_metrics.REASONS, *of_conditions, *of_health}


@pytest.mark.parametrize("name", sorted(printed()))
def test_each_reason_is_explained_with_a_next_step(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run("explain", [name.lower()]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == name
    assert lines[1].startswith("  known by     ")
    assert lines[-1].startswith("  what to do   ")
    assert len(lines) == 4


def test_nothing_is_explained_that_nobody_says() -> None:
    assert set(REASONS) <= printed()
    assert not set(REASONS) & set(CLASSES)


def test_the_next_step_is_the_one_that_the_condition_ends_with() -> None:
    said: dict[str, set[str]] = {}
    for reason, _, step in troubles():
        said.setdefault(reason, set()).add(step)
    only = {reason: steps.pop() for reason, steps in said.items() if reason in REASONS and len(steps) == 1}
    known = {reason: step for reason, step in only.items() if UNKNOWN not in step}
    assert len(known) > 5
    assert {reason: REASONS[reason].next_step for reason in known} == known


def test_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run("explain", []) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {*CLASSES, *REASONS}
    assert program.run("explain", ["-o", "name"]) == 0
    assert set(capsys.readouterr().out.splitlines()) == {*CLASSES, *REASONS}


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_read_one_or_all(output: str, load: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(load)
    assert program.run("explain", ["overdue", "-o", output]) == 0
    one = load(capsys.readouterr().out)
    assert set(one) == {"name", "knownBy", "meaning", "nextStep"}
    assert program.run("explain", ["-o", output]) == 0
    assert one in load(capsys.readouterr().out)


def test_what_nobody_says_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run("explain", ["Nonsense"]) == 1
    assert "there is no class Nonsense; volsync-py explain lists them" in capsys.readouterr().err
