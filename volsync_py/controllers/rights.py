"""Rights that not every installation has: whoever lacks them is told what grants them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from volsync_py.kube.errors import Forbidden


class NotGranted(Exception):
    """The API server forbids what only some manifests, `rights`, grant; the text is its own."""

    def __init__(self, rights: str, message: str) -> None:
        super().__init__(message)
        self.rights, self.message = rights, message


@contextmanager
def granted_by(rights: str) -> Iterator[None]:
    """Name the manifests in what a refusal raises; "" are those that all installations have."""
    try:
        yield
    except Forbidden as error:
        if not rights:
            raise
        raise NotGranted(rights, error.message) from error
