"""What a restore did not write, and what is made of it: a warning, or an error that names the path and the way out."""

from __future__ import annotations

import re
from collections.abc import Callable

from volsync_py.contract.report import ErrorClass
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.environment import MoverError
from volsync_py.pod.session import Session

# Without the capability, the kernel refuses before it looks at the name.
_NO_DEVICE = re.compile(r"^mknod .*: operation not permitted$", re.DOTALL)
_COUNTED = re.compile(r"There were (\d+) errors")
_FOLDER_IS_FULL = re.compile(r"\bremove .*: (directory not empty|file exists)$", re.DOTALL)
_NOT_OPENED = re.compile(r"^open .*: no such device or address$", re.DOTALL)
_FORBIDDEN = re.compile(r": (permission denied|operation not permitted)$")
# What follows in the sentence is worth as much as the name, and the whole has to fit.
_LONGEST_NAME = 160


def shown(path: str, redact: Callable[[str], str]) -> str:
    """Return a path as people read it: on one line, without secrets, and the middle left out if it is long."""
    # Half a secret would not be recognised any more.
    text = redact(repr(path))
    half = _LONGEST_NAME // 2
    return text if len(text) <= _LONGEST_NAME else f"{text[:half]}…{text[-half:]}"


def full_folders(ended: CompletedRestic) -> list[str]:
    """Return the paths where something could not replace a folder because of what is in it."""
    return [item.lstrip("/") for item, text in ended.failures if _FOLDER_IS_FULL.search(text)]


def left_out(ended: CompletedRestic, *, verified: bool) -> list[str]:
    """Return the device nodes that could not be made, if everything else was restored, else []."""
    if ended.ok or ended.stopped is not None or verified:
        # restic verifies nothing after an error.
        return []
    devices = [item.lstrip("/") for item, text in ended.failures if _NO_DEVICE.search(text)]
    counted = _COUNTED.search(str(ended.message("exit_error").get("message") or ""))
    return devices if counted and int(counted[1]) == len(devices) else []


def may_be_privileged(session: Session) -> str:
    """Return what would give the mover more rights, as the beginning of a sentence's end, or "" if it has them."""
    privileged = session.environ.get("PRIVILEGED_MOVER") == "1"
    return "" if privileged else "let the namespace have privileged movers, or "


def explain(session: Session, ended: CompletedRestic) -> None:
    """Raise an error that names the path and what to do about it, if that is known of a restore that failed."""
    if ended.ok or ended.stopped is not None or ended.error_class not in (ErrorClass.UNKNOWN, ErrorClass.CONFIGURATION):
        return
    rights = may_be_privileged(session)
    rows = [
        (
            _FOLDER_IS_FULL,
            "a folder that is not empty is where something else comes back: remove it, or let enableFileDeletion do so",
        ),
        (_NOT_OPENED, "what is there is no file, and its name is no text: remove it"),
        (_NO_DEVICE, f"the mover may not make device nodes: {rights}exclude it"),
    ]
    if not rights:
        rows.append(
            (_FORBIDDEN, "even a privileged mover may not do that: the storage refuses it, or the file is immutable")
        )
    for item, text in ended.failures[:1]:
        for pattern, advice in rows:
            if pattern.search(text):
                error = f"{shown(item.lstrip('/'), session.restic.redact)} was not restored: {advice}"
                raise MoverError(ErrorClass.CONFIGURATION, error, ended.code, by_restic=True)
