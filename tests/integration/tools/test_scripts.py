"""The scripts recover from what was interrupted, need the network once, and run what they are asked to."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

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


def section(name: str) -> dict[str, str]:
    """Return what tox.ini says of an environment; what it takes from another one is put in its place."""
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    found = {**parser["testenv"], **parser[f"testenv:{name}"]}
    if found["commands_pre"].startswith("{[testenv:"):
        other = found["commands_pre"].removeprefix("{[testenv:").partition("]")[0]
        found["commands_pre"] = parser[f"testenv:{other}"]["commands_pre"]
    return found


@pytest.mark.parametrize("tier", ["unit", "integration", "e2e", "faults"])
def test_every_tier_prepares_the_tools_before_its_first_test(tier: str) -> None:
    first = section(tier)["commands_pre"].split("\n")
    assert "python hack/tools" in first or "{[testenv]commands_pre}" in first
    assert section("unit")["commands_pre"] == "python hack/tools"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tests/faults/test_matrix.py"], {"tests/faults/test_matrix.py"}),
        (["tests/faults/test_matrix.py::test_nothing_like_it", "tests/faults/test_mover_kills.py"], set()),
        (["-k", "kill"], {f"tests/faults/test_{name}_kills.py" for name in ("manager", "mover", "populator")}),
        (["tests/cluster/test_jobs.py"], {"tests/cluster/test_jobs.py"}),
    ],
)
def test_a_path_is_run_alone_and_options_narrow_the_tier_down(arguments: list[str], expected: set[str]) -> None:
    command = shlex.split(section("faults")["commands"].replace("{posargs}", ""))
    listing = [sys.executable, "-m", *command, "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    said = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False).stdout
    assert {line.partition("::")[0] for line in said.splitlines() if line.count("::") == 1} == expected
