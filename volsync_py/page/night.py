"""The last 24 hours as bars: when each run began, how long it took, and what else ran meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from heapq import heappop, heappush

from volsync_py.health.state import State
from volsync_py.health.words import count, lasting
from volsync_py.page.markup import Html, tag
from volsync_py.page.seen import Picture, Seen

_WINDOW = timedelta(hours=24)
# A day in the picture's units: a run of two minutes is one wide, and none is narrower than can be seen.
_UNITS, _LEAST = 720, 1.5
# With few runs at once the bars stay bars.
_LEAST_LANES = 8
_HOURS = 6


def section(picture: Picture) -> Html:
    """Return the section."""
    began = picture.now - _WINDOW
    runs = [(max(start, began), end, one) for start, end, one in _runs(picture) if end >= began]
    runs.sort(key=lambda run: (run[0], run[1], run[2].full_name))
    if not runs:
        return tag("section", tag("h2", "Last 24 hours"), tag("p", "No run in the last 24 hours.", class_="soft"))
    lanes, most = _lanes(runs)
    paths: dict[str, list[str]] = {}
    for (start, end, one), lane in zip(runs, lanes, strict=True):
        left = (start - began) / _WINDOW * _UNITS
        width = max((end - start) / _WINDOW * _UNITS, _LEAST)
        paths.setdefault(_kind(one), []).append(f"M{min(left, _UNITS - _LEAST):.4g} {lane + 0.5}h{width:.3g}")
    height = max(most, _LEAST_LANES)
    ticks = [_UNITS * hour // 24 for hour in range(0, 25, _HOURS)]
    told = _told(runs, most)
    return tag(
        "section",
        tag("h2", "Last 24 hours"),
        tag("p", told, class_="soft"),
        tag(
            "svg",
            *(tag("line", x1=x, x2=x, y1=0, y2=height) for x in ticks),
            *(tag("path", class_=kind, d="".join(found)) for kind, found in sorted(paths.items())),
            class_="night",
            viewBox=f"0 0 {_UNITS} {height}",
            preserveAspectRatio="none",
            role="img",
            aria_label=told,
        ),
        tag("p", *(tag("span", _hour(began, hour)) for hour in range(0, 25, _HOURS)), class_="hours"),
    )


def _runs(picture: Picture) -> Iterable[tuple[datetime, datetime, Seen]]:
    for one in picture.sources:
        if one.began is not None:
            yield min(one.began, picture.now), one.ended or picture.now, one


def _lanes(runs: list[tuple[datetime, datetime, Seen]]) -> tuple[list[int], int]:
    """Return in which lane each run lies, so that none lies on another, and how many there are."""
    free: list[int] = []
    busy: list[tuple[datetime, int]] = []
    lanes: list[int] = []
    most = 0
    for start, end, _ in runs:
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane, most = most, most + 1
        heappush(busy, (end, lane))
        lanes.append(lane)
    return lanes, most


def _kind(one: Seen) -> str:
    """Return the class of a bar's colour: a run that is under way says how that goes."""
    if one.ended is None:
        return "f" if one.health.state is State.FAILING else "r"
    return "w" if one.health.state is State.WARNING else "o"


def _told(runs: list[tuple[datetime, datetime, Seen]], most: int) -> str:
    going = sum(one.ended is None for _, _, one in runs)
    start, end, longest = max(runs, key=lambda run: run[1] - run[0])
    parts = [f"{count(len(runs), 'source')} ran, at most {most} at once"]
    if going:
        parts.append(f"{going} still {'does' if going == 1 else 'do'}")
    parts.append(f"the longest took {lasting(end - start)}: {longest.full_name}")
    return "; ".join(parts)


def _hour(began: datetime, hour: int) -> str:
    return f"{began + timedelta(hours=hour):%H:%M}"
