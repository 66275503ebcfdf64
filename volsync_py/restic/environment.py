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
# What Kubernetes tells of a neighbouring Service whose name begins like a provider's.
_SERVICE = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")
_SECRET = re.compile(r"PASS|SECRET|KEY|TOKEN|SAS\b|CREDENTIAL", re.IGNORECASE)
# Names that say where a secret is.
_PLACE = re.compile(r"\w+_(FILE|DIR|PATH|APPLICATION_CREDENTIALS)", re.IGNORECASE)
# The user of a URL, as Go reads it: a password may hold an @. One with a slash is an error, which prints the URL.
_USER_INFO = re.compile(r"//([^/\s]*)@|//([^/:@\s]+:(?!\d+/)\S*)@")
_NUMBERS = ("RESTIC_PACK_SIZE", "RESTIC_READ_CONCURRENCY")
MANDATORY = ("PRIVILEGED_MOVER", "RESTIC_CACHE_DIR", "RESTIC_PASSWORD", "RESTIC_REPOSITORY", "DATA_DIR")
# Where the kernel says how much memory the container may use, new and old.
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# Above this the limit is "none" in the old interface.
_NO_LIMIT = 1 << 50
# Go collects garbage early enough to stay below the limit that kills.
_MEMORY_SHARE = 0.8


class MoverError(Exception):
    """Something that ends the run; `code` is the mover's exit code, `by_restic`: it is restic that said so."""

    def __init__(self, error_class: ErrorClass, message: str, code: int = 1, *, by_restic: bool = False) -> None:
        super().__init__(message)
        self.error_class, self.message, self.code, self.by_restic = error_class, message, code, by_restic


def check_mandatory(environ: Mapping[str, str]) -> None:
    """Refuse an environment without what every run needs."""
    for name in MANDATORY:
        if not environ.get(name):
            raise MoverError(ErrorClass.CONFIGURATION, f"{name} must be defined")
    for name in _NUMBERS:
        value = environ.get(name, "").strip()
        if value and not (value.isascii() and value.isdigit()):
            raise MoverError(ErrorClass.CONFIGURATION, f"{name} in the repository Secret is no number")


def restic_environment(environ: Mapping[str, str], private: Path) -> dict[str, str]:
    """Return the environment for restic; `private` is a folder on tmpfs for the password."""
    env = {name: value for name, value in environ.items() if _is_passed_on(name)}
    env.setdefault("PATH", os.defpath)
    # Secrets are often written with an editor, which ends its files with a newline.
    env |= {name: env[name].strip() for name in _NUMBERS if name in env}
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
        # Often enough for a line of a backup that takes some seconds; the log takes one in five.
        RESTIC_PROGRESS_FPS="0.5",
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


def _is_passed_on(name: str) -> bool:
    return _ALLOWED.fullmatch(name) is not None and not _SERVICE.fullmatch(name)


class Redactor:
    """Takes secrets out of text that people will read.

    Only what restic is given can come back from it, so nothing else of the environment is looked at.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = set()
        for name, value in environ.items():
            if name != "RESTIC_PASSWORD" and not _is_passed_on(name):
                continue
            if _SECRET.search(name) and not _PLACE.fullmatch(name):
                values.add(value.strip())
            for found in _USER_INFO.finditer(value):
                values |= _parts(found[1] or found[2] or "")
        # Shorter ones would blank out ordinary words, and are paths' parts more often than secrets.
        wanted = sorted((v for v in values if len(v) >= 4), key=len, reverse=True)
        self._values = re.compile("|".join(map(_pattern, wanted))) if wanted else None

    def __call__(self, text: str) -> str:
        """Return the text with every secret replaced."""
        return self._values.sub("***", text) if self._values else text


def _parts(user_info: str) -> set[str]:
    """Return what must not be read of a URL's user information, as it is written and as it is meant."""
    _, _, password = user_info.partition(":")
    written = {user_info, password}
    if "%" in user_info:
        from urllib.parse import unquote

        written |= {unquote(text) for text in written}
    return written


def _pattern(value: str) -> str:
    # Within a longer number it is another number.
    return rf"(?<!\d){value}(?!\d)" if value.isdigit() else re.escape(value)
