"""What an image is made of is known by hash, and what it leaves out is asked for by nobody."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import files
from pathlib import Path

from hack.pin_requirements import IMAGE, LEFT_OUT, python_of_the_image
from hack.processes import ROOT

PINNED = re.compile(r"^([a-z0-9-]+)==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")


def pinned(name: str) -> set[str]:
    text = (IMAGE / name).read_text(encoding="utf-8")
    found = PINNED.findall(text)
    lines = [line for line in text.splitlines() if not line.startswith((" ", "#"))]
    assert len(lines) == len(found), "something stands there without a hash"
    return {package for package, _ in found}


def required() -> set[str]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    return {re.split(r"[<>=\[ ]", line)[0].lower() for line in lines if line and not line.startswith("#")}


def test_an_image_has_what_the_program_requires_and_nothing_of_the_extras() -> None:
    packages = pinned("requirements.txt")

    assert required() <= packages
    assert packages.isdisjoint({"click", "textual", "pytest", "setuptools", *LEFT_OUT})
    assert {"setuptools", "setuptools-scm"} <= pinned("build.txt")


def test_everything_that_is_installed_has_a_hash_and_nothing_is_compiled() -> None:
    installs = [step for step in re.split(r"&&|\n(?=RUN)", CONTAINERFILE) if re.search(r"pip .*install ", step)]

    assert len(installs) == 3
    for step in installs:
        assert "--no-deps" in step
        ours = step.rstrip().removesuffix("\\").rstrip().endswith("/src")
        wanted = {"--no-build-isolation"} if ours else {"--require-hashes", "--only-binary=:all:"}
        assert wanted <= set(step.split())


def test_no_address_of_a_mirror_stands_in_what_is_pinned() -> None:
    for name in ("requirements.txt", "build.txt"):
        assert "://" not in (IMAGE / name).read_text(encoding="utf-8")
    assert re.fullmatch(r"3\.\d+", python_of_the_image())


def test_connections_and_commands_do_without_what_is_taken_out(tmp_path: Path) -> None:
    kubernetes = Path(str((files("kubernetes") or [])[0].locate())).parents[1] / "kubernetes"
    shutil.copytree(kubernetes, tmp_path / "kubernetes", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, IMAGE / "prune.py", tmp_path], check=True, timeout=60)

    left = sum(path.stat().st_size for path in tmp_path.rglob("*.py"))
    # What stays is the connection's code; each of the three that go has more.
    assert left < 2_000_000
    for word in ("api", "models"):
        assert [path.name for path in (tmp_path / "kubernetes" / "client" / word).iterdir()] == ["__init__.py"]
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import kubernetes;"
        f"assert kubernetes.__file__.startswith({str(tmp_path)!r});"
        f"sys.argv = ['check.py']; import runpy; runpy.run_path({str(IMAGE / 'check.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "modules can be imported" in done.stdout
