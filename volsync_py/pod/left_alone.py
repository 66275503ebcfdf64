"""What a restore with deletion would take along that include and exclude leave alone.

Seen with restic 0.18.0 to 0.19.1: each name of a folder that the snapshot has is held against the patterns, and what
they leave alone is not deleted. But a folder that the snapshot does not have, or has as something else, goes as a
whole, without a look at what is in it. So it is looked for before anything is written, with restic's own rules for
patterns; which folders come back as folders, restic says.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator

from attrs import frozen

from volsync_py.contract.options import RestoreOptions
from volsync_py.contract.report import ErrorClass
from volsync_py.pod import volume
from volsync_py.pod.environment import MoverError
from volsync_py.pod.output import comparable, is_exact
from volsync_py.pod.session import Session
from volsync_py.pod.shortfall import shown


@frozen
class _Pattern:
    matches: Callable[[str], object]
    is_negated: bool


class Patterns:
    """Whether a path of the volume is one that a restore with these options writes or deletes."""

    def __init__(self, options: RestoreOptions) -> None:
        self._includes = bool(options.include)
        self._patterns = [_pattern(text) for text in options.include or options.exclude]

    @property
    def may_part_a_folder(self) -> bool:
        """Whether something in a folder may be left alone though the folder itself is not."""
        return any(one.is_negated == self._includes for one in self._patterns)

    def selects(self, path: str) -> bool:
        """Return whether it is restored or deleted; the last pattern that matches decides."""
        matched = False
        for one in self._patterns:
            if matched == one.is_negated and one.matches(f"/{path}"):
                matched = not one.is_negated
        return matched == self._includes


def _pattern(text: str) -> _Pattern:
    is_negated = text.startswith("!")
    # As Go's filepath.Clean.
    path = posixpath.normpath(text.removeprefix("!") or ".")
    names = path.lstrip("/").split("/")
    # Two stars are any number of names, also none; and what is below something that matches, matches too.
    while names and names[-1] in ("**", ""):
        names.pop()
    parts = ["(?:[^/]+/)*" if name == "**" else f"{_name(name)}/" for name in names]
    expression = "".join(parts).removesuffix("/")
    if not expression:
        return _Pattern(lambda path: True, is_negated)
    start = "^/" if path.startswith("/") else "/"
    return _Pattern(re.compile(rf"{start}{expression}(?:/|\Z)").search, is_negated)


def _name(glob: str) -> str:
    """Return the expression for one name of a pattern that restic takes."""
    found, at = "", 0
    while at < len(glob):
        sign = glob[at]
        if sign == "[":
            expression, at = _class(glob, at + 1)
            found += expression
            continue
        if sign == "\\":
            at += 1
        found += {"*": "[^/]*", "?": "[^/]"}.get(sign) or re.escape(glob[at])
        at += 1
    return found


def _class(glob: str, at: int) -> tuple[str, int]:
    """Return the expression for a class of signs, and where it ends; `at` is behind its bracket."""
    is_negated = glob[at] == "^"
    at += is_negated
    ranges = ""
    while glob[at] != "]":
        first, at = _sign(glob, at)
        last = first
        if glob[at] == "-":
            last, at = _sign(glob, at + 1)
        if first <= last:
            ranges += f"{re.escape(first)}-{re.escape(last)}"
    if is_negated:
        return f"[^/{ranges}]", at + 1
    return f"[{ranges}]" if ranges else "(?!)", at + 1


def _sign(glob: str, at: int) -> tuple[str, int]:
    at += glob[at] == "\\"
    return glob[at], at + 1


def check(session: Session, source: str) -> None:
    """Refuse a restore that would delete what its patterns leave alone; `source` is the snapshot, as `ls` takes it."""
    options = session.run.restore
    patterns = Patterns(options)
    if not patterns.may_part_a_folder:
        return
    # What is left alone, by a folder that is not.
    kept: dict[str, str] = {}
    with volume.opened(session.data) as root:
        for path, *_ in volume.entries(root, folders=True):
            folder = os.path.dirname(path)
            if folder and folder not in kept and not patterns.selects(path) and patterns.selects(folder):
                kept[folder] = path
    if not kept:
        return
    wanted = {comparable(above) for folder in kept for above in _down_to(folder)}
    coming = set(session.must(session.locked("ls", source, wanted=wanted)).found)
    for folder, path in kept.items():
        # restic looks into folders that it has, and no further.
        goes = next((one for one in _down_to(folder) if not is_exact(one) or comparable(one) not in coming), None)
        if goes is not None and patterns.selects(goes):
            raise _loss(session, path, goes)


def _down_to(folder: str) -> Iterator[str]:
    """Return the folders above it, from the volume's root on, and itself."""
    names = folder.split("/")
    return ("/".join(names[: number + 1]) for number in range(len(names)))


def _loss(session: Session, path: str, folder: str) -> MoverError:
    option = "include" if session.run.restore.include else "exclude"
    lost, goes = (shown(one, session.restic.redact) for one in (path, folder))
    less = "include neither" if option == "include" else "exclude that folder too"
    text = (
        f"{lost} is to be left alone ({option}), but enableFileDeletion would delete it with {goes}, which is no "
        f"folder of the snapshot: {less}, move it away, or leave enableFileDeletion out"
    )
    return MoverError(ErrorClass.CONFIGURATION, text)
