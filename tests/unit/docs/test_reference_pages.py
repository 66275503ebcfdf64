"""The pages that are made from the code are those that are committed, and leave nothing out."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import ModuleType

import pytest

from hack import (
    generate_conditions_page,
    generate_fields_page,
    generate_flags_page,
    generate_labels_page,
    generate_logs_page,
    generate_options_page,
)
from hack.pages import code, table
from hack.said import ROOMS, UNKNOWN
from volsync_py.commands.program import find
from volsync_py.commands.table import COMMANDS, PRINTED
from volsync_py.controllers.resource_metrics import REASONS
from volsync_py.movers.restic.outcome import CLASSES

ROOT = Path(__file__).parents[3]
# Names of API groups with a version, and a StorageClass's word for "none", which look like a label.
_GROUP = re.compile(r".*/v\d+((alpha|beta)\d+)?")
_NO_LABELS = {"kubernetes.io/no-provisioner"}
# What decides, and the commands, which read what others write as well.
_LABEL = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+/[A-Za-z0-9._-]+|volsync-py/[a-z-]+|job-name|controller-uid")


@pytest.mark.parametrize(
    "generator",
    [
        generate_conditions_page,
        generate_fields_page,
        generate_flags_page,
        generate_labels_page,
        generate_logs_page,
        generate_options_page,
    ],
)
def test_a_page_of_reference_is_what_the_code_says(generator: ModuleType) -> None:
    command = f"python -m {generator.__name__}"
    assert generator.TARGET.read_text(encoding="utf-8") == generator.page(), f"run {command}"


def test_every_label_that_the_operator_knows_is_on_its_page() -> None:
    known = set()
    for room in ROOMS:
        for path in (ROOT / "volsync_py" / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
            known |= {text for text in texts if isinstance(text, str) and _LABEL.fullmatch(text)}
    page = generate_labels_page.page()
    assert {name for name in known - _NO_LABELS if not _GROUP.fullmatch(name) and name not in page} == set()


def test_every_variable_that_the_manager_reads_is_described_and_no_other() -> None:
    assert generate_flags_page.read_in(ROOT / "volsync_py/manager/settings.py") == set(generate_flags_page.MANAGER)


def test_every_variable_that_a_mover_is_given_is_described_and_no_other() -> None:
    assert generate_flags_page.of_mover() == set(generate_flags_page.MOVER)


def test_every_variable_that_a_command_reads_is_described_and_no_other() -> None:
    assert generate_flags_page.read_by_commands() == set(generate_flags_page.COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_on_the_page_with_a_meaning(name: str) -> None:
    section = re.split(r"^## ", generate_options_page.page(), flags=re.MULTILINE)
    (mine,) = (part for part in section if part.startswith(f"{name}\n"))
    rows = [line.split(" | ") for line in mine.splitlines() if line.startswith("| `")]
    told = {option for row in rows for option in re.findall(r"`(-[\w-]+)`", row[0])}
    if name in PRINTED:
        expected = set(PRINTED[name])
    else:
        expected = {
            option for one in find(name).params for option in (*one.opts, *one.secondary_opts) if option[0] == "-"
        }
        asks_cluster = expected >= generate_options_page.SHARED
        assert ("#options-of-all-commands" in mine) == asks_cluster
        expected -= generate_options_page.SHARED if asks_cluster else set()
    assert told == expected
    assert all(row[-1].strip(" |") for row in rows)


def test_every_reason_that_metrics_know_is_among_those_that_are_said() -> None:
    page = generate_conditions_page.page()
    assert {reason for reason in REASONS - set(CLASSES) if code(reason) not in page} == set()


def test_every_event_is_told_with_its_action_and_reason() -> None:
    told = list(generate_conditions_page.events())
    assert {action for _, _, action, _ in told} >= {"Synchronize", "Verify", "Provision Volume"}
    assert [row for row in told if UNKNOWN in row[:3] or not all(row[:3])] == []


def test_a_cell_of_a_table_ends_neither_it_nor_the_row() -> None:
    assert table(("a", "b"), [("x | y", "two\nlines")]).splitlines()[2] == "| x \\| y | two lines |"
