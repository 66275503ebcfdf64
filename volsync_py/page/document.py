"""The frame that every page has."""

from __future__ import annotations

from datetime import datetime

from volsync_py import __version__
from volsync_py.page.markup import Html, tag, together
from volsync_py.page.style import POLICY, STYLE


def document(*, title: str, head: object, verdict: str, needs_you: bool, main: Html, now: datetime) -> str:
    """Return a page as it is served or written into a file."""
    made = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
            tag("title", title),
            # It is ours, and its hash is of these very bytes.
            tag("style", Html(STYLE)),
        ),
        tag(
            "body",
            tag("header", tag("h1", head), tag("p", verdict, class_="verdict needs" if needs_you else "verdict")),
            tag("main", main),
            tag("footer", tag("p", _told(now))),
        ),
        lang="en",
    )
    return together(Html("<!doctype html>\n"), made, Html("\n"))


def _told(now: datetime) -> str:
    zone = now.tzname() or "UTC"
    return f"As it was at {now:%H:%M} on {now:%-d %B %Y}; times are of {zone}. volsync_py {__version__}"
