"""Locks and snapshots of any age, host and process, and keys that open at once, written into a repository.

restic's design document describes the format: scrypt makes a key of the password, which opens the master key; files
are AES-256-CTR with a Poly1305-AES code behind, and are named by the SHA-256 of what is written.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

_CODE_BYTES = _NONCE_BYTES = 16


@frozen
class Key:
    """What restic encrypts and signs with."""

    encrypt: bytes
    k: bytes
    r: bytes

    def seal(self, plain: bytes) -> bytes:
        """Return nonce, cipher text and code."""
        nonce = os.urandom(_NONCE_BYTES)
        hidden = self._cipher(nonce, plain)
        return nonce + hidden + self._code(nonce, hidden)

    def open(self, sealed: bytes) -> bytes:
        """Return the plain text."""
        nonce, hidden, code = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:-_CODE_BYTES], sealed[-_CODE_BYTES:]
        assert self._code(nonce, hidden) == code
        return self._cipher(nonce, hidden)

    def _cipher(self, nonce: bytes, text: bytes) -> bytes:
        return Cipher(AES(self.encrypt), CTR(nonce)).encryptor().update(text)

    def _code(self, nonce: bytes, hidden: bytes) -> bytes:
        pad = Cipher(AES(self.k), ECB()).encryptor().update(nonce)
        return Poly1305.generate_tag(self.r + pad, hidden)


def master_key(repository: Path, password: str) -> Key:
    """Open the repository's key."""
    _, _, opened = _opened(repository, password)
    master = json.loads(opened)
    parts = (master["encrypt"], master["mac"]["k"], master["mac"]["r"])
    return Key(*(base64.b64decode(part) for part in parts))


def quicken(repository: Path, password: str) -> None:
    """Put the master key behind a password that is quick to try: restic spends half a second on each try otherwise."""
    file, data, opened = _opened(repository, password)
    data |= {"N": 16, "r": 1, "p": 1}
    data["data"] = base64.b64encode(_user_key(data, password).seal(opened)).decode()
    content = json.dumps(data).encode()
    file.unlink()
    (repository / "keys" / hashlib.sha256(content).hexdigest()).write_bytes(content)


def _opened(repository: Path, password: str) -> tuple[Path, dict[str, Any], bytes]:
    """Return the only key file, what is in it, and the master key that the password opens."""
    (file,) = (repository / "keys").iterdir()
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return file, data, _user_key(data, password).open(base64.b64decode(data["data"]))


def _user_key(data: dict[str, Any], password: str) -> Key:
    """Derive what a key file is opened with."""
    options = {"n": data["N"], "r": data["r"], "p": data["p"], "maxmem": 1 << 28, "dklen": 64}
    derived = hashlib.scrypt(password.encode(), salt=base64.b64decode(data["salt"]), **options)
    return Key(derived[:32], derived[32:48], derived[48:])


def lock(repository: Path, password: str, *, host: str, pid: int, age: timedelta, exclusive: bool = True) -> Path:
    """Write a lock, and return its file."""
    made = (datetime.now(UTC) - age).isoformat().replace("+00:00", "Z")
    document = {"time": made, "exclusive": exclusive, "hostname": host, "username": "root", "pid": pid}
    sealed = master_key(repository, password).seal(json.dumps(document).encode())
    path = repository / "locks" / hashlib.sha256(sealed).hexdigest()
    path.write_bytes(sealed)
    return path


def snapshots(repository: Path, password: str, documents: Iterable[dict[str, Any]]) -> None:
    """Write snapshots of a tree that does not exist, which no list and no retention looks for."""
    key = master_key(repository, password)
    for document in documents:
        sealed = key.seal(json.dumps({"tree": "0" * 64, **document}).encode())
        (repository / "snapshots" / hashlib.sha256(sealed).hexdigest()).write_bytes(sealed)
