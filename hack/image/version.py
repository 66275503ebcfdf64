"""Print the version of an image from what its builder was told of it: `python version.py SAID`.

SAID is a version of a release, what `git describe --tags --always` prints of a clone, or nothing.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version
from setuptools_scm import get_version

# No release is called so, and whoever reads it in a report knows why.
UNKNOWN = "0.0.0+unknown"
_BEHIND_A_TAG = re.compile(r"v?\d\S*-\d+-g[0-9a-f]+")
# Of a clone without tags.
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


def version(said: str) -> str:
    """Return it as Python has it; SystemExit for a text that is none."""
    if not said:
        return UNKNOWN
    if _COMMIT.fullmatch(said):
        return f"0.0.0+g{said}"
    if _BEHIND_A_TAG.fullmatch(said):
        with TemporaryDirectory() as folder:
            # As an archive that git has made of the commit: so that it is called as what pip installs of the clone.
            text = f"node: {said.rpartition('-g')[2]}\ndescribe-name: {said}\n"
            Path(folder, ".git_archival.txt").write_text(text, encoding="utf-8")
            return get_version(folder, fallback_root=folder)
    try:
        return str(Version(said))
    except InvalidVersion:
        sys.exit(f"VERSION={said} is no version: say 1.2.0, or what `git describe --tags --always` prints")


if __name__ == "__main__":
    sys.stdout.write(version(sys.argv[1]) + "\n")
