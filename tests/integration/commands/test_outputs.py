"""What programs read: each command that has `-o` prints JSON and YAML, and ends as it does for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command
from tests.integration.commands.repository import HERE, left
from volsync_py.commands.program import find
from volsync_py.commands.table import COMMANDS, PRINTED

# Command → its words. The same cluster is asked by all; none of them changes what another one says.
OF_CLUSTER = {
    "backup": ["db"],
    "doctor": ["--no-pod"],
    "explain": ["Overdue"],
    "prove": ["db"],
    "restore": ["db", "--dry-run", "--to", "other"],
    "status": [],
    "takeover": [],
    "top": [],
}
OF_REPOSITORY = {
    "diff": ["db", "latest", "latest"],
    "find": ["db", "nothing-is-called-so"],
    "locks": ["db"],
    "ls": ["db"],
    "snapshots": ["db"],
    "stats": ["db"],
}
ROWS = {**OF_CLUSTER, **OF_REPOSITORY}
NO_CLUSTER = {"explain"}
# A token, and times: what is another each time.
MOVING = re.compile(r"\d{8}[tT]\d{6}[zZ](-[0-9a-f]{6})?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*")


@pytest.fixture(scope="module")
def waiting(asks: DevCluster) -> Iterator[DevCluster]:
    """The repository's namespace, with a pod that waits for questions."""
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "10m")
    yield asks
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s")
    wait_until("the end of the pod", lambda: not left(asks), 20)


def choices(name: str) -> set[str]:
    """Return what `-o` of a command may be, nothing if it is no choice."""
    options = (one for one in find(name).params if one.name == "output")
    return {word for one in options if isinstance(one.type, click.Choice) for word in one.type.choices}


def test_every_command_that_has_the_option_is_tried() -> None:
    assert {name for name in {*COMMANDS} - {*PRINTED} if choices(name)} == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_programs_read_the_same_and_are_told_the_same_exit_code(waiting: DevCluster, name: str) -> None:
    words = [name, *ROWS[name], *(() if name in NO_CLUSTER else HERE)]
    people = command(waiting.kubeconfig, *words)
    as_json = command(waiting.kubeconfig, *words, "-o", "json")
    as_yaml = command(waiting.kubeconfig, *words, "-o", "yaml")
    codes = {people.returncode, as_json.returncode, as_yaml.returncode}
    assert codes == {people.returncode}, as_json.stderr
    assert people.returncode == (1 if name in {"doctor", "find"} else 0), people.stderr
    assert same(json.loads(as_json.stdout)) == same(yaml.safe_load(as_yaml.stdout))
    if "name" in choices(name):
        named = command(waiting.kubeconfig, *words, "-o", "name")
        assert named.returncode == people.returncode
        assert all(len(line.split()) == 1 for line in named.stdout.splitlines())


def same(value: Any) -> str:
    """Return a document as text, without what moves between two looks."""
    return MOVING.sub("T", json.dumps(value, sort_keys=True, default=str))
