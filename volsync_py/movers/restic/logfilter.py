"""What of the mover's log goes into `status.latestMoverStatus.logs` (spec 3.20).

People script against these lines, so the filter keeps the same ones as VolSync's. A failed run keeps
everything. What is too long loses its beginning, at a line's start where there is one, never within a character.
"""

from __future__ import annotations

import re

# One pattern for each rule of the filter, in the order of the table.
_KEEP = re.compile(
    r"^\s*[pP]rocessed\s.*[fF]iles"
    r"|^\s*[sS]napshot\s.*[sS]aved"
    r"|^\s*No eligible"
    r"|No data"
    r"|Directory is empty"
    r"|^\s*[cC]reated"
    r"|^\s*[rR]epository\s.*[oO]pened"
    r"|^\s*[rR]estoring"
    r"|^\s*[nN]o parent snapshot"
    r"|^\s*[uU]sing parent snapshot"
    r"|^\s*[aA]dded to the repository"
    r"|^\s*[sS]uccessfully"
    r"|RESTORE_OPTIONS"
    r"|[iI]nitialize [dD]ir"
    r"|^\s*[fF]atal"
    r"|^\s*ERROR"
    r"|^\s*[rR]estic completed in"
)


def keep(line: str) -> bool:
    """Tell whether a line of a successful run's log is kept."""
    return _KEEP.search(line) is not None


def status_logs(text: str, *, successful: bool, max_bytes: int, debug: bool = False) -> str:
    """Return the log tail for the status: filtered if `successful`, at most `max_bytes` of UTF-8."""
    lines = text.splitlines()
    if successful and not debug:
        lines = [line for line in lines if keep(line)]
    return cut_head("\n".join(lines), max_bytes)


def cut_head(text: str, max_bytes: int) -> str:
    """Return the end of `text` that fits, without a broken character.

    Differs from VolSync: a line that would be cut is dropped whole, if another one follows it.
    """
    if max_bytes <= 0:
        return ""
    raw = text.encode()
    if len(raw) <= max_bytes:
        return text
    tail = raw[-max_bytes:]
    cut_in_a_line = raw[-max_bytes - 1 : -max_bytes] != b"\n"
    newline = tail.find(b"\n")
    if cut_in_a_line and 0 <= newline < len(tail) - 1:
        tail = tail[newline + 1 :]
    return tail.decode(errors="ignore")
