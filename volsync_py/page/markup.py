"""HTML that is made of values: a text becomes part of it only escaped, and as it may be shown."""

from __future__ import annotations

from html import escape

from volsync_py.health.words import plain

# Elements without an end.
_EMPTY = frozenset({"meta", "path", "line"})


class Html(str):
    """A text that is markup already; nothing but this module makes one of what others have written."""

    __slots__ = ()


def text(said: object) -> Html:
    """Return a text as it may stand anywhere between tags, or in quotes."""
    return said if isinstance(said, Html) else Html(escape(plain(said)))


def tag(name: str, *children: object, **attributes: object) -> Html:
    """Return an element; `class_` is written class, `aria_label` aria-label; None and False leave an attribute out."""
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        word = key.rstrip("_").replace("_", "-")
        words.append(word if value is True else f'{word}="{text(value)}"')
    if name in _EMPTY:
        return Html(f"<{' '.join(words)}/>")
    return Html(f"<{' '.join(words)}>{together(*children)}</{name}>")


def wide(table: Html, name: str) -> Html:
    """Return a table that a narrow window scrolls, by keys as well."""
    return tag("div", table, class_="wide", tabindex=0, role="region", aria_label=name)


def together(*parts: object) -> Html:
    """Return parts one after the other; None is none."""
    return Html("".join(text(part) for part in parts if part is not None))
