"""The page of everything: the verdict, what needs somebody, the strips, the night, growth, and where it goes."""

from __future__ import annotations

from volsync_py.health.verdict import Case, Overview
from volsync_py.page import night, places, rows
from volsync_py.page.document import document
from volsync_py.page.markup import Html, tag, together
from volsync_py.page.seen import Picture

# A long list is told by its worst; the strips below have all.
_MOST_CASES = 20
# More than these push the strips, which show as much, from the first screen.
_MOST_ALONE = 3


def overview_page(picture: Picture, link: rows.Link = lambda one: None) -> str:
    """Return the page; `link` is the address of a resource's page."""
    told = Overview(
        [one.health for one in picture.found], picture.now, picture.where, with_namespace=picture.with_namespace
    )
    verdict = told.verdict()
    return document(
        title="Backups",
        head=f"Backups of {picture.where}" if not picture.with_namespace else "Backups",
        verdict=verdict[:1].upper() + verdict[1:] + ".",
        needs_you=told.needs_you,
        main=together(
            places.tiles(picture),
            _cases(list(told.cases(_MOST_ALONE))),
            rows.section(picture, link),
            night.section(picture) if picture.sources else None,
            places.growth(picture),
            places.places(picture),
        ),
        now=picture.now,
    )


def _cases(cases: list[Case]) -> Html | None:
    if not cases:
        return None
    left = len(cases) - _MOST_CASES
    return tag(
        "section",
        tag("h2", "What isn't well"),
        *(_case(case) for case in cases[:_MOST_CASES]),
        tag("p", f"and {left} more: volsync-py status", class_="soft") if left > 0 else None,
    )


def _case(case: Case) -> Html:
    facts = f", {', '.join(case.facts)}" if case.facts else ""
    return tag(
        "div",
        tag("p", tag("b", case.head), ": ", rows.state(case.state), facts),
        tag("p", case.cause, class_="soft") if case.cause else None,
        tag("p", case.next_step, class_="step") if case.next_step else None,
        tag("p", case.names, class_="soft") if case.names else None,
        class_="case",
    )
