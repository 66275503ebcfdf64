"""The environment of the restic process: made from nothing, out of what is known to be wanted.

restic reads dozens of variables; a stray one must not change what a backup does. The password goes to a
file that only the mover can read, unless restic would change it there: it trims files, and drops marks of encodings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from volsync_py.contract.log_lines import SAID
from volsync_py.contract.report import ErrorClass
from volsync_py.core.keys import NUMBERS_AND_WORDS, value_fault
from volsync_py.core.locations import INSIDE, LOCAL, Fault, is_below, locate, url_secrets
from volsync_py.pod.masking import pattern_of
from volsync_py.pod.mounts import is_kept

# The name of an rclone remote is part of a variable's name, and may hold what Kubernetes allows there.
_ALLOWED = re.compile(
    r"RESTIC_(REPOSITORY|COMPRESSION|PACK_SIZE|READ_CONCURRENCY|REST_(USERNAME|PASSWORD)|AWS_ASSUME_ROLE_\w+)"
    r"|(AWS|AZURE|B2|GOOGLE|OS|ST)_\w+|RCLONE_[-.\w]+|(HTTPS?|NO)_PROXY|(https?|no)_proxy|SSL_CERT_(FILE|DIR)|TZ|PATH"
)
# What Kubernetes tells of a neighbouring Service whose name begins like a provider's. The values tell it from the
# options of an rclone remote, which may be called the same.
_ADDRESS = r"[0-9A-Fa-f.:\[\]]+"
_SERVICE = re.compile(
    rf"\w+_(SERVICE_HOST={_ADDRESS}|SERVICE_PORT(_\w+)?=\d+|PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://{_ADDRESS}"
    rf"|PORT_\d+_(TCP|UDP|SCTP)_(PROTO=(tcp|udp|sctp)|PORT=\d+|ADDR={_ADDRESS}))"
)
_SECRET = re.compile(
    r"PASS|SECRET|KEY|TOKEN|SAS(?![A-Z])|CREDENTIAL|CONNECTION_STRING|GRANT|HEADER|COOKIE|BEARER|MNEMONIC|2FA|OTP",
    re.IGNORECASE,
)
# Names that say where a secret is, or what kind of thing is meant.
_PLACE = re.compile(
    r"\w+_(FILE|DIR|PATH|APPLICATION_CREDENTIALS)|RCLONE_[-.\w]+_(TYPE|PROVIDER|REGION|ENDPOINT|HOST|PORT|ENV_AUTH)",
    re.IGNORECASE,
)
# The parts of connection strings and of signed URLs; shorter ones are words such as https.
_PART = re.compile(r"[?&;][^=?&;]+=([^?&;]{8,})|^[^=?&;]+=([^?&;]{8,})")
# What a password may end with; all others are names, numbers and keys that no provider makes with white space.
_MAY_END_WITH_SPACE = re.compile(r"RESTIC_(PASSWORD|REST_\w+)|AWS_SECRET_ACCESS_KEY|OS_PASSWORD|OS_USERNAME|ST_\w+")
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
# Shorter secrets are not masked: that would blank out ordinary words and parts of paths.
_SHORTEST_SECRET = 4
MANDATORY = ("PRIVILEGED_MOVER", "RESTIC_CACHE_DIR", "RESTIC_PASSWORD", "RESTIC_REPOSITORY", "DATA_DIR")
# Where the kernel says how much memory the container may use, new and old.
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# The old interface writes "no limit" as a number above this.
_NO_LIMIT = 1 << 50
# Go collects garbage early enough to stay below the limit that kills.
_MEMORY_SHARE = 0.8


class MoverError(Exception):
    """Something that ends the run; `code` is the mover's exit code, `by_restic`: it is restic that said so."""

    def __init__(self, error_class: ErrorClass, message: str, code: int = 1, *, by_restic: bool = False) -> None:
        super().__init__(message)
        self.error_class, self.message, self.code, self.by_restic = error_class, message, code, by_restic


def check_mandatory(environ: Mapping[str, str]) -> None:
    """Refuse an environment without what every run needs, or with what restic would refuse."""
    for name in MANDATORY:
        if not environ.get(name):
            raise MoverError(ErrorClass.CONFIGURATION, f"{name} must be defined")
    for name in NUMBERS_AND_WORDS:
        _refuse(value_fault(name, environ.get(name, "")))


