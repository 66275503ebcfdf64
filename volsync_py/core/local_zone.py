"""The zone of schedules that name none: the manager's own, found as Go's `time.Local` is, which VolSync reads them in.

TZ as Go reads it, not as C does: empty for UTC, the name of a zone, or the path of a file, each with a colon before it
or without; a rule such as `CET-1CEST` is none of these. Without TZ it is /etc/localtime.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from io import BytesIO
from zoneinfo import ZoneInfo

from attrs import frozen

from volsync_py.core.schedule import ScheduleError, parse_zone

LOCALTIME = "/etc/localtime"
# A name of a zone, or a path, is quoted up to here.
_LONGEST_QUOTE = 200


@frozen
class ZoneFile:
    """A file as it was read: its path with links followed, and what is in it; None if it cannot be read."""

    path: str
    content: bytes | None


class AssumedUtc(tzinfo):
    """UTC, because the zone that was asked for cannot be read; `why` is for whoever looks at a schedule."""

    def __init__(self, why: str) -> None:
        self.why = why

    def utcoffset(self, _instant: datetime | None) -> timedelta:
        """Return none."""
        return timedelta(0)

    def dst(self, _instant: datetime | None) -> timedelta:
        """Return none."""
        return timedelta(0)

    def tzname(self, _instant: datetime | None) -> str:
        """Return what it stands for."""
        return "UTC"


@frozen
class LocalZone:
    """A zone, and what people call it: by its IANA name, or by the file that holds it."""

    zone: tzinfo
    name: str

    @property
    def problem(self) -> str:
        """Why it is not the one that was asked for; empty if it is."""
        return self.zone.why if isinstance(self.zone, AssumedUtc) else ""


def local_zone(tz: str | None, read: Callable[[str], ZoneFile | None], *, localtime: str = LOCALTIME) -> LocalZone:
    """Return the zone that TZ asks for (None: it is not set); `read` returns None where there is no such file."""
    if tz is None:
        file = read(localtime)
        return LocalZone(UTC, "UTC") if file is None else _in_file(file, localtime, localtime)
    wanted = tz.removeprefix(":")
    said = f"TZ {tz[:_LONGEST_QUOTE]!r}"
    if wanted.startswith("/"):
        file = read(wanted)
        return _assumed(said, "names no file") if file is None else _in_file(file, wanted, said)
    try:
        return LocalZone(parse_zone(wanted or "UTC"), wanted or "UTC")
    except ScheduleError:
        return _assumed(said, "is no time zone such as Europe/Berlin")


def _in_file(file: ZoneFile, path: str, said: str) -> LocalZone:
    """Return the zone that a file holds; a link that leads nowhere still has the name that it leads to.

    What the file holds counts, and not the name: where a file is mounted over such a link, it comes to lie where the
    link leads to.
    """
    name = file.path.partition("/zoneinfo/")[2]
    zone = _read(file.content) if file.content is not None else _named(name)
    if zone is None:
        return _assumed(said, "holds no time zone that can be read")
    return LocalZone(zone, name or path)


def _read(content: bytes) -> tzinfo | None:
    try:
        return ZoneInfo.from_file(_Whole(content))
    except (ValueError, OSError, EOFError, IndexError, struct.error, AssertionError):
        # What the library raises for something that is no zone.
        return None


class _Whole(BytesIO):
    """Bytes that do not end before the reader does: the library would look for the last line's end for ever."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many; EOFError if they are not there."""
        found = super().read(size)
        if size is not None and len(found) < size:
            raise EOFError
        return found


def _named(name: str) -> tzinfo | None:
    try:
        return parse_zone(name) if name else None
    except ScheduleError:
        return None


def _assumed(said: str, problem: str) -> LocalZone:
    return LocalZone(AssumedUtc(f"{said} of the manager {problem}"), "UTC")
