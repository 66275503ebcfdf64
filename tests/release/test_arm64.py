"""What the Containerfile takes is there for arm64, too."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hack.pin_requirements import IMAGE, python_of_the_image
from hack.processes import ROOT

pytestmark = pytest.mark.timeout(600)
# What Debian's release below the image's Python runs.
PLATFORMS = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 28, 34)] + ["--platform=manylinux2014_aarch64"]


def test_each_library_has_a_wheel_with_a_known_hash(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]
    command += [*PLATFORMS, f"--python-version={python_of_the_image()}", "--implementation=cp"]
    command += [f"--dest={tmp_path}", f"--requirement={IMAGE / 'requirements.txt'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr

    wheels = [path.name for path in tmp_path.glob("*.whl")]
    assert len(wheels) == (IMAGE / "requirements.txt").read_text("utf-8").count("==")
    assert [name for name in wheels if name.endswith("aarch64.whl")], "none is compiled: this looked for nothing"
    assert not [name for name in wheels if not name.endswith(("aarch64.whl", "-any.whl"))]


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs Debian's lists")
def test_debian_has_what_restic_starts(tmp_path: Path) -> None:
    (remotes,) = re.findall(r'^ARG REMOTES="(.*)"$', (ROOT / "Containerfile").read_text("utf-8"), re.MULTILINE)
    state, cache = tmp_path / "state", tmp_path / "cache"
    for folder in (state / "lists" / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    own = [f"Dir::State={state}", f"Dir::Cache={cache}", "Dir::State::status=/dev/null", "APT::Sandbox::User=root"]
    own += ["APT::Architecture=arm64", "APT::Architectures::=arm64"]
    options = [word for option in own for word in ("-o", option)]
    subprocess.run(["apt-get", "--quiet", *options, "update"], check=True, timeout=300, capture_output=True)
    for name in remotes.split():
        shown = subprocess.run(["apt-cache", *options, "show", name], check=True, capture_output=True, text=True)
        assert "Architecture: arm64" in shown.stdout