def check_repository(environ: Mapping[str, str], *, on_volume: bool) -> None:
    """Refuse a repository that is in the container, or in the volume itself, and a URL that Go could not read.

    With `on_volume` a folder has to be on a volume of the pod's that outlives it.
    """
    location = locate(environ["RESTIC_REPOSITORY"])
    _refuse(location.fault)
    if location.backend != LOCAL:
        return
    path = _folder(location.path)
    own = any(is_below(path, environ[name]) for name in ("DATA_DIR", "RESTIC_CACHE_DIR"))
    if own or (on_volume and not is_kept(path)):
        _refuse(INSIDE)


def padded_keys(environ: Mapping[str, str]) -> list[str]:
    """Return the variables whose white space at the ends is passed on, because it may belong to a password."""
    return [
        name
        for name, value in environ.items()
        if value != value.strip() and _MAY_END_WITH_SPACE.fullmatch(name) and name != "RESTIC_PASSWORD"
    ]


def restic_environment(environ: Mapping[str, str], private: Path) -> dict[str, str]:
    """Return the environment for restic; `private` is a folder on tmpfs for the password."""
    env = {name: _given(name, value) for name, value in environ.items() if _is_passed_on(name, value)}
    env.setdefault("PATH", os.defpath)
    location = locate(environ["RESTIC_REPOSITORY"])
    env["RESTIC_REPOSITORY"] = location.text
    if location.backend == LOCAL:
        env["RESTIC_REPOSITORY"] = location.text.removesuffix(location.path) + _folder(location.path)
    password = environ["RESTIC_PASSWORD"]
    written = os.fsencode(password)
    if password == password.strip() and not written.startswith(_BYTE_ORDER_MARKS):
        file = private / "password"
        file.touch(mode=0o600)
        file.write_bytes(written)
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


def _refuse(fault: Fault | None) -> None:
    if fault is not None:
        raise MoverError(ErrorClass.CONFIGURATION, f"{fault.message}: {fault.next_step}")


def _folder(path: str) -> str:
    """Return the folder that is meant: one with white space at its end only if there is one, or none without."""
    bare = path.rstrip()
    return bare if os.path.isdir(bare) and not os.path.lexists(path) else path


def _given(name: str, value: str) -> str:
    """Return a value as restic gets it: who writes a Secret with an editor ends its values with a line break."""
    return value if _MAY_END_WITH_SPACE.fullmatch(name) or name.startswith("RCLONE_") else value.strip()


def _is_passed_on(name: str, value: str) -> bool:
    return _ALLOWED.fullmatch(name) is not None and not _SERVICE.fullmatch(f"{name}={value}")


# A backslash that was quoted four times.
_MOST_BACKSLASHES = 16
_BACKSLASHES = re.compile(rf"\\{{{_MOST_BACKSLASHES + 1},}}")


class Redactor:
    """Takes secrets out of text that people will read.

    Only what restic is given can come back from it, so nothing else of the environment is looked at. What the mover
    itself always says, and scripts look for, stays as it is, even if it is somebody's password too.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        values: set[str] = set()
        for name, value in environ.items():
            if name != "RESTIC_PASSWORD" and not _is_passed_on(name, value):
                continue
            if _SECRET.search(name) and not _PLACE.fullmatch(name):
                values |= _secret_parts(value)
            values |= locate(value).secrets if name == "RESTIC_REPOSITORY" else url_secrets(value)
        self._values = pattern_of(v for v in values if len(v) >= _SHORTEST_SECRET)

    def __call__(self, text: str) -> str:
        """Return the text with every secret replaced."""
        if self._values is None:
            return text
        # Whoever names a file decides how many there are, and the search takes a power of that many steps.
        text = _BACKSLASHES.sub(_MOST_BACKSLASHES * "\\", text)
        ours: list[tuple[int, int]] | None = None

        def replaced(found: re.Match[str]) -> str:
            nonlocal ours
            if ours is None:
                ours = [said.span() for said in SAID.finditer(text)]
            begin, end = found.span()
            return found[0] if any(first <= begin and end <= last for first, last in ours) else "***"

        return self._values.sub(replaced, text)


def _secret_parts(value: str) -> set[str]:
    """Return a secret, its lines, and the parts of one that is a connection string or a signed URL."""
    bare = value.strip()
    parts = {bare, *(line.strip() for line in bare.splitlines())}
    for found in _PART.finditer(bare):
        part = found[1] or found[2]
        parts |= {part, unquote(part)}
    return parts
