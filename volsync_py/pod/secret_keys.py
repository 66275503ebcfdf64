"""What a Secret holds, told without a word of its values: names that a mover knows, and where the URL leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from volsync_py.contract.questions import SECRET_PREFIX
from volsync_py.core.keys import NUMBERS_AND_WORDS, OPTIONAL_KEYS, value_fault
from volsync_py.core.locations import Fault, locate

_REQUIRED = ("RESTIC_REPOSITORY", "RESTIC_PASSWORD")
_KNOWN = (*_REQUIRED, *OPTIONAL_KEYS, "GOOGLE_APPLICATION_CREDENTIALS")
# What follows is the name of a remote and of one of its options.
_RCLONE = "RCLONE_"


def described(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what may be told of the Secret that is in an environment."""
    secret = {n.removeprefix(SECRET_PREFIX): v for n, v in environ.items() if n.startswith(SECRET_PREFIX)}
    known = [name for name in _KNOWN if name in secret]
    rclone = [name for name in secret if name.startswith(_RCLONE)]
    return {
        "keys": [*known, *([f"{_RCLONE}*"] if rclone else [])],
        "empty": [name for name in known if not secret[name].strip()],
        # Not by name: somebody may have put a value where a name should be.
        "others": len(secret) - len(known) - len(rclone),
        "backend": locate(secret.get("RESTIC_REPOSITORY", "")).backend,
        "faults": [{"message": fault.message, "nextStep": fault.next_step} for fault in _faults(secret)],
    }


def _faults(secret: Mapping[str, str]) -> Iterator[Fault]:
    for name in _REQUIRED:
        if not secret.get(name, "").strip():
            is_there = "is empty" if name in secret else "is not there"
            yield Fault(f"{name} {is_there}", f"give the Secret a value for {name}")
    if secret.get("RESTIC_REPOSITORY", "").strip():
        fault = locate(secret["RESTIC_REPOSITORY"]).fault
        if fault is not None:
            yield fault
    for name in NUMBERS_AND_WORDS:
        fault = value_fault(name, secret.get(name, ""))
        if fault is not None:
            yield fault
