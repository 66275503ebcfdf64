"""The environment of the mover's container, in VolSync's order, and ours after it.

Only keys that the Secret really has are referred to: a reference to a missing key would hide what a
webhook injects under the same name (Azure workload identity).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from volsync_py.core.keys import OPTIONAL_KEYS
from volsync_py.core.objects import Object

DATA_DIRECTORY = "/data"
CACHE_DIRECTORY = "/cache"
TEMPORARY_DIRECTORY = "/tmp"
# The user's own volumes are mounted below it.
MOVER_VOLUMES = "/mnt"
CUSTOM_CA_FILE = "/customCA/ca.crt"
GCS_KEY = "GOOGLE_APPLICATION_CREDENTIALS"
GCS_FILE = "/credentials/gcs.json"
RUN_VARIABLE = "VOLSYNC_PY_RUN"


@frozen
class Variables:
    """What of the environment differs from mover to mover."""

    secret_name: str
    secret_keys: frozenset[str]
    run: str
    forget_options: str = "--keep-last 1"
    restore_as_of: str = ""
    previous: int = 0
    delete_files: bool = False
    proxies: tuple[tuple[str, str], ...] = ()
    debug: bool = False
    custom_ca: bool = False
    privileged: bool = False


def forget_options(retain: Iterable[tuple[str, Any]]) -> str:
    """Return the retention policy as restic's options.

    `retain` are the fields that are set, in VolSync's order; each option is preceded by a space.
    """
    options = "".join(f" --keep-{name} {value}" for name, value in retain)
    return options or "--keep-last 1"


def environment(of: Variables) -> list[Object]:
    """Return the container's `env` list."""
    env: list[Object] = [
        _value("FORGET_OPTIONS", of.forget_options),
        _value("DATA_DIR", DATA_DIRECTORY),
        _value("RESTIC_CACHE_DIR", CACHE_DIRECTORY),
        _value("RESTORE_AS_OF", of.restore_as_of),
        _value("SELECT_PREVIOUS", str(of.previous)),
        _value("RESTORE_OPTIONS", "--delete" if of.delete_files else ""),
        _secret(of.secret_name, "RESTIC_REPOSITORY", optional=False),
        _secret(of.secret_name, "RESTIC_PASSWORD", optional=False),
    ]
    present = [key for key in OPTIONAL_KEYS if key in of.secret_keys]
    rclone = sorted(key for key in of.secret_keys if key.startswith("RCLONE_"))
    env += [_secret(of.secret_name, key, optional=True) for key in [*present, *rclone]]
    env += [_value(name, value) for name, value in of.proxies]
    if of.debug:
        env.append(_value("DEBUG_MOVER", "1"))
    if of.custom_ca:
        env.append(_value("CUSTOM_CA", CUSTOM_CA_FILE))
    if GCS_KEY in of.secret_keys:
        env.append(_value(GCS_KEY, GCS_FILE))
    env.append(_value("PRIVILEGED_MOVER", "1" if of.privileged else "0"))
    # Kubernetes expands $(NAME) in values; the document must arrive as it was written.
    env.append(_value(RUN_VARIABLE, of.run.replace("$", "$$")))
    return env


def _value(name: str, value: str) -> Object:
    return {"name": name, "value": value}


def _secret(secret: str, key: str, *, optional: bool) -> Object:
    reference = {"name": secret, "key": key, "optional": optional}
    return {"name": key, "valueFrom": {"secretKeyRef": reference}}
