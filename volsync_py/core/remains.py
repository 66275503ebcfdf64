"""What is said of objects that are still there: which they are, since when they are to go, and what holds them."""

from __future__ import annotations

from collections.abc import Sequence

from volsync_py.core.actions import Ref
from volsync_py.core.objects import Object

# Enough to look at; a condition must stay small, and a name that is longer than this says no more.
_MOST_OBJECTS = 3
_MOST_FINALIZERS = 3
_LONGEST_NAME = 100


def deletion(obj: Object) -> str:
    """Return what is known of an object's deletion: its beginning, and the finalizers that keep it from its end."""
    meta = obj["metadata"]
    since = meta.get("deletionTimestamp")
    if not since:
        return "being deleted"
    text = f"being deleted since {_cut(str(since))}"
    finalizers = [str(name) for name in meta.get("finalizers") or ()]
    if not finalizers:
        return text
    word = "finalizer" if len(finalizers) == 1 else "finalizers"
    return f"{text}, held by the {word} {_listed([_cut(name) for name in finalizers], _MOST_FINALIZERS)}"


def still_there(objects: Sequence[Object]) -> str:
    """Return which objects are still there, each with what is known of its deletion."""
    return _listed([_remaining(obj) for obj in objects], _MOST_OBJECTS)


def _remaining(obj: Object) -> str:
    name = str(Ref.of(obj))
    return f"{name} ({deletion(obj)})" if obj["metadata"].get("deletionTimestamp") else name


def _listed(words: list[str], most: int) -> str:
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
