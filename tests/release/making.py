"""What the tests of a release share: where it is made, of what, and how programs are run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hack.processes import ROOT

VERSION = "9.8.7"
PROGRAM = "kubectl-volsync_py"
GIT = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
# The image takes buildah and a registry, or a program that builds without one.
BUILDER = os.environ.get("VOLSYNC_PY_IMAGE_BUILDER", "")
REACHES_A_REGISTRY = BUILDER in {"", "buildah"}
# Of the key, and of another one.
PASSWORD = {"COSIGN_PASSWORD": "one"}


def run(*command: str | Path, folder: Path, code: int = 0, env: dict[str, str] | None = None) -> str:
    """Run a program, and return what it printed and said."""
    words = [str(word) for word in command]
    given = {**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **(env or {})}
    done = subprocess.run(words, cwd=folder, env=given, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def release(clone: Path, out: Path, repository: str, *words: str | Path) -> None:
    """Make a release of a clone, with the image where it can be built."""
    given = [f"--repository={repository}", "--download-url=https://example.org/files", f"--output={out}", *words]
    given += [] if BUILDER == "buildah" else [f"--image-builder={BUILDER}"] if BUILDER else ["--no-image"]
    run(clone / "hack" / "release", *given, folder=clone, env=PASSWORD)


def clone_of(what: Path, folder: Path) -> Path:
    """Clone a repository, as somebody who begins."""
    run("git", "clone", "-q", what, folder, folder=ROOT)
    return folder
