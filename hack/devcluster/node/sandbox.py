"""One container: from a forked process to the command, inside its own root.

Guarantees: the command is PID 1 of its PID namespace, sees the host's programs read-only, its volumes at
their mount paths, its own /tmp, /dev and /proc, and nothing is created on the host's root. User, groups and
capabilities are those asked for, so a file that a mover may not read cannot be read. Every failure before the
command runs becomes one `StartError`. Runs in a child of the runtime after fork, so it must not use threads.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import stat
from typing import Any, NoReturn

from hack.devcluster.node import linux

# Never taken from the host: built for the container, or places where volumes get mounted.
OWN_DIRECTORIES = frozenset(("proc", "sys", "dev", "tmp", "run", "var", "mnt", "media", "lost+found"))
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# What containerd gives a container that asks for nothing.
# fmt: off
DEFAULT_CAPABILITIES = [
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
    "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
]
# fmt: on


# What a further process of a container enters, the mounts last: they bring its root along.
_NAMESPACES = (("uts", linux.CLONE_NEWUTS), ("ipc", linux.CLONE_NEWIPC), ("mnt", linux.CLONE_NEWNS))


class StartError(Exception):
    """The container's command could not be started."""


def namespaces_of(pid: int) -> tuple[int, dict[int, int]] | None:
    """Open the namespaces of a process: of its PIDs, and the others by kind; None if it has ended, or is about to."""
    opened: list[int] = []
    try:
        for name in ("pid", *(name for name, _ in _NAMESPACES)):
            opened.append(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY))
    except OSError:
        for one in opened:
            os.close(one)
        return None
    return opened[0], dict(zip((kind for _, kind in _NAMESPACES), opened[1:], strict=True))


def enter(spec: dict[str, Any], *, user_namespace: bool) -> NoReturn:
    """Become the container's first process; raises StartError or OSError."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    _connect_output(spec["log"])
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC)
    socket.sethostname(spec["hostname"])
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    build_root(spec)
    linux.pivot_into(spec["root"])
    _become_command(spec, user_namespace=user_namespace)


def join(spec: dict[str, Any], namespaces: dict[int, int], address: str, *, user_namespace: bool) -> NoReturn:
    """Become a further process of a container, whose namespaces are open; raises StartError or OSError."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    for number in range(3):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(f"\0{address}")
            one.sendall(bytes([number]))
            os.dup2(one.fileno(), number)
    for kind, handle in namespaces.items():
        linux.setns(handle, kind)
    _become_command(spec, user_namespace=user_namespace)


def _become_command(spec: dict[str, Any], *, user_namespace: bool) -> NoReturn:
    """Take on the user, and run the command."""
    become_user(spec, user_namespace=user_namespace)
    environment: dict[str, str] = spec["env"]
    program = _find_program(spec["argv"][0], spec["bins"], environment.get("PATH", ""))
    _enter_directory(spec["cwd"])
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    # Set last: changing the user clears it.
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execve(program, spec["argv"], environment)
    except OSError as error:
        raise StartError(f'exec: "{spec["argv"][0]}": {os.strerror(error.errno or 0).lower()}') from error


def _connect_output(log: str) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def build_root(spec: dict[str, Any]) -> None:
    """Mount the container's root directory, volumes included, at `spec["root"]`."""
    root = spec["root"]
    linux.mount("tmpfs", root, "tmpfs", linux.MS_NOSUID, "mode=755")
    _bind_host(root, spec["needed"])
    for path, mode in (
        ("tmp", 0o1777),
        ("run", 0o755),
        ("var/tmp", 0o1777),
        ("mnt", 0o755),
        ("media", 0o755),
    ):
        os.makedirs(f"{root}/{path}", exist_ok=True)
        os.chmod(f"{root}/{path}", mode)
    os.symlink("/run", f"{root}/var/run")
    for path in ("proc", "sys", "dev"):
        os.mkdir(f"{root}/{path}")
    linux.mount("proc", f"{root}/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    linux.bind("/sys", f"{root}/sys", read_only=True)
    _build_dev(f"{root}/dev")
    _hide(root + spec["state"])
    for mounted in spec["mounts"]:
        source = _inside(mounted["source"], mounted["subPath"])
        _make_target(root, mounted["target"], is_directory=os.path.isdir(source))
        linux.bind(source, root + mounted["target"], read_only=mounted["readOnly"])
    _bind_covered(root, spec["needed"], [m["target"] for m in spec["mounts"] if m["scratch"]])
    if spec["readOnlyRoot"]:
        linux.mount("", root, "", linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY)


def _inside(volume: str, sub_path: str) -> str:
    if not sub_path:
        return volume
    path = os.path.join(volume, sub_path)
    if not os.path.exists(path):
        os.makedirs(path)
    if not os.path.realpath(path).startswith(os.path.realpath(volume) + "/"):
        raise StartError(f"subPath {sub_path} leads out of its volume")
    return path


def _bind_host(root: str, needed: list[str]) -> None:
    """Bind the host's top-level directories, and only what is needed of those closed to other users."""
    closed = {path.split("/")[1] for path in needed if not _open_to_all(path)}
    for entry in os.scandir("/"):
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), f"{root}/{entry.name}")
        elif entry.is_dir() and entry.name not in OWN_DIRECTORIES:
            os.mkdir(f"{root}/{entry.name}", 0o755)
            if entry.name not in closed and _open_to_all(entry.path):
                linux.bind(entry.path, f"{root}/{entry.name}", read_only=True)
    for path in needed:
        if not os.path.exists(root + path):
            os.makedirs(root + path, exist_ok=True)
            linux.bind(path, root + path, read_only=True)


