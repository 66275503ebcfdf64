"""The cache of a pod whose questions may be answered several at once.

restic writes the `version` of a new cache in two steps, and another restic that reads it between them fails. So who
finds no cache makes one aside, and what is whole is put in its place in one step: nobody waits for anybody.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from volsync_py.pod.disk import REPOSITORY_ID, cache_trouble


@contextmanager
def cache_of_one(folder: str) -> Iterator[str]:
    """Give the cache to one who answers: the one that is there, else one of its own; "" where none can be used."""
    if cache_trouble(folder):
        yield ""
        return
    if _caches(Path(folder)):
        yield folder
        return
    aside = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
    try:
        yield str(aside)
    finally:
        for made in _caches(aside):
            # Another's may be there by now, and is as good.
            with suppress(OSError):
                made.rename(Path(folder, made.name))
        shutil.rmtree(aside, ignore_errors=True)


def _caches(folder: Path) -> list[Path]:
    """Return the caches of repositories that restic has made to the end."""
    inside = (Path(folder, name) for name in os.listdir(folder) if REPOSITORY_ID.fullmatch(name))
    return [one for one in inside if _is_whole(one)]


def _is_whole(cache: Path) -> bool:
    """Return whether its version is there, which a restic that was ended early may not have written."""
    try:
        return (cache / "version").stat().st_size > 0
    except OSError:
        return False
