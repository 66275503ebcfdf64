"""A repository that is there before a test: empty, with a key that opens at once, on any kind of storage."""

from __future__ import annotations

from pathlib import Path
from urllib.request import Request, urlopen

from hack.processes import S3Server
from tests.integration.mover.forge import quicken
from tests.integration.mover.harness import PASSWORD, Mover


def made(folder: Path) -> Path:
    """Make a repository without snapshots, and return its folder."""
    mover = Mover(folder / "mover", str(folder / "repository"))
    mover.restic("init")
    quicken(folder / "repository", PASSWORD)
    return folder / "repository"


def put(repository: Path, s3: S3Server, place: str) -> None:
    """Put a copy into an S3 server; `place` is bucket and path."""
    for file in repository.rglob("*"):
        if file.is_file():
            # The server keeps its buckets in a folder, and lets whoever reaches that write without a signature.
            url = f"http://127.0.0.1:{s3.filer_port}/buckets/{place}/{file.relative_to(repository)}"
            kind = {"Content-Type": "application/octet-stream"}
            urlopen(Request(url, file.read_bytes(), kind, method="PUT"), timeout=30).close()
