"""Lines of the mover's log: which ones people and scripts look for, as VolSync puts them into its status."""

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

# What the mover and restic say in the same words each time. It tells nothing of a secret that is one of these words.
SAID = re.compile(
    r"snapshot [0-9a-f]+ saved|processed \d+ files|(?:snapshots? )?\d+ kept, \d+ removed|Restic completed in \d+s"
    r"|={2,3} [A-Za-z ]+ ={2,3}|created restic repository [0-9a-f]* at|[Rr]estoring snapshot [0-9a-f]* of"
    r"|Selected restic snapshot with id|Restored \d+ files and folders|No eligible snapshots found"
    r"|no parent snapshot found, will read all files|using parent snapshot|Added to the repository"
    r"|successfully removed locks|Testing mandatory env variables|Starting container|volsync-py mover version"
    r"|[Ff]atal:|ERROR:|[Ee]rror:|Warning:|restic failed: \w+"
    r"|failure connecting to repository, incorrect password|failure locking repository"
    r"|wrong password or no key found|unable to create lock in backend|repository is already locked"
)
# What would end a line, move the cursor, or turn the direction of what is written; a tab does none of it.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# How a line of ours begins that tells what came of a run; "error:" stands before what restic reports of an item.
_OURS = re.compile(
    r"\s*(?:ERROR|(?i:snapshot|processed|restic completed|==|created|restor|selected|added to|no parent|using parent"
    r"|successfully|no eligible|initialize|warning:|starting|retention:))"
)


def one_line(text: str) -> str:
    """Return a text in which nothing ends the line: what controls a terminal is written as its number."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def reads_like_ours(line: str) -> bool:
    """Return whether a line of restic's could be taken for one of the mover's own."""
    return _OURS.match(line) is not None


def matters(line: str) -> bool:
    """Return whether a line of a successful run's log goes into the status."""
    return _MATTERS.search(line) is not None
