"""What the generators of pages share: tables of Markdown, and comments of the code as their texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a line break or a bar in a cell would end it."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def code(text: str) -> str:
    """Return a text in the type of code, or nothing for none."""
    return f"`{text}`" if text else ""


def commented(path: Path, class_name: str) -> dict[str, str]:
    """Return the members of a class with the comment above each; those below one comment share it."""
    found: dict[str, str] = {}
    inside, comment, is_open = False, "", False
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" ") and line.strip():
            inside = line.startswith(f"class {class_name}")
        elif inside and (said := re.fullmatch(r" +# (.*)", line)):
            comment, is_open = (f"{comment} {said[1]}" if is_open else said[1]), True
        elif inside and (member := re.match(r" +(\w+) = ", line)):
            found[member[1]], is_open = comment, False
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
