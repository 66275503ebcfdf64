"""The file that `volsync-py debug-bundle` makes: redacted documents and logs, bounded, and a list of them. Pure."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from typing import Any

from attrs import define, field

from volsync_py.commands.bundle.texts import text_of
from volsync_py.health.words import plain, size

# What a report may carry; issue trackers take 25 MB. Packed it is a tenth.
_MOST_BYTES = 16 * 1024 * 1024
# A log's end says what happened; one object, at most 1.5 MB in a cluster, may be as large.
_MOST_BYTES_OF_ONE = 256 * 1024
_CUT = "… (the beginning is left out)\n"
_FOLDER = "volsync-py-debug"
_ABOUT = """What is in here, and what is not.

Secrets are never read: the names of those that are used stand in the objects. Of environment variables and of
annotations that are not the operator's, only the names are here; of arguments, and of the command of a verification,
only the names of flags, and values of the manager's plain ones. Fields that are not known to be harmless are left out,
and texts and logs have lost what reads like a secret: user information in URLs, what follows the name of a password,
key or token, or a flag such as -p, keys. Names of files, folders, hosts, namespaces and images are here. Look through
it before you hand it on.
"""


@define
class Bundle:
    """What has been put in so far."""

    files: dict[str, bytes] = field(factory=dict)
    # Sentences on what could not be read, or had no place.
    missing: list[str] = field(factory=list)
    left: int = _MOST_BYTES

    def add_document(self, name: str, value: Any) -> None:
        """Put a document in, which is redacted already."""
        self._add(name, json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False) + "\n")

    def add_text(self, name: str, said: str) -> None:
        """Put a log in; it is redacted here, before it is cut, because half a secret is recognised by nothing."""
        said = text_of(said)
        if len(said) > _MOST_BYTES_OF_ONE:
            said = _CUT + said[-_MOST_BYTES_OF_ONE:].partition("\n")[2]
        self._add(name, said)

    def packed(self) -> bytes:
        """Return the file's bytes."""
        made = io.BytesIO()
        with gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as compressed, tarfile.open(None, "w", compressed) as tar:
            for name, data in [("README.txt", self._about().encode()), *self.files.items()]:
                entry = tarfile.TarInfo(f"{_FOLDER}/{name}")
                entry.size, entry.mode = len(data), 0o600
                tar.addfile(entry, io.BytesIO(data))
        return made.getvalue()

    def listed(self) -> Sequence[str]:
        """Return a line for each file, and for each that is missing."""
        longest = max(map(len, self.files), default=0)
        lines = [f"  {name:{longest}}  {size(len(data)):>10}" for name, data in self.files.items()]
        return [*lines, *(f"not in it: {text}" for text in self.missing)]

    def _about(self) -> str:
        return "\n".join([_ABOUT, *self.listed(), ""])

    def _add(self, name: str, said: str) -> None:
        data = said.encode(errors="replace")
        # Names of objects are labels of DNS, but a cluster that says otherwise writes to no other place.
        called = plain(name).replace("..", "_").lstrip("/")
        if len(data) > self.left or len(data) > 4 * _MOST_BYTES_OF_ONE:
            self.missing.append(f"{called}: {size(len(data))} are too many")
            return
        self.left -= len(data)
        self.files[called] = data
