"""Import all that an image runs, as the image has it: `python check.py`.

What is imported late would else be missed by whoever runs it, in a cluster.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import volsync_py

# The extras, which an image has not; what needs them ends in a sentence.
_OF_EXTRAS = {"click", "rich", "textual"}


def imported() -> tuple[int, list[str]]:
    """Import each of our modules; return how many could be, and those that lack a library of an extra."""
    count, without = 0, []
    for module in pkgutil.walk_packages(volsync_py.__path__, "volsync_py.", onerror=_skip):
        try:
            import_module(module.name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _OF_EXTRAS:
                raise
            without.append(module.name)
        else:
            count += 1
    return count, without


def _skip(name: str) -> None:
    """Leave a package that cannot be imported to the loop, which has said so by then."""


if __name__ == "__main__":
    count, without = imported()
    needed = {"volsync_py.manager.app", "volsync_py.pod.runner", "volsync_py.pod.mover"} - set(sys.modules)
    if needed:
        sys.exit(f"check: not imported: {', '.join(sorted(needed))}")
    sys.stdout.write(f"{count} modules can be imported; {len(without)} are for the extras\n")
