"""What the Containerfile takes is there for arm64, too: base images, libraries, Debian's packages, and restic."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from hack.pin_requirements import IMAGE, python_of_the_image
from hack.processes import ROOT
from hack.tool_cache import TOOLS, prepare
from tests.release.making import REACHES_A_REGISTRY, run

pytestmark = pytest.mark.timeout(900)
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8")
BASES = re.findall(r"^ARG \w+_IMAGE=(\S+)$", CONTAINERFILE, re.MULTILINE)
# What Debian's release below the image's Python runs.
PLATFORMS = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 28, 34)] + ["--platform=manylinux2014_aarch64"]
# That release, and what the last stage of the Containerfile calls of it.
DEBIAN, CALLED = "trixie", ("openssl", "ca-certificates")
# In the header of a program: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html, e_machine.
AARCH64 = 183


def test_nothing_is_taken_that_nobody_looks_at() -> None:
    """Another base, another copy from one, or another program that installs, wants a test here."""
    stages = re.findall(r"^FROM (\S+?)(?: AS (\w+))?$", CONTAINERFILE, re.MULTILINE)
    assert [base for base, _ in stages] == ["${RESTIC_IMAGE}", "${PYTHON_IMAGE}", "${PYTHON_IMAGE}", "scratch"]
    assert len(BASES) == 2
    assert re.findall(r"^COPY --from=(\w+) (\S+)", CONTAINERFILE, re.MULTILINE) == [
        ("restic", "/usr/bin/restic"),
        ("build", "/app"),
        ("root", "/"),
    ]
    assert not re.search(r"\b(curl|wget|git clone)\b|^ADD ", CONTAINERFILE, re.MULTILINE)
    assert re.findall(r"apt-get install (.*?);", CONTAINERFILE) == ["--yes --no-install-recommends ${REMOTES}"]
    assert re.findall(r"--requirement (\S+)", CONTAINERFILE) == ["/image/requirements.txt", "/image/build.txt"]


@pytest.mark.skipif(not REACHES_A_REGISTRY, reason="VOLSYNC_PY_IMAGE_BUILDER: no registry is reached")
@pytest.mark.parametrize("image", BASES)
def test_each_base_image_has_a_manifest_for_it(image: str, tmp_path: Path) -> None:
    listed = json.loads(run(prepare(["crane"])["crane"], "manifest", image, folder=tmp_path))
    assert ("linux", "arm64") in {
        (one["platform"]["os"], one["platform"]["architecture"]) for one in listed["manifests"]
    }


@pytest.mark.parametrize("file", ["requirements.txt", "build.txt"])
def test_each_library_has_a_wheel_with_a_known_hash(tmp_path: Path, file: str) -> None:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    wanted = ("--only-binary=:all:", "--require-hashes", f"--requirement={IMAGE / file}", f"--dest={tmp_path}")
    python = (*PLATFORMS, f"--python-version={python_of_the_image()}", "--implementation=cp")
    run(*pip, *wanted, *python, folder=tmp_path)

    wheels = [path.name for path in tmp_path.glob("*.whl")]
    assert len(wheels) == (IMAGE / file).read_text("utf-8").count("==")
    assert not [name for name in wheels if not name.endswith(("aarch64.whl", "-any.whl"))]
    if file == "requirements.txt":
        assert [name for name in wheels if name.endswith("aarch64.whl")], "none is compiled: this looked for nothing"


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs Debian's lists")
def test_debian_has_what_restic_starts_and_what_is_called(tmp_path: Path) -> None:
    (remotes,) = re.findall(r'^ARG REMOTES="(.*)"$', CONTAINERFILE, re.MULTILINE)
    targets = run("apt-get", "indextargets", "--format=$(ORIGIN) $(REPO_URI)", "Created-By: Packages", folder=tmp_path)
    mirror = next((line.split()[1] for line in targets.splitlines() if line.startswith("Debian ")), None)
    if mirror is None:
        pytest.skip("this machine's apt has no lists of Debian's (apt-get update)")
    sources = tmp_path / "sources.list"
    sources.write_text(f"deb {mirror} {DEBIAN} main\n", encoding="utf-8")
    state, cache = tmp_path / "state", tmp_path / "cache"
    for folder in (state / "lists" / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    own = [f"Dir::State={state}", f"Dir::Cache={cache}", "Dir::State::status=/dev/null", "APT::Sandbox::User=root"]
    own += [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-"]
    own += ["APT::Architecture=arm64", "APT::Architectures::=arm64"]
    options = [word for option in own for word in ("-o", option)]
    run("apt-get", "--quiet", *options, "update", folder=tmp_path)
    for name in [*remotes.split(), *CALLED]:
        shown = run("apt-cache", *options, "show", name, folder=tmp_path)
        assert re.search(r"^Architecture: (arm64|all)$", shown, re.MULTILINE), name
    # With all that they depend on.
    install = ("install", "--simulate", "--no-install-recommends", *remotes.split())
    run("apt-get", "--quiet", *options, *install, folder=tmp_path)


def test_the_restic_of_the_image_is_made_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a builder without a registry compiles; the image of restic's own is looked at with the bases."""
    (version,) = re.findall(r"restic:(\d\S+)$", "\n".join(BASES), re.MULTILINE)
    tool = TOOLS["restic"]
    assert tool.folder == f"restic-v{version}"
    monkeypatch.setenv("GOARCH", "arm64")
    tool.make(tmp_path, tmp_path / "restic", "restic for arm64")
    assert int.from_bytes((tmp_path / "restic").read_bytes()[18:20], "little") == AARCH64
