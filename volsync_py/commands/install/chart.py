"""`volsync-py chart`."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from volsync_py import __version__
from volsync_py.commands.common.shipped import MANIFESTS

CHART = MANIFESTS / "helm" / "volsync"
_ARCHIVES = (".tgz", ".tar.gz")
# PEP 440's order of parts; Helm wants three numbers, and the rest as SemVer has it.
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:(a|b|rc)(\d+))?(?:\.?(dev|post)(\d+))?(?:\+([\w.]+))?")
_STAGES = {"a": "alpha", "b": "beta"}


@click.command
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A folder to put the chart's folder into, or the .tgz to write; volsync-VERSION.tgz here if nothing is said.",
)
def chart(output: Path | None) -> None:
    """Write the Helm chart of this version, and print its path.

    \b
    helm upgrade --install volsync "$(volsync-py chart)" --namespace volsync-system
    """
    path = output or Path(f"volsync-{helm_version(__version__)}.tgz")
    try:
        if path.name.endswith(_ARCHIVES):
            path.write_bytes(archive())
        else:
            path /= "volsync"
            unpack(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}; choose another --output") from None
    click.echo(path)


def archive() -> bytes:
    """Return the chart as Helm packs it; the same bytes each time."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed, tarfile.open(None, "w", compressed) as tar:
        for name, file in _files(CHART):
            data = _content(name, file)
            entry = tarfile.TarInfo(f"volsync/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def unpack(folder: Path) -> None:
    """Write the chart's files into a folder that is not there yet: what another version has left would be installed."""
    folder.mkdir(parents=True)
    for name, file in _files(CHART):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_content(name, file))


def _files(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{below}{entry.name}"
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        else:
            yield name, entry


def helm_version(version: str) -> str:
    """Return a version of Python's as Helm wants it: 1.2.0rc1 is 1.2.0-rc.1."""
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"no version of ours: {version}")
    major, minor, patch, stage, number, step, count, local = found.groups()
    before = [f"{_STAGES.get(stage, stage)}.{number}"] if stage else []
    before += [f"{step}.{count}"] if step else []
    release = f"{major}.{minor or 0}.{patch or 0}"
    return release + ("-" + ".".join(before) if before else "") + (f"+{local}" if local else "")


def _content(name: str, file: Traversable) -> bytes:
    """Return what is in a file; what the chart says of itself is of this version."""
    if name != "Chart.yaml":
        return file.read_bytes()
    version = helm_version(__version__)
    # Images are named by it, and the name of one has no `+`.
    texts = {"version": version, "appVersion": version.replace("+", "-")}
    lines = file.read_text(encoding="utf-8").splitlines()
    made = [f"{key}: {texts[key]}" if (key := line.partition(":")[0]) in texts else line for line in lines]
    return "\n".join([*made, ""]).encode()
