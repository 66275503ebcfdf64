"""The parts of a release, each made the same way twice."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hack.pin_requirements import LEFT_OUT
from hack.tool_cache import prepare

ROOT = Path(__file__).parents[1]
PROGRAM = "kubectl-volsync_py"
# Of the kubernetes package's models, which no command imports; it is compiled for one Python and one processor.
_MODELS_NEED = ("pydantic", "pydantic_core", "annotated_types", "typing_inspection")
_TAG = re.compile(r"v(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.?(\d+))?")
_HEADING = re.compile(r"^## (\S+).*$", re.MULTILINE)


class Failed(Exception):
    """A release cannot be made; the text says why and what to do."""


@dataclass(frozen=True)
class Version:
    """A version as Python has it, as Helm, krew and images have it, and when its commit was made."""

    of_python: str
    of_helm: str
    seconds: int

    def __str__(self) -> str:
        return self.of_python


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a program and return what it prints; what it says of an error is seen."""
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=cwd, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def version_of_the_checkout(untagged: bool) -> Version:
    """Return the version of the tag on this commit; Failed where there is none, or where files are changed."""
    seconds = int(run("git", "log", "-1", "--format=%ct", cwd=ROOT))
    if untagged:
        version = run(sys.executable, "-m", "setuptools_scm", cwd=ROOT).strip()
        numbers = re.match(r"\d+\.\d+\.\d+", version)
        return Version(version, f"{numbers[0] if numbers else '0.0.0'}-untagged", seconds)
    if run("git", "status", "--porcelain", cwd=ROOT).strip():
        raise Failed("files are changed that no commit has; commit them, or make it in a clean clone")
    tags = run("git", "tag", "--points-at", "HEAD", "v*", cwd=ROOT).split()
    found = [match for tag in tags if (match := _TAG.fullmatch(tag))]
    if len(found) != 1:
        raise Failed(
            f"this commit has {len(found)} tags like v1.2.3 or v1.2.3-rc.1, not one; git tag -s v…, or --untagged"
        )
    release, stage, number = found[0].groups()
    if stage is None:
        return Version(release, release, seconds)
    short = {"alpha": "a", "beta": "b", "rc": "rc"}[stage]
    return Version(f"{release}{short}{number}", f"{release}-{stage}.{number}", seconds)


def notes(version: Version, untagged: bool) -> str:
    """Return what CHANGELOG.md says of a version."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = "Unreleased" if untagged else version.of_helm
    parts = _HEADING.split(text)
    for name, said in zip(parts[1::2], parts[2::2], strict=True):
        if name == heading:
            return f"# volsync-py {version.of_helm}\n\n{said.strip()}\n"
    raise Failed(f"CHANGELOG.md has no part `## {heading}`; its `## Unreleased` becomes that, in the commit of the tag")


def packages(out: Path) -> Path:
    """Build wheel and archive of sources, the same bytes each time; return the wheel."""
    seconds = run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    run(sys.executable, "-m", "build", f"--outdir={out}", ROOT, cwd=ROOT, SOURCE_DATE_EPOCH=seconds)
    (archive,) = out.glob("*.tar.gz")
    with tarfile.open(archive) as given:
        files = [(entry.name, given.extractfile(entry), entry.mode) for entry in given if entry.isfile()]
        contents = {name: (file.read() if file else b"", mode & 0o111) for name, file, mode in files}
    packed(archive, contents, int(seconds))
    (wheel,) = out.glob("*.whl")
    return wheel


def packed(archive: Path, contents: dict[str, tuple[bytes, int]], seconds: int) -> None:
    """Write an archive that depends on nothing but the names, what is in them, and the time given."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=seconds) as compressed,
        tarfile.open(None, "w", compressed, format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, (content, executable) in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), seconds, 0o755 if executable else 0o644
            tar.addfile(entry, io.BytesIO(content))


def program(wheel: Path, version: Version, out: Path, work: Path) -> tuple[Path, Path]:
    """Make the command line one file for every Python and processor; return it, and the archive that krew takes."""
    site = work / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    # Pinned where an image has it, too; what comes of the extra is its newest.
    pins = work / "pins.txt"
    pins.write_text("".join(_pins()), encoding="utf-8")
    run(*pip, f"--target={site}", f"--constraint={pins}", f"{wheel}[cli]", cwd=work)
    run(sys.executable, ROOT / "hack" / "image" / "prune.py", site, cwd=work)
    for path in _needless(site):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    command = out / PROGRAM
    shiv = Path(sys.executable).with_name("shiv")
    options = [f"--site-packages={site}", "--entry-point=volsync_py.cli:main", "--python=/usr/bin/env python3"]
    seconds = str(version.seconds)
    run(shiv, *options, "--reproducible", f"--output-file={command}", cwd=work, SOURCE_DATE_EPOCH=seconds)
    archive = out / f"{PROGRAM}-{version.of_helm}.tar.gz"
    contents = {PROGRAM: (command.read_bytes(), 1), "LICENSE": ((ROOT / "LICENSE").read_bytes(), 0)}
    packed(archive, contents, version.seconds)
    return command, archive


