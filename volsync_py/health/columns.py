"""Tables for people that fit into a width: some columns are left out, and names are abridged. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from attrs import frozen

from volsync_py.health.words import abridged

_GAP = "  "


@frozen
class Column:
    """One column; `least`: to how many characters its cells may be abridged, 0 for not at all.

    `leaves`: which one a narrow terminal does without first, second and so on; 0 for never.
    """

    head: str
    least: int = 0
    leaves: int = 0
    right: bool = False


@frozen
class Table:
    """Cells that are aligned, their heads first, and the columns that were left out."""

    rows: Sequence[Sequence[str]]
    left_out: Sequence[str]

    def lines(self) -> list[str]:
        """Return it as lines."""
        return [_GAP.join(row).rstrip() for row in self.rows]

    def hint(self) -> str:
        """Return what a wider terminal shows, "" if nothing is left out."""
        if not self.left_out:
            return ""
        return f"a wider terminal also shows {', '.join(self.left_out)}"


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Align cells; where they do not fit, names are abridged, and where that is not enough, columns are left out."""
    cells = [[column.head for column in columns], *rows]
    natural = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    least = [min(wide, column.least) if column.least else wide for column, wide in zip(columns, natural, strict=True)]
    leaving = sorted((i for i, column in enumerate(columns) if column.leaves), key=lambda i: columns[i].leaves)
    shown = list(range(len(columns)))
    for index in leaving:
        if _sum(least, shown) <= width:
            break
        shown.remove(index)
    widths = _shrunk(natural, least, shown, width)
    aligned = [[_cell(row[i], widths[i], right=columns[i].right) for i in shown] for row in cells]
    left_out = [column.head for i, column in enumerate(columns) if i not in shown]
    return Table(aligned, left_out)


def flowed(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    """Return a sentence in lines of a width; a word that is no shorter than a line is the only one that is broken."""
    return wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _sum(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[i] for i in shown) + len(_GAP) * (len(shown) - 1)


def _shrunk(natural: Sequence[int], least: Sequence[int], shown: Sequence[int], width: int) -> list[int]:
    """Take from the widest column until all of them fit, as far as each may be abridged."""
    widths = list(natural)
    for _ in range(_sum(natural, shown) - width):
        may = [i for i in shown if widths[i] > least[i]]
        if not may:
            break
        widths[max(may, key=lambda i: widths[i])] -= 1
    return widths


def _cell(text: str, width: int, *, right: bool) -> str:
    text = abridged(text, width)
    return text.rjust(width) if right else text.ljust(width)
