"""The strips of all resources: a row for each that deserves one, the worst first, the others folded by namespace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from volsync_py.health.state import NOT_WELL, State
from volsync_py.health.words import ago, size
from volsync_py.page.days import bad_days, legend, strip, worst_of
from volsync_py.page.markup import Html, tag, together, wide
from volsync_py.page.seen import Picture, Seen

# What fits on a few screens; with more, those that are well are one row for each namespace, and can be unfolded.
_MOST_ROWS = 120
# An installation with more namespaces than this is looked at namespace by namespace.
_MOST_NAMESPACES = 100
# Of a namespace, so many names are told.
_MOST_NAMES = 50
_HEADS = ("Name", "30 days", "State", "Last run", "Last proof", "Size", "Secret")

# The address of the page of a resource, None if it has none.
Link = Callable[[Seen], str | None]


def section(picture: Picture, link: Link) -> Html:
    """Return the section of the sources, and of the destinations if there are any."""
    others = [one for one in picture.found if not one.health.is_source]
    return together(
        tag("section", tag("h2", "Thirty days"), legend(), _table(picture.sources, picture, link, "Sources"))
        if picture.sources
        else None,
        tag("section", tag("h2", "Restores"), _table(others, picture, link, "Destinations")) if others else None,
    )


def _table(found: Sequence[Seen], picture: Picture, link: Link, name: str) -> Html:
    """Return a table; `found` is sorted, the worst first."""
    alone = list(found)
    folded: dict[str, list[Seen]] = {}
    if len(found) > _MOST_ROWS:
        alone = [one for one in found if one.health.state in NOT_WELL or bad_days(one.letters)][:_MOST_ROWS]
        shown = set(map(id, alone))
        for one in (one for one in found if id(one) not in shown):
            folded.setdefault(one.health.namespace, []).append(one)
    heads = (_HEADS[0], f"30 days up to {picture.last:%-d %B}", *_HEADS[2:])
    cells = [tag("th", head, scope="col", class_="n" if head == "Size" else None) for head in heads]
    body = tag("tbody", *(_row(one, picture, link) for one in alone), *_folds(folded, picture, link))
    return wide(tag("table", tag("thead", tag("tr", *cells)), body), name)


def _row(one: Seen, picture: Picture, link: Link) -> Html:
    health, now = one.health, picture.now
    return tag(
        "tr",
        tag("th", linked(one, picture, link), scope="row"),
        tag("td", strip(one.letters, picture.last)),
        tag("td", state(health.state), f" {health.reason}" if _says_more(one) else ""),
        tag("td", when(health.last, now)),
        tag("td", when(one.proved, now)),
        tag("td", size(one.size) if one.size is not None else "–", class_="n"),
        tag("td", one.secret),
    )


def _says_more(one: Seen) -> bool:
    return one.health.state in NOT_WELL and one.health.reason.lower() != one.health.state


def _folds(folded: dict[str, list[Seen]], picture: Picture, link: Link) -> list[Html]:
    rows = []
    for namespace in sorted(folded)[:_MOST_NAMESPACES]:
        several = folded[namespace]
        worst = worst_of([one.letters for one in several])
        names = [tag("li", linked(one, picture, link)) for one in several[:_MOST_NAMES]]
        if len(several) > _MOST_NAMES:
            names.append(tag("li", f"and {len(several) - _MOST_NAMES} more"))
        head = f"{len(several)} more in {namespace}"
        rows.append(
            tag(
                "tr",
                tag("th", tag("details", tag("summary", head), tag("ul", *names, class_="names")), scope="row"),
                tag("td", strip(worst, picture.last)),
                tag("td", "the worst of each day", class_="soft", colspan=len(_HEADS) - 2),
            )
        )
    left = sum(len(folded[namespace]) for namespace in sorted(folded)[_MOST_NAMESPACES:])
    if left:
        more = f"and {left} more in other namespaces: volsync-py page -n NAMESPACE"
        rows.append(tag("tr", tag("td", more, class_="soft", colspan=len(_HEADS))))
    return rows


def linked(one: Seen, picture: Picture, link: Link) -> Html:
    """Return the name of a resource, with a link to its page if there is one."""
    name, address = picture.name_of(one), link(one)
    return tag("a", name, href=address) if address else tag("span", name)


def state(one: State) -> Html:
    """Return the word for a state."""
    if one in NOT_WELL:
        return tag("span", one, class_="amber" if one in (State.WARNING, State.UPKEEP) else "bad")
    return tag("span", one, class_="fine" if one is State.FINE else None)


def when(instant: datetime | None, now: datetime) -> Html:
    """Return how long ago something was."""
    if instant is None:
        return tag("span", "never", class_="soft")
    return tag("time", ago(min(instant, now), now), datetime=instant.isoformat(timespec="minutes"))
