"""What the mover asks of its volumes besides what restic does."""

from __future__ import annotations

import errno
import os
import re

from volsync_py.contract.report import ErrorClass
from volsync_py.pod.environment import MoverError
from volsync_py.pod.removal import FOLDER, remove_tree
from volsync_py.pod.volume import opened

# The cache of one repository is a folder with its id.
REPOSITORY_ID = re.compile(r"[0-9a-f]{64}")
FULL = (errno.ENOSPC, errno.EDQUOT)
# Errors that stay until somebody changes something; all others may pass with the node or the network.
_LASTING = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EROFS)


def class_of(error: OSError) -> ErrorClass:
    """Return the class of what the system has refused the mover itself."""
    if error.errno in FULL:
        return ErrorClass.TARGET_FULL
    return ErrorClass.CONFIGURATION if error.errno in _LASTING else ErrorClass.UNKNOWN


def cache_trouble(folder: str) -> str:
    """Return why the cache cannot be used, or "". A cache that another user made, or a link, is as good as none.

    Who may write to the volume may leave links there to volumes that only the mover may write to.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with opened(folder) as root:
            inside = _caches(root)
            for path in (folder, *(os.path.join(folder, name) for name in inside)):
                if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                    return f"{path} cannot be written by the mover's user"
            for name in inside:
                os.close(os.open(name, FOLDER, dir_fd=root))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def remove_caches(folder: str) -> bool:
    """Take all caches out of their folder, and return whether that worked; what else is in there stays."""
    try:
        with opened(folder) as root:
            for name in _caches(root):
                remove_tree(root, name)
    except OSError:
        return False
    return True


def _caches(root: int) -> list[str]:
    return [name for name in os.listdir(root) if REPOSITORY_ID.fullmatch(name)]


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
