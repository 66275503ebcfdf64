"""What the mover asks of its volumes besides what restic does."""

from __future__ import annotations

import errno
import os
import re

from volsync_py.contract.report import ErrorClass
from volsync_py.pod.environment import MoverError
from volsync_py.pod.volume import opened

# The cache of one repository is a folder with its id.
_REPOSITORY_ID = re.compile(r"[0-9a-f]{64}")
FULL = (errno.ENOSPC, errno.EDQUOT)
# Errors that stay until somebody changes something; all others may pass with the node or the network.
_LASTING = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EROFS)


def class_of(error: OSError) -> ErrorClass:
    """Return the class of what the system has refused the mover itself."""
    if error.errno in FULL:
        return ErrorClass.TARGET_FULL
    return ErrorClass.CONFIGURATION if error.errno in _LASTING else ErrorClass.UNKNOWN


def cache_trouble(folder: str) -> str:
    """Return why the cache cannot be used, or "". A cache that another user made is as good as none."""
    try:
        os.makedirs(folder, exist_ok=True)
        with os.scandir(folder) as entries:
            inside = [entry.path for entry in entries if _REPOSITORY_ID.fullmatch(entry.name)]
    except OSError as error:
        return error.strerror or str(error)
    for path in (folder, *inside):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            return f"{path} cannot be written by the mover's user"
    try:
        for path in inside:
            _mend(path)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _mend(folder: str) -> None:
    """Take an empty `version` away: restic leaves it in a cache that was full, and opens no such cache again."""
    version = os.path.join(folder, "version")
    if os.path.isfile(version) and os.path.getsize(version) == 0:
        os.unlink(version)


def sync_volume(folder: str) -> None:
    """Wait until what was written to this volume is on its disk, and fail if it is not; other volumes are let alone."""
    # Imported here: it takes a moment, and only restores need it.
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    try:
        with opened(folder) as handle:
            if libc.syncfs(handle) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
    except OSError as error:
        error_class = ErrorClass.TARGET_FULL if error.errno in FULL else ErrorClass.UNKNOWN
        text = f"what was restored could not be written to the volume's disk: {error.strerror}"
        raise MoverError(error_class, text) from None
