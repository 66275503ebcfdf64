"""How much there is and where it goes: growth, and which claim is backed up into which repository."""

from __future__ import annotations

from collections.abc import Sequence

from volsync_py.health.state import State
from volsync_py.health.words import ago, count, listed, size
from volsync_py.page.markup import Html, tag, together, wide
from volsync_py.page.seen import Picture, Seen

# Who grows most is seen by then.
_MOST_GROWING = 8
# A page is no register: those with the most claims.
_MOST_REPOSITORIES = 60
_MOST_CLAIMS = 8


def tiles(picture: Picture) -> Html:
    """Return what is asked first: the oldest backup, the oldest proof, how much there is, how much came."""
    sources, now = picture.sources, picture.now
    # Nobody waits for a backup of what is paused.
    wanted = [one for one in sources if one.health.state is not State.PAUSED]
    backed = [(one.health.last, one) for one in wanted if one.health.last is not None]
    proved = [(one.proved, one) for one in sources if one.proved is not None]
    made = []
    if backed:
        oldest, whose = min(backed, key=lambda pair: pair[0])
        never = len(wanted) - len(backed)
        more = f"; {never} never" if never else ""
        made.append(_tile("oldest last backup", ago(min(oldest, now), now), f"{whose.full_name}{more}"))
    if sources:
        said = f"{len(proved)} of {len(sources)} proved by a restore"
        first = min(proved, key=lambda pair: pair[0])[0] if proved else None
        made.append(_tile("oldest last proof", ago(min(first, now), now) if first else "never", said))
    held = [one.size for one in sources if one.size is not None]
    came = [one.added for one in sources if one.added is not None]
    if held:
        made.append(_tile("held by the last snapshots", size(sum(held)), count(len(held), "source")))
        made.append(_tile("added by the last runs", size(sum(came)), "what was not there yet, as it is stored"))
    return tag("section", *made, class_="tiles", aria_label="In short") if made else Html()


def _tile(name: str, value: str, more: str) -> Html:
    return tag("p", tag("span", name), tag("b", value), tag("span", more))


def growth(picture: Picture) -> Html:
    """Return who has added most in the last run."""
    growing = sorted((one for one in picture.sources if one.added), key=lambda one: -(one.added or 0))[:_MOST_GROWING]
    if not growing:
        return Html()
    most = growing[0].added or 1
    rows = [
        tag(
            "tr",
            tag("th", picture.name_of(one), scope="row"),
            tag("td", size(one.added), class_="n"),
            tag("td", f"of {size(one.size)}", class_="n"),
            tag("td", _bar((one.added or 0) / most)),
        )
        for one in growing
    ]
    return tag(
        "section",
        tag("h2", "Growth"),
        tag("p", "What the last run of each has added to its repository, the most first.", class_="soft"),
        wide(tag("table", tag("tbody", *rows)), "Growth"),
    )


def _bar(part: float) -> Html:
    path = tag("path", d=f"M0 5h{max(round(part * 200), 1)}")
    return tag("svg", path, class_="bar", viewBox="0 0 200 10", preserveAspectRatio="none", aria_hidden="true")


def places(picture: Picture) -> Html:
    """Return which claims go into which repository; a repository has the name of its Secret, and no secret."""
    found: dict[str, list[Seen]] = {}
    for one in picture.sources:
        found.setdefault(one.health.repository, []).append(one)
    if not found:
        return Html()
    largest = sorted(found.values(), key=lambda several: (-len(several), several[0].full_name))
    rows = [_place(several, picture) for several in largest[:_MOST_REPOSITORIES]]
    left = len(largest) - len(rows)
    heads = tag("tr", *(tag("th", head, scope="col") for head in ("Secret", "Holds", "Claims")))
    return tag(
        "section",
        tag("h2", "Where it goes"),
        wide(tag("table", tag("thead", heads), tag("tbody", *rows)), "Repositories"),
        tag("p", f"and {count(left, 'repository', 'repositories')} more", class_="soft") if left else None,
    )


def _place(several: Sequence[Seen], picture: Picture) -> Html:
    names = sorted({one.full_name.partition("/")[0] + "/" + one.secret for one in several})
    secret = names[0] if picture.with_namespace else several[0].secret
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    claims = sorted(f"{one.health.namespace}/{one.claim}" if picture.with_namespace else one.claim for one in several)
    held = sum(one.size or 0 for one in several)
    return tag(
        "tr",
        tag("th", together(secret or "no Secret is named", more), scope="row"),
        tag("td", size(held)),
        tag("td", listed(claims, _MOST_CLAIMS), class_="say"),
    )
