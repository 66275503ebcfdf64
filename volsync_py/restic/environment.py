"""The environment of the restic process: made from nothing, out of what is known to be wanted.

restic reads dozens of variables; a stray one must not change what a backup does. The password goes to a
file that only the mover can read, unless it has white space at its ends, which restic trims from files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from volsync_py.restic.report import ErrorClass

_ALLOWED = re.compile(
    r"RESTIC_(REPOSITORY|COMPRESSION|PACK_SIZE|READ_CONCURRENCY|REST_(USERNAME|PASSWORD)|AWS_ASSUME_ROLE_\w+)"
    r"|(AWS|AZURE|B2|GOOGLE|OS|ST|RCLONE)_\w+|(HTTPS?|NO)_PROXY|(https?|no)_proxy|SSL_CERT_(FILE|DIR)|TZ|PATH"
)
_SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|SAS|CREDENTIAL", re.IGNORECASE)
_NUMBERS = ("RESTIC_PACK_SIZE", "RESTIC_READ_CONCURRENCY")
MANDATORY = ("PRIVILEGED_MOVER", "RESTIC_CACHE_DIR", "RESTIC_PASSWORD", "RESTIC_REPOSITORY", "DATA_DIR")
# Where the kernel says how much memory the container may use, new and old.
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# Above this the limit is "none" in the old interface.
_NO_LIMIT = 1 << 50
# Go collects garbage early enough to stay below the limit that kills.
_MEMORY_SHARE = 0.8


class MoverError(Exception):
    """Something that ends the run; `code` is the mover's exit code."""

    def __init__(self, error_class: ErrorClass, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.error_class, self.message, self.code = error_class, message, code


def check_mandatory(environ: Mapping[str, str]) -> None:
    """Refuse an environment without what every run needs."""
    for name in MANDATORY:
        if not environ.get(name):
            raise MoverError(ErrorClass.CONFIGURATION, f"{name} must be defined")
    for name in _NUMBERS:
        value = environ.get(name, "")
        if value and not (value.isascii() and value.isdigit()):
            raise MoverError(ErrorClass.CONFIGURATION, f"{name} in the repository Secret is no number")


def restic_environment(environ: Mapping[str, str], private: Path) -> dict[str, str]:
    """Return the environment for restic; `private` is a folder on tmpfs for the password."""
    env = {name: value for name, value in environ.items() if _ALLOWED.fullmatch(name)}
    env.setdefault("PATH", os.defpath)
    password = environ["RESTIC_PASSWORD"]
    if password == password.strip():
        file = private / "password"
        file.touch(mode=0o600)
        file.write_text(password, encoding="utf-8")
        env["RESTIC_PASSWORD_FILE"] = str(file)
    else:
        env["RESTIC_PASSWORD"] = password
    env.update(
        HOME=str(private),
        TMPDIR=str(private),
        RESTIC_CACHE_DIR=environ["RESTIC_CACHE_DIR"],
        # A status line every five seconds: enough for people, little for the log.
        RESTIC_PROGRESS_FPS="0.2",
    )
    limit = memory_limit()
    if limit is not None:
        env["GOMEMLIMIT"] = str(int(limit * _MEMORY_SHARE))
    return env


def memory_limit() -> int | None:
    """Return the container's memory limit in bytes, or None."""
    for name in _MEMORY_LIMITS:
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _NO_LIMIT:
            return int(text)
    return None


class Redactor:
    """Takes secrets out of text that people will read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {v.strip() for k, v in environ.items() if _SECRET.search(k) and k != "VOLSYNC_PY_RUN"}
        user_info = re.search(r"//([^/@\s]+)@", environ.get("RESTIC_REPOSITORY", ""))
        if user_info:
            values.add(user_info[1])
            values.update(user_info[1].split(":")[1:])
        # Shorter ones would blank out ordinary words, and are paths' parts more often than secrets.
        self._values = sorted((v for v in values if len(v) >= 4), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text with every secret replaced."""
        for value in self._values:
            text = text.replace(value, "***")
        return text
