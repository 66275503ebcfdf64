"""Colours are for terminals, and nobody gets them who does not want them."""

from __future__ import annotations

import click
import pytest

from hack.processes import DevCluster
from tests.integration.commands.asking import command
from tests.integration.commands.terminal import on_terminal
from volsync_py.commands.program import find
from volsync_py.commands.table import COMMANDS, PRINTED

# Those that ask no cluster, and colour nothing.
NO_CLUSTER = {"chart", "completion", "explain"}
COLORED = [("status", "-A", "--all"), ("status", "broken", "-n", "office"), ("doctor", "--no-pod")]
ESCAPE = "\x1b"


@pytest.mark.parametrize("words", COLORED, ids=" ".join)
def test_a_terminal_has_colours_unless_somebody_wants_none(quiet: DevCluster, words: tuple[str, ...]) -> None:
    with on_terminal(quiet.kubeconfig, *words) as terminal:
        assert ESCAPE in terminal.rest()
    with on_terminal(quiet.kubeconfig, *words, "--no-color") as terminal:
        assert ESCAPE not in terminal.rest()
    with on_terminal(quiet.kubeconfig, *words, NO_COLOR="1") as terminal:
        assert ESCAPE not in terminal.rest()
    assert ESCAPE not in command(quiet.kubeconfig, *words).stdout


@pytest.mark.parametrize("words", [("top",), ("takeover",), ("backup", "well"), ("logs", "well")], ids=" ".join)
def test_the_others_take_the_option_too(quiet: DevCluster, words: tuple[str, ...]) -> None:
    with on_terminal(quiet.kubeconfig, *words, "--no-color") as terminal:
        said = terminal.rest()
    assert ESCAPE not in said
    assert "No such option" not in said


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {*PRINTED} - NO_CLUSTER))
def test_every_command_that_asks_a_cluster_has_the_option(name: str) -> None:
    assert "--no-color" in find(name).get_help(click.Context(find(name)))
