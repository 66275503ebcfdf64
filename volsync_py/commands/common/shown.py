"""How commands print what programs read; how wide a line of what people read may be."""

from __future__ import annotations

import sys

from volsync_py.commands.common.called import as_called

# What is not a terminal has no width; it is read in editors, mails and logs of pipelines.
_WIDTH_ELSEWHERE = 120
# Any command: lines are broken before its name is put in.
_COMMAND = "volsync-py status"


def as_document(value: object, output: str) -> str:
    """Return a value as JSON or YAML."""
    # Imported when it is done: most commands print neither, and help does without a width.
    if output == "json":
        import json

        return json.dumps(value, indent=2, ensure_ascii=True)
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=False)).rstrip("\n")


def terminal_width() -> int | None:
    """Return how many columns the terminal has; None where programs may read what is printed."""
    return width() if sys.stdout.isatty() else None


def width() -> int:
    """Return how many columns there are, without those that a longer name of the program takes."""
    import shutil

    return shutil.get_terminal_size((_WIDTH_ELSEWHERE, 0)).columns - len(as_called(_COMMAND)) + len(_COMMAND)
