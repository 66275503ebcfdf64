"""Runs one command, and turns whatever it ends in into an exit code and, where it failed, a sentence.

A command is imported when it is run, so that none is slower for the others' sake.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING

import click

from volsync_py.commands.common.called import as_called, program, say
from volsync_py.commands.common.exit_codes import FAILED, FINE, INTERRUPTED
from volsync_py.commands.table import COMMANDS

if TYPE_CHECKING:
    from volsync_py.kube.errors import KubeError


def run(name: str, words: Sequence[str]) -> int:
    """Run a command with the words after its name, and return the exit code."""
    # None leaves it to what the output is.
    color = False if os.environ.get("NO_COLOR") else None
    try:
        code = find(name).main(list(words), f"{program()} {name}", standalone_mode=False, color=color)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except _kube_error() as error:
        from volsync_py.commands.common.refused import sentence

        say(f"{program()} {name}: {sentence(error)}", err=True)
        return FAILED
    return code if isinstance(code, int) else FINE


def _show(error: click.ClickException) -> None:
    told = StringIO()
    error.show(told)
    say(told.getvalue(), err=True, nl=False)


def _kube_error() -> type[KubeError]:
    """Import what a request fails with; asked for only when something has been raised."""
    from volsync_py.kube.errors import KubeError

    return KubeError


def find(name: str) -> click.Command:
    """Import a command."""
    module, _ = COMMANDS[name]
    command = getattr(import_module(f"{__package__}.{module}"), name.replace("-", "_"))
    assert isinstance(command, click.Command)
    command.help = as_called(command.help or "")
    return command


def answer_shell(instruction: str) -> int:
    """Answer a shell that completes what is being typed, and return the exit code."""
    from volsync_py.commands.completion import complete

    return complete(instruction)
