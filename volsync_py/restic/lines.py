"""Which lines of the mover's log people and scripts look for: those that VolSync puts into its status (spec 3.20)."""

from __future__ import annotations

import re

# One pattern for each rule of VolSync's filter, in the order of its table.
_MATTERS = re.compile(
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


def matters(line: str) -> bool:
    """Tell whether a line of a successful run's log goes into the status."""
    return _MATTERS.search(line) is not None
