"""What restic prints for people and leaves out of its JSON, in its own words, because others look for them."""

from __future__ import annotations

import re
import time

from volsync_py.bounded_json import list_of
from volsync_py.core.selection import Snapshot, parse_snapshot_time

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?\d*(?:Z|([+-])(\d\d):(\d\d))")
# A volume is one path; more than this is somebody else's snapshot, and no line for people.
_MOST_PATHS = 100
# What is left when a prune has done what it is about to do, as Go prints sizes.
_LEFT = re.compile(r"remaining: +\d{1,19} blobs / (\d{1,19}(?:\.\d{1,3})?) (B|[KMGT]iB)")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def bytes_left(line: str) -> int | None:
    """Return how many bytes a prune leaves in the repository, to four digits or so, if that is what a line says."""
    found = _LEFT.fullmatch(line)
    return int(float(found[1]) * _UNITS[found[2]]) if found is not None else None


def described(snapshot: Snapshot) -> str:
    """Return a snapshot as restic names it before it restores it."""
    identity, when = str(snapshot.get("id"))[:8], printed_by_go(str(snapshot.get("time")))
    paths = " ".join(map(str, list_of(snapshot, "paths", most=_MOST_PATHS)))
    who = f"{snapshot.get('username') or ''}@{snapshot.get('hostname') or ''}"
    return f"snapshot {identity} of [{paths}] at {when} by {who}"


def printed_by_go(text: str) -> str:
    """Return a time of restic's JSON as Go prints it; what is none stays as it is.

    A zone has its name where it is this machine's, and no other one than its offset elsewhere.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        return text
    day, clock, fraction, sign, hours, minutes = found.groups()
    offset, name = "+0000", "UTC"
    if sign is not None:
        offset = name = f"{sign}{hours}{minutes}"
        seconds = int(f"{sign}1") * (int(hours) * 3600 + int(minutes) * 60)
        here = time.localtime(parse_snapshot_time(text).timestamp())
        if here.tm_gmtoff == seconds:
            name = here.tm_zone
    return f"{day} {clock}{(fraction or '').rstrip('0').rstrip('.')} {offset} {name}"
