"""Where a repository is: RESTIC_REPOSITORY as restic reads it, without opening anything.

What is wrong with it is told without a word of it, because it may hold a password. A password that is not written as a
URL asks for is read as a host, a port or a path, and comes back in pieces; so what restic or Go cannot read is never
handed to them, and what can be read in two ways counts as a secret in either.
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from attrs import field, frozen

# Each is a word before the first colon; restic takes nothing else for a backend, whatever its case.
REMOTE_BACKENDS = frozenset(("azure", "b2", "gs", "rclone", "rest", "s3", "sftp", "swift"))
LOCAL = "local"
_PREFIXES = "s3:, rest:, azure:, b2:, gs:, swift:, sftp: or rclone:"
_NO_URL = "RESTIC_REPOSITORY is no well-formed URL, or holds a password that is not %-encoded"
_ENCODE = (
    "put user and password into RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD (for s3: into AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY), or write what is special in them %-encoded: a space as %20, / as %2F, # as %23, @ as %40"
)
_MOUNT = f"begin it with {_PREFIXES}, or mount a volume (moverVolumes) and name a path below its mount"

# What Go accepts between // and @; of anything else it complains with the whole URL.
_USER = re.compile(r"(?:[A-Za-z0-9\-._:~!$&'()*+,;=@]|%[0-9A-Fa-f]{2})*")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]|[^\x00-\x20\x7f/?#@:\[\]%\\^`{}|]*)(?::\d*)?")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WEB = re.compile(r"(?:https?|http\+unix)://", re.IGNORECASE)
# Behind an @ in a path: a port makes it a host, a dot makes it look like one.
_HOST_AND_PORT = re.compile(r"[^/?#@:]+:\d+(?:[/?#]|$)")
_LIKE_A_HOST = re.compile(r"(?:[^/?#@]*[.:][^/?#@]|localhost(?:[/?#]|$)|\[)")
# What restic would tell of a shorter one is no secret.
_SHORTEST = 4
# More pieces than a password has slashes; their number grows with the square.
_MOST_PIECES = 24
_RCLONE_OPTION = re.compile(r"([\w-]+)=(\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[^,:]*)")
_RCLONE_SECRET = re.compile(
    r"PASS|SECRET|KEY|TOKEN|SAS|CREDENTIAL|CONNECTION|GRANT|HEADER|COOKIE|BEARER|URL", re.IGNORECASE
)


@frozen
class Fault:
    """What is wrong with a value, without a word of it, and what to do about it."""

    message: str
    next_step: str


# A folder that goes with the container.
INSIDE = Fault("RESTIC_REPOSITORY is a path in the mover's container, which is not kept", _MOUNT)
_UNKNOWN = Fault("RESTIC_REPOSITORY begins with no backend that restic knows", _MOUNT)


@frozen
class Location:
    """A repository's place; `backend` is "" where restic knows none, `path` the folder of a local one."""

    backend: str
    # As restic is given it: without white space that cannot be meant.
    text: str
    path: str = ""
    fault: Fault | None = None
    # What of it nobody may read.
    secrets: frozenset[str] = field(factory=frozenset)


def locate(given: str) -> Location:
    """Return what RESTIC_REPOSITORY names."""
    text = _trimmed(given)
    backend, colon, body = text.partition(":")
    secrets = frozenset(url_secrets(text))
    if not colon or backend not in REMOTE_BACKENDS:
        return _local(text, backend, body, secrets)
    fault = None
    if backend == "rest":
        fault, secrets = _url(body, secrets)
    elif backend == "s3":
        fault, secrets = _s3(body, secrets)
    elif backend == "sftp":
        fault, secrets = _sftp(body, secrets)
    elif backend == "rclone":
        secrets |= _rclone_secrets(body)
    return Location(backend, text, fault=fault, secrets=secrets)


def url_secrets(text: str) -> set[str]:
    """Return what nobody may read of the URLs in a text: user information, as it is written and as it is meant."""
    found: set[str] = set()
    for start in re.finditer("//", text):
        rest = text[start.end() :]
        authority, tail = _authority(rest)
        user, at, _ = authority.rpartition("@")
        if at:
            found |= _spellings(user) | _spellings(user.partition(":")[2])
        found |= _doubtful(rest, tail)
    return {secret for secret in found if len(secret) >= _SHORTEST}


def is_below(path: str, folder: str) -> bool:
    """Return whether a path is the folder or in it, as they are written."""
    clean, of = posixpath.normpath(path), posixpath.normpath(folder)
    return clean == of or clean.startswith(of.rstrip("/") + "/")


def _trimmed(given: str) -> str:
    """Return the text without white space at its ends where restic can only fail of it.

    A folder or a prefix may end with some, as one that was made from a value with a line break does.
    """
    text, bare = given.lstrip(), given.strip()
    end = text[len(bare) :]
    backend, _, body = bare.partition(":")
    if not end or backend not in REMOTE_BACKENDS:
        return text
    if backend in ("rest", "s3", "sftp") and ("://" in body[:20] or backend == "rest"):
        free = not _CONTROL.search(end) and "/" in body.partition("://")[2]
    elif backend == "s3":
        free = body.lstrip("/").count("/") > 1
    else:
        free = backend not in ("b2", "azure") or ":" in body
    return text if free else bare


