"""What the user has typed to get here, and so has to type next.

All that is told names commands as `volsync-py COMMAND`, which is how the program is called. kubectl's plugin manager
installs it under another name alone; `say` puts that in when it prints. What programs read is left as it is.
"""

from __future__ import annotations

import re
import sys
from pathlib import PurePath

from volsync_py.commands.table import COMMANDS

_PROGRAM, _OF_KUBECTL = "volsync-py", "kubectl volsync-py"
# Not the image of this name, nor annotations; a line may have been broken behind the name.
_COMMAND = re.compile(rf"(?<![\w/.-])(?<!kubectl ){_PROGRAM}(?=\s+(?:COMMAND|{'|'.join(COMMANDS)})(?![\w-]))")


def program() -> str:
    """Return the program's name, as kubectl's plugin or its own."""
    return _OF_KUBECTL if PurePath(sys.argv[0]).name.startswith("kubectl-") else _PROGRAM


def as_called(text: str) -> str:
    """Return a text whose commands can be typed by whoever has called the program as it was called."""
    name = program()
    return text if name == _PROGRAM else _COMMAND.sub(name, text)


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print what people read: sentences, and what to do next."""
    # The program says its usage without this library, too.
    import click

    click.echo(as_called(text), err=err, nl=nl)
