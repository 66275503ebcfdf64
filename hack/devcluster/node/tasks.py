"""File work that the runtime does in a child process, inside its mount namespace.

Guarantees: copies keep owners, modes, times, extended attributes, hard links and holes, as a CSI driver's
block-level copies do; a copy appears whole or not at all. Here and not in the cluster's process, because a
volume may be a tmpfs that only the runtime sees, and because a long copy must not hold up anything.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from hack.devcluster.node import linux

PARTIAL = ".partial"


def make_volume(path: str, size_bytes: int) -> None:
    """Create an empty volume; with a size, one that can be full."""
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o755)
    if size_bytes:
        linux.mount("tmpfs", path, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"mode=755,size={size_bytes}")


def make_memory(path: str, size_bytes: int) -> None:
    """Create an emptyDir in memory."""
    os.makedirs(path, exist_ok=True)
    size = f",size={size_bytes}" if size_bytes else ""
    linux.mount("tmpfs", path, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"mode=1777{size}")


def resize_volume(path: str, size_bytes: int) -> None:
    """Change the size of a volume that is a tmpfs; with 0, leave no free space."""
    usage = os.statvfs(path)
    used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
    # A tmpfs cannot shrink below what it holds; of size 0 it would be unlimited, so one page is the least.
    size = max(size_bytes, used, 4096)
    linux.mount("tmpfs", path, "tmpfs", linux.MS_REMOUNT | linux.MS_NOSUID | linux.MS_NODEV, f"size={size}")


def copy_volume(source: str, target: str) -> None:
    """Copy a volume's content into a new volume, which is there when all of it is."""
    partial = target + PARTIAL
    remove_volume(partial)
    os.makedirs(partial)
    try:
        _copy(source, partial)
        os.rename(partial, target)
    except OSError:
        remove_volume(partial)
        raise


def copy_into_sized(source: str, target: str, size_bytes: int) -> None:
    """Copy a volume's content into a new volume that can be full; of a copy that fails nothing is left."""
    make_volume(target, size_bytes)
    try:
        _copy(source, target)
    except OSError:
        remove_volume(target)
        raise


def _copy(source: str, target: str) -> None:
    command = ["cp", "-a", "--reflink=auto", "--sparse=always", "--", f"{source}/.", target]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise OSError(f"copying the volume failed: {done.stderr.decode(errors='replace')[-500:]}")


def remove_partial(state: Path) -> None:
    """Remove what a cluster left that ended in the middle of a copy."""
    for folder in ("volumes", "snapshots"):
        for path in (state / folder).glob(f"*{PARTIAL}"):
            shutil.rmtree(path, ignore_errors=True)


def remove_volume(path: str) -> None:
    """Remove a folder with everything mounted at it and below."""
    mounts = _mounts_below(path)
    for mounted in reversed(mounts):
        linux.unmount(mounted)
    if not os.path.lexists(path):
        return
    subprocess.run(["rm", "-rf", "--", path], check=False, capture_output=True)


def _mounts_below(path: str) -> list[str]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [line.split(" ")[4].encode().decode("unicode_escape") for line in file]
    return [point for point in points if point == path or point.startswith(path + "/")]


def own_by_group(path: str, group: int) -> None:
    """Give a volume to a group, as kubelet does for fsGroup."""
    _give(path, group)
    for folder, names, files in os.walk(path):
        for name in names + files:
            _give(os.path.join(folder, name), group)


def _give(path: str, group: int) -> None:
    status = os.lstat(path)
    try:
        os.lchown(path, -1, group)
    except OSError as error:
        # In a user namespace there is only one group, which everything belongs to already: its rights are enough.
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise
    if stat.S_ISLNK(status.st_mode):
        return
    mode = stat.S_IMODE(status.st_mode) | 0o660
    if stat.S_ISDIR(status.st_mode):
        mode |= 0o110 | stat.S_ISGID
    os.chmod(path, mode)


def check(root: str) -> None:
    """Try the mounts that a container needs."""
    os.makedirs(root, exist_ok=True)
    shutil.which("cp")
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("tmpfs", root, "tmpfs", 0, "size=4k")


TASKS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        make_volume,
        make_memory,
        resize_volume,
        copy_volume,
        copy_into_sized,
        remove_volume,
        own_by_group,
        check,
    )
}
