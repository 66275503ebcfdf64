"""Where the page of a resource is: as a file, and as an address that the manager serves."""

from __future__ import annotations

from urllib.parse import quote, unquote

_WORDS = {"ReplicationSource": "source", "ReplicationDestination": "destination"}
_KINDS = {word: kind for kind, word in _WORDS.items()}


def file_of(kind: str, namespace: str, name: str) -> str:
    """Return the path in a folder of pages, which is the address in it as well; no name leads out of the folder."""
    return f"{_WORDS.get(kind, 'other')}/{_quoted(namespace)}/{_quoted(name)}.html"


def address_of(kind: str, namespace: str, name: str) -> str:
    """Return where the manager serves it."""
    return "/" + file_of(kind, namespace, name).removesuffix(".html")


def asked_for(path: str) -> tuple[str, str, str] | None:
    """Return kind, namespace and name of a resource whose page is at a path; None if it is of none."""
    parts = path.split("/")
    if len(parts) != 4 or parts[0] or parts[1] not in _KINDS:
        return None
    return _KINDS[parts[1]], unquote(parts[2]), unquote(parts[3])


def _quoted(name: str) -> str:
    """Return a name as one part of a path, which is none of the two that lead elsewhere."""
    return "%2E" * len(name) if name in {".", ".."} else quote(name, safe="") or "-"
