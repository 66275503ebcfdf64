"""What is installed from a wheel, far from any checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.processes import ROOT

# What an image is built from (Containerfile), so what a wheel has to be content with.
SOURCES = ("setup.cfg", "pyproject.toml", "LICENSE", "volsync_py", "manifests")


def run(*command: str | Path, folder: Path) -> str:
    """Run a program in a folder, without this checkout on its path."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def volsync_py(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in an environment in which a wheel of this checkout is installed, and nothing but the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source, programs = folder / "source", folder / "venv" / "bin"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", f"--wheel-dir={folder}", source, folder=folder)
    shutil.rmtree(source)
    venv.create(folder / "venv", symlinks=True)
    (wheel,) = folder.glob("*.whl")
    pip = (sys.executable, "-m", "pip", f"--python={programs / 'python'}")
    run(*pip, "install", "-q", "--no-deps", "--no-compile", wheel, folder=folder)
    # What it depends on is lent by the environment of the tests; it comes after what is installed.
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    imported = run(programs / "python", "-c", "import volsync_py; print(volsync_py.__file__)", folder=folder)
    assert imported.startswith(str(packages))
    return programs / "volsync-py"


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.load_all(text, yaml.CSafeLoader))


def test_a_wheel_holds_the_manifests_that_it_prints(volsync_py: Path, tmp_path: Path) -> None:
    definitions = documents(run(volsync_py, "crds", folder=tmp_path))
    assert {one["kind"] for one in definitions} == {"CustomResourceDefinition"}

    names = [folder.name for folder in (ROOT / "manifests" / "overlays").iterdir()]
    overlays = [f"--overlay={name}" for name in names]
    for chosen in ([], overlays):
        objects = documents(run(volsync_py, "manifests", "--image=one", *chosen, folder=tmp_path))
        assert len(objects) > len(definitions)

    run(volsync_py, "chart", "-o", tmp_path, folder=tmp_path)
    chart = ROOT / "manifests" / "helm" / "volsync"
    written = {file.relative_to(tmp_path / "volsync") for file in (tmp_path / "volsync").rglob("*")}
    assert written == {file.relative_to(chart) for file in chart.rglob("*")}
