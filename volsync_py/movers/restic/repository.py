"""What is known of a repository from its Secret, without opening it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from hashlib import sha256

from volsync_py.core.keys import NUMBERS_AND_WORDS, value_fault
from volsync_py.core.locations import INSIDE, LOCAL, Fault, Location, is_below, locate
from volsync_py.core.objects import Object
from volsync_py.core.result import Trouble
from volsync_py.movers.restic.credentials import credentials_fault
from volsync_py.movers.restic.job_environment import CACHE_DIRECTORY, DATA_DIRECTORY, MOVER_VOLUMES, TEMPORARY_DIRECTORY

# `backend:scheme://user:password@` of a URL. Not urlsplit, which raises for some texts and quotes them in the message.
_USER = re.compile(r"\A([^:]+:[^:/?#]+://)[^/?#]*@")

REQUIRED = ("RESTIC_REPOSITORY", "RESTIC_PASSWORD")
# Folders that every pod of a mover has; none of them is a place for a repository.
_OWN_FOLDERS = (DATA_DIRECTORY, CACHE_DIRECTORY, TEMPORARY_DIRECTORY)


def check_secret(name: str, secret: Object | None) -> Trouble | None:
    """Return what is wrong with the repository Secret, or None."""
    if secret is None:
        return Trouble(
            "Configuration",
            f"spec.restic.repository: Secret {name!r} not found",
            "create it in this namespace, with RESTIC_REPOSITORY, RESTIC_PASSWORD and the backend's keys",
        )
    data = secret.get("data") or {}
    if len(data) < len(REQUIRED):
        return Trouble(
            "Configuration",
            f"spec.restic.repository: Secret {name!r}: secret should have fields: [{' '.join(REQUIRED)}]",
            "add what is missing to the Secret",
        )
    for key in REQUIRED:
        if key not in data:
            return Trouble(
                "Configuration",
                f"spec.restic.repository: Secret {name!r}: secret is missing field: {key}",
                "add it to the Secret",
            )
    for key in REQUIRED:
        if not decoded(secret, key).strip():
            return Trouble(
                "Configuration",
                f"spec.restic.repository: Secret {name!r}: {key} is empty",
                "give it a value",
            )
    return None


def check_values(name: str, secret: Object, *, mounted: Iterable[str], elsewhere: bool) -> Trouble | None:
    """Return what no mover can work with, told without a word of the values, or None.

    `mounted` are the mount paths of the user's volumes. `elsewhere`: the mover may have credentials that the manager
    cannot see.
    """
    values = {key: decoded(secret, key) for key in secret.get("data") or {}}
    location = locate(values["RESTIC_REPOSITORY"])
    fault = location.fault or _in_a_folder_of_ours(location, mounted)
    fault = fault or next(filter(None, (value_fault(key, values.get(key, "")) for key in NUMBERS_AND_WORDS)), None)
    fault = fault or credentials_fault(location, values, elsewhere=elsewhere)
    return None if fault is None else _trouble(name, fault)


def is_doubtful(secret: Object, mounted: Iterable[str]) -> bool:
    """Return whether the repository is a folder that may be on a volume, but on none that the manager knows of."""
    location = locate(decoded(secret, "RESTIC_REPOSITORY"))
    return location.backend == LOCAL and not _is_mounted(location, mounted)


def _in_a_folder_of_ours(location: Location, mounted: Iterable[str]) -> Fault | None:
    if location.backend != LOCAL or _is_mounted(location, mounted):
        return None
    return INSIDE if any(is_below(location.path, folder) for folder in _OWN_FOLDERS) else None


def _is_mounted(location: Location, mounted: Iterable[str]) -> bool:
    return any(is_below(location.path.rstrip(), f"{MOVER_VOLUMES}/{path}") for path in mounted)


def _trouble(name: str, fault: Fault) -> Trouble:
    return Trouble("Configuration", f"spec.restic.repository: Secret {name!r}: {fault.message}", fault.next_step)


def decoded(secret: Object, key: str) -> str:
    """Return a value of a Secret as text; "" where it is missing or not base64."""
    try:
        return base64.b64decode((secret.get("data") or {}).get(key) or "").decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""


def repository_label(cluster_id: str, url: str) -> str:
    """Return the value of the repository label: 16 hexadecimal digits, the same for the same repository.

    User information and a trailing slash do not make another repository. The cluster's id is part of
    the hash, so that labels tell nobody which repositories two clusters share. Never raises, whatever the text.
    """
    location = _USER.sub(r"\1", url.strip(), count=1).rstrip("/")
    return sha256(f"{cluster_id}\n{location}".encode(errors="replace")).hexdigest()[:16]