def _open_to_all(path: str) -> bool:
    """Return whether every directory up to `path` may be read or passed by any user."""
    parts = path.strip("/").split("/")
    directories = ["/" + "/".join(parts[: length + 1]) for length in range(len(parts))]
    return all(os.stat(directory).st_mode & stat.S_IXOTH for directory in directories)


def _bind_covered(root: str, needed: list[str], scratch: list[str]) -> None:
    """Bring back what an emptyDir covered: a Python installed under /tmp must survive a volume at /tmp."""
    for path in needed:
        covers = any(path.startswith(target.rstrip("/") + "/") for target in scratch)
        if covers and not os.path.exists(root + path):
            os.makedirs(root + path)
            linux.bind(path, root + path, read_only=True)


def _build_dev(dev: str) -> None:
    linux.mount("tmpfs", dev, "tmpfs", linux.MS_NOSUID, "mode=755,size=64k")
    for name in _DEVICES:
        with open(f"{dev}/{name}", "wb"):
            pass
        linux.bind(f"/dev/{name}", f"{dev}/{name}")
    os.mkdir(f"{dev}/shm")
    linux.mount("tmpfs", f"{dev}/shm", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=1777,size=64m")
    os.symlink("/proc/self/fd", f"{dev}/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{dev}/{name}")


def _hide(path: str) -> None:
    """Keep one pod's volumes out of another pod's sight."""
    if os.path.isdir(path):
        linux.mount("tmpfs", path, "tmpfs", linux.MS_RDONLY, "size=4k")


def _make_target(root: str, target: str, *, is_directory: bool) -> None:
    if os.path.exists(root + target):
        return
    parent = os.path.dirname(target)
    try:
        os.makedirs(root + parent, exist_ok=True)
        _make_point(root + target, is_directory)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        while not os.path.isdir(root + parent):
            parent = os.path.dirname(parent)
        _make_writable(root + parent)
        os.makedirs(root + os.path.dirname(target), exist_ok=True)
        _make_point(root + target, is_directory)


def _make_point(path: str, is_directory: bool) -> None:
    if is_directory:
        os.mkdir(path)
    else:
        with open(path, "wb"):
            pass


def _make_writable(directory: str) -> None:
    """Cover a directory of the host with a tmpfs that shows the same entries, so that mount points fit in."""
    original = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    linux.mount("tmpfs", directory, "tmpfs", 0, "mode=755")
    source = f"/proc/self/fd/{original}"
    for name in os.listdir(source):
        here, there = f"{source}/{name}", f"{directory}/{name}"
        if os.path.islink(here):
            os.symlink(os.readlink(here), there)
        elif os.path.isdir(here) or os.path.isfile(here):
            _make_point(there, os.path.isdir(here))
            linux.bind(here, there)
    os.close(original)


def become_user(spec: dict[str, Any], *, user_namespace: bool) -> None:
    """Take on user, groups and capabilities."""
    uid, gid, allowed = spec["uid"], spec["gid"], set(spec["capabilities"])
    if user_namespace and (uid, gid) != (0, 0):
        _map_single_user(uid, gid)
    linux.limit_bounding_set(allowed)
    if not user_namespace:
        os.setgroups(spec["groups"])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL)
    linux.set_capabilities(allowed if uid == 0 else set())
    if spec["noNewPrivs"]:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def _map_single_user(uid: int, gid: int) -> None:
    """Show the one user that an unprivileged machine grants as the user asked for."""
    linux.unshare(linux.CLONE_NEWUSER)
    for name, line in (("uid_map", f"{uid} 0 1"), ("gid_map", f"{gid} 0 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)


def _find_program(name: str, bins: list[str], path: str) -> str:
    if "/" in name:
        if not os.path.exists(name):
            raise StartError(f'exec: "{name}": stat {name}: no such file or directory')
        return name
    found = shutil.which(name, path=os.pathsep.join([*bins, *path.split(os.pathsep)]))
    if found is None:
        raise StartError(f'exec: "{name}": executable file not found in $PATH')
    return found


def _enter_directory(path: str) -> None:
    try:
        os.chdir(path)
    except OSError as error:
        raise StartError(
            f'chdir to cwd ("{path}") set in config.json failed: {os.strerror(error.errno or 0)}'
        ) from error
