"""`volsync-py completion`, and what the shell asks for while somebody types."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class, shell_complete

from volsync_py.commands.program import find
from volsync_py.commands.table import COMMANDS, PRINTED

# click's own name for it.
VARIABLE = "_VOLSYNC_PY_COMPLETE"
_PROGRAM = "volsync-py"
_SHELLS = ("bash", "zsh", "fish")


class _Commands(click.Group):
    """All commands, of which only the one that is being typed is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*COMMANDS, "manager", "version"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS and cmd_name not in PRINTED:
            return find(cmd_name)
        options: list[click.Parameter] = [click.Option([option]) for option in PRINTED.get(cmd_name, ())]
        return click.Command(cmd_name, params=options)


@click.command
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print what lets a shell complete commands and options.

    \b
    source <(volsync-py completion bash)
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(_Commands(_PROGRAM), {}, _PROGRAM, VARIABLE).source())


def complete(instruction: str) -> int:
    """Answer a shell."""
    return shell_complete(_Commands(_PROGRAM), {}, _PROGRAM, VARIABLE, instruction)
