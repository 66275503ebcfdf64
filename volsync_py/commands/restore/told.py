"""Lines of a plan that end with a command: its words are not broken, so that it can be copied. Pure."""

from __future__ import annotations

import re
from textwrap import wrap

from volsync_py.health.columns import flowed

# What a plan says of other programs, after a colon.
_COMMAND = re.compile(r": (?P<command>(?:kubectl|flux|argocd) .*)")
_INDENT = "      "


def told(text: str, width: int, indent: str = _INDENT) -> list[str]:
    """Return a text in lines of a width; a command for which there is no room has lines of its own."""
    if len(indent + text) <= width:
        return [indent + text]
    found = _COMMAND.search(text)
    if found is None:
        return flowed(text, width, indent, indent or "  ")
    # A shell takes lines that end with a backslash for one; a word that is longer than a line stays whole.
    room = width - len(_INDENT) - len(" \\")
    words = wrap(found["command"], room, break_long_words=False, break_on_hyphens=False)
    lines = [*(f"{_INDENT}{line} \\" for line in words[:-1]), f"{_INDENT}{words[-1]}"]
    return [*flowed(f"{text[: found.start()]}:", width, indent, indent or "  "), *lines]
