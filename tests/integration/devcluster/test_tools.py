"""The scripts and the cache of tools recover from what was interrupted, and need the network once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hack import tool_cache
from hack.processes import ROOT

# Stands for a Python: it makes environments whose programs only say that they were run, and how.
STUB = """#!/bin/sh
echo "python $*" >> {log}
case "$1 $2" in
"-c "*) exec {python} "$@" ;;
"-m venv")
    for folder; do :; done
    rm -rf "$folder" && mkdir -p "$folder/bin"
    for name in pip python tox; do
        printf '#!/bin/sh\\necho "%s $*" >> %s\\n' "$name" {log} > "$folder/bin/$name"
        chmod 755 "$folder/bin/$name"
    done ;;
esac
"""


def run(script: str, folder: Path) -> list[str]:
    """Run a script with the stub, and return what it called."""
    log, stub = folder / "log", folder / "stub"
    log.write_text("", encoding="utf-8")
    stub.write_text(STUB.format(log=log, python=sys.executable), encoding="utf-8")
    stub.chmod(0o755)
    env = {**os.environ, "PYTHON": str(stub), "VOLSYNC_PY_TOOLS": str(folder / "tools")}
    subprocess.run([str(ROOT / "hack" / script)], env=env, check=True, capture_output=True, timeout=60)
    return [line.strip() for line in log.read_text(encoding="utf-8").splitlines() if " -c " not in line]


def half_made(folder: Path, name: str) -> Path:
    """Leave what is there when somebody interrupts the making of an environment."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    binaries = folder / "tools" / f"{name}-venv-{version}" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").write_text("#!/bin/sh\n", encoding="utf-8")
    (binaries / "python").chmod(0o755)
    return binaries


def test_the_demo_makes_a_half_made_environment_anew_and_installs_once(tmp_path: Path) -> None:
    binaries = half_made(tmp_path, "demo")
    first = run("demo", tmp_path)
    assert first[0] == f"python -m venv --clear {binaries.parent}"
    assert [line.split()[0] for line in first[1:]] == ["pip", "python"]
    assert run("demo", tmp_path) == ["python -m hack.demonstration"]


def test_the_tests_make_a_half_made_environment_anew(tmp_path: Path) -> None:
    binaries = half_made(tmp_path, "tox")
    first = run("test", tmp_path)
    assert first[0] == f"python -m venv --clear {binaries.parent}"
    assert run("test", tmp_path) == ["tox run"]


def test_a_tool_that_is_there_is_found_without_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLSYNC_PY_TOOLS", str(tmp_path))
    name = tool_cache.KUBECTL.replace("==", "-")
    (tmp_path / name).mkdir()
    (tmp_path / name / "kubectl").touch()
    assert tool_cache.fetched_kubectl() == tmp_path / name / "kubectl"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_is_fetched_is_a_certain_version() -> None:
    assert all("==" in package for package in (tool_cache.KUBECTL, tool_cache.SEAWEEDFS))
