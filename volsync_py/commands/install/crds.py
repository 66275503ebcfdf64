"""`volsync-py crds`. The manager's image runs it, which has no library for the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from volsync_py.commands.common.called import as_called, program
from volsync_py.commands.common.shipped import definitions

_EXAMPLE = (
    "volsync-py crds | kubectl apply --server-side --force-conflicts -f - takes over definitions that VolSync has "
    "installed, and changes none of their objects."
)


def crds(words: Sequence[str]) -> int:
    """Print the CustomResourceDefinitions of this version, and return the exit code."""
    argparse.ArgumentParser(
        f"{program()} crds",
        description="Print the CustomResourceDefinitions of this version.",
        epilog=as_called(_EXAMPLE),
    ).parse_args(words)
    for text in definitions():
        sys.stdout.write(f"---\n{text}")
    return 0