def _pins() -> Iterator[str]:
    for line in (ROOT / "hack" / "image" / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if "==" in line:
            yield line.removesuffix("\\").strip() + "\n"


def _needless(site: Path) -> Iterator[Path]:
    """Yield what is compiled, for which each library has a slower twin in Python, and what only models need."""
    names = [*_MODELS_NEED, *(name.replace("-", "_") for name in LEFT_OUT)]
    for name in names:
        yield from [site / name] if (site / name).is_dir() else []
        yield from site.glob(f"{name}-*.dist-info")
    yield from [path for path in site.rglob("*.so") if path.relative_to(site).parts[0] not in names]
    yield from [path for path in (site / "bin",) if path.is_dir()]
    # They say from where it was installed, which is another folder each time.
    yield from site.glob("*.dist-info/direct_url.json")
    yield from [path for path in site.glob("*.dist-info/RECORD") if path.parent.name.partition("-")[0] not in names]


def krew_manifest(archive: Path, version: Version, url: str, target: Path) -> None:
    """Write what krew's index has of the command line."""
    systems = {"matchExpressions": [{"key": "os", "operator": "In", "values": ["linux", "darwin"]}]}
    platform: dict[str, Any] = {
        "selector": systems,
        "uri": f"{url.rstrip('/')}/{archive.name}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "bin": PROGRAM,
        "files": [{"from": name, "to": "."} for name in (PROGRAM, "LICENSE")],
    }
    plugin = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "volsync-py"},
        "spec": {
            "version": f"v{version.of_helm}",
            "shortDescription": "Look after restic backups of volumes",
            "description": "Says whether all volumes are backed up and what to do where one is not, backs up,\n"
            "restores, and looks into repositories, with your own rights. Works on VolSync's restic resources.\n",
            "caveats": "Needs Python 3.11 or newer as python3.\n",
            "homepage": url,
            "platforms": [platform],
        },
    }
    target.write_text(yaml.safe_dump(plugin, sort_keys=False, width=120), encoding="utf-8")


def bill_of_materials(source: str, version: Version, target: Path, known: Mapping[str, str] | None = None) -> None:
    """Write as CycloneDX of what a folder or an image is made, without what differs from one time to the next.

    `known` are versions that programs do not say of themselves, by the names of their modules.
    """
    syft = prepare(["syft"])["syft"]
    told = run(syft, "scan", source, "--quiet", "--output=cyclonedx-json", cwd=ROOT, SYFT_CHECK_FOR_APP_UPDATE="false")
    bill: dict[str, Any] = json.loads(told)
    bill.pop("serialNumber", None)
    bill["metadata"].pop("timestamp", None)
    # A folder is called by its path, which is another each time.
    bill["metadata"]["component"] = {
        "type": "application",
        "name": target.name.partition(".")[0],
        "version": str(version),
    }
    for component in bill["components"]:
        if component["name"] in (known or {}):
            _say_version(component, (known or {})[component["name"]])
    text = json.dumps(bill, indent=1, sort_keys=True)
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, text).urn
    target.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _say_version(component: dict[str, Any], version: str) -> None:
    component["version"] = version
    component["purl"] = f"{component['purl'].partition('@')[0]}@{version}"
    if "cpe" in component:
        # cpe:2.3:a:vendor:product:version:…
        parts = component["cpe"].split(":")
        component["cpe"] = ":".join([*parts[:5], version.removeprefix("v"), *parts[6:]])


def restic_in(archive: Path) -> str:
    """Return the version of the restic in an image's archive, as the Containerfile has it written down."""
    with tarfile.open(archive) as saved:
        (manifest,) = json.loads(_content(saved, "manifest.json"))
        for layer in reversed(manifest["Layers"]):
            with tarfile.open(fileobj=io.BytesIO(_content(saved, layer))) as files:
                if "app/restic-version" in files.getnames():
                    # restic 0.19.1 compiled with …
                    return "v" + _content(files, "app/restic-version").decode().split()[1]
    raise Failed(f"{archive.name} does not say which restic it has; the Containerfile writes it down")


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()