def _local(text: str, prefix: str, body: str, secrets: frozenset[str]) -> Location:
    path = body if prefix == LOCAL else text
    if prefix != LOCAL and ":" in text and not text.startswith(("/", "../")):
        return Location("", text, fault=_UNKNOWN, secrets=secrets)
    return Location(LOCAL, text, path, None if path.startswith("/") else INSIDE, secrets)


def _authority(rest: str) -> tuple[str, str]:
    """Split what follows // into user, host and port, and everything behind them."""
    end = min((i for i in map(rest.find, "/?#") if i >= 0), default=len(rest))
    return rest[:end], rest[end:]


def _url(url: str, secrets: frozenset[str]) -> tuple[Fault | None, frozenset[str]]:
    """Return what is wrong with a URL that Go's parser and client are to read, and what of it is secret."""
    found = _WEB.match(url)
    bad = Fault(_NO_URL, _ENCODE)
    if found is None or _CONTROL.search(url):
        return bad, secrets
    rest = url[found.end() :]
    authority, tail = _authority(rest)
    user, _, host = authority.rpartition("@")
    nowhere = not host.partition(":")[0] and "+unix" not in found[0].lower()
    if nowhere or not _USER.fullmatch(user) or not _HOST.fullmatch(host) or _BROKEN_ESCAPE.search(tail):
        return bad, secrets
    return (bad if _is_torn(authority, tail) else None), secrets


def _is_torn(authority: str, tail: str) -> bool:
    """Return whether an @ stands where only the rest of a password has one: `user:12345/secret@host:8000`."""
    if "@" not in tail:
        return False
    last = tail.rpartition("@")[2]
    return bool(_HOST_AND_PORT.match(last)) or authority.endswith(":") or tail[0] in "?#"


def _s3(body: str, secrets: frozenset[str]) -> tuple[Fault | None, frozenset[str]]:
    if body.startswith("http"):
        fault, secrets = _url(body, secrets)
        tail = _authority(body.partition("://")[2])[1]
        return fault or _without_bucket(tail.lstrip("/")), secrets
    rest = body.removeprefix("//")
    endpoint, _, path = rest.partition("/")
    secrets |= {s for s in _doubtful(rest, "/" + path if "@" in path else "") if len(s) >= _SHORTEST}
    bucket = path.partition("/")[0]
    if not _HOST.fullmatch(endpoint) or "@" in bucket or _is_torn(endpoint, "/" + path):
        return Fault(_NO_URL, _ENCODE), secrets | (_pieces(rest.rpartition("@")[0]) if "@" in rest else set())
    return _without_bucket(path), secrets


def _without_bucket(path: str) -> Fault | None:
    if path.partition("/")[0].strip():
        return None
    return Fault("RESTIC_REPOSITORY names no bucket", "write it like s3:https://host/bucket/path")


def _sftp(body: str, secrets: frozenset[str]) -> tuple[Fault | None, frozenset[str]]:
    keys = "leave the password out: sftp: logs in with a key"
    bad = Fault(_NO_URL, keys)
    if body.startswith("//"):
        authority, tail = _authority(body[2:])
        user, _, host = authority.rpartition("@")
        # A user alone is no secret.
        secrets -= {user} if ":" not in user else set()
        fits = _USER.fullmatch(user) and _HOST.fullmatch(host) and not _BROKEN_ESCAPE.search(tail)
        return (None if fits and not _CONTROL.search(body) and not _is_torn(authority, tail) else bad), secrets
    before, _, after = body.partition(":")
    if "@" in before or not re.search(r"@[^/@:]+:", after):
        return None, secrets
    return bad, secrets | _pieces(after.rpartition("@")[0])


def _doubtful(rest: str, tail: str) -> set[str]:
    """Return what of `user:part/of@host` may be a password, in every piece that Go would make of it."""
    before, at, after = rest.rpartition("@")
    if not at or "@" not in tail or ":" not in before:
        return set()
    port = rest[: len(rest) - len(tail)].rpartition("@")[2].partition(":")[2]
    if not _LIKE_A_HOST.match(after) and (not port or port.isdigit()):
        return set()
    return _pieces(before.partition(":")[2]) | _spellings(before)


def _pieces(text: str) -> set[str]:
    tokens = [t for t in re.split(r"([/?#@:])", text) if t][:_MOST_PIECES]
    ranges = ("".join(tokens[i:j]) for i in range(len(tokens)) for j in range(i + 1, len(tokens) + 1))
    found = {text, *ranges}
    return {spelling for piece in found for spelling in _spellings(piece) if len(spelling) >= _SHORTEST}


def _spellings(text: str) -> set[str]:
    return {text, unquote(text, errors="surrogateescape")}


def _rclone_secrets(body: str) -> set[str]:
    """Return the secrets of a connection string: `rclone::sftp,host=nas,pass=secret:path`."""
    found: set[str] = set()
    secret = False
    for part in body.rpartition(":")[0].split(","):
        name, equals, _ = part.partition("=")
        # A password with a comma goes on behind it.
        secret = bool(_RCLONE_SECRET.search(name)) if equals else secret
        if secret:
            found.add(part.partition("=")[2] or part)
    for name, value in _RCLONE_OPTION.findall(body):
        if _RCLONE_SECRET.search(name):
            quote = value[:1] if value[:1] in ("'", '"') else ""
            found |= {value, value[1:-1].replace(quote * 2, quote)} if quote else {value}
    return {secret for secret in found if len(secret) >= _SHORTEST}
