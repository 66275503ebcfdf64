"""The blocks of a page in Markdown."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@frozen
class Block:
    """One block of a page; `heading` is what it stands under."""

    language: str
    text: str
    heading: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        before = _HEADING.findall(text[: fence.start()])
        found.append(Block(fence[1], fence[2], before[-1] if before else ""))
    return found


def indented(page: Path) -> list[str]:
    """Return the first lines of the blocks that are indented instead of fenced, whose language nobody knows."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.findall(r"(?<=\n\n)    +\S.*", text)


def anchors(page: Path) -> set[str]:
    """Return what links to the headings of a page are called."""
    found = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.strip().lower())) for heading in found}
