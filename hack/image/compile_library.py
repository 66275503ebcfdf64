"""Compile what of Python's own library the manager and movers import: `python compile_library.py`.

A container writes no compiled files, so each start would compile it again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from py_compile import PycInvalidationMode, compile

import volsync_py.manager.app
import volsync_py.pod.runner  # noqa: F401 - what it imports counts


def main() -> None:
    """Compile it, and say how many modules there are."""
    library = Path(sys.base_prefix) / "lib"
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    sources = sorted({file for file in files if file and file.endswith(".py") and library in Path(file).parents})
    for file in sources:
        compile(file, doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    sys.stdout.write(f"{len(sources)} modules of Python's own library are compiled\n")


if __name__ == "__main__":
    main()
