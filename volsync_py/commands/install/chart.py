"""`volsync-py chart`."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

import click
import yaml

from volsync_py.commands.common.shipped import MANIFESTS

CHART = MANIFESTS / "helm" / "volsync"
_ARCHIVES = (".tgz", ".tar.gz")


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
    path = output or Path(f"volsync-{_version()}.tgz")
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
            data = file.read_bytes()
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
        target.write_bytes(file.read_bytes())


def _files(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{below}{entry.name}"
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        else:
            yield name, entry


def _version() -> str:
    (about,) = yaml.safe_load_all((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    return str(about["version"])
