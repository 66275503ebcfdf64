"""What the user has typed to get here."""

from __future__ import annotations

import sys
from pathlib import PurePath


def program() -> str:
    """Return the program's name, as kubectl's plugin or its own."""
    return "kubectl volsync-py" if PurePath(sys.argv[0]).name.startswith("kubectl-") else "volsync-py"
