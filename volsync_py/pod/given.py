"""The environment of a command's pod as a mover has it.

The repository's Secret comes as a whole there, under a prefix, because who makes that pod may not know its keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from volsync_py.contract.questions import SECRET_PREFIX
from volsync_py.core.keys import OPTIONAL_KEYS

# The key of Google's credentials, and where the pod has it as a file.
_GOOGLE, _GOOGLE_FILE = "GOOGLE_APPLICATION_CREDENTIALS", "/credentials/gcs.json"


def given_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment as a mover has it: the keys of the Secret that movers are given, and nothing else of it.

    What somebody else has put into the pod under such a name (an identity of a cloud) stays where the Secret has none.
    """
    given = {name: value for name, value in environ.items() if not name.startswith(SECRET_PREFIX)}
    secret = {n.removeprefix(SECRET_PREFIX): v for n, v in environ.items() if n.startswith(SECRET_PREFIX)}
    given |= {name: value for name, value in secret.items() if name in OPTIONAL_KEYS or name.startswith("RCLONE_")}
    if _GOOGLE in secret:
        given[_GOOGLE] = _GOOGLE_FILE
    return given
