"""What a repository Secret begins to say of its backend's credentials and does not finish.

A Secret without any is no fault: identities of a cloud, of the node or of a service account, and admission policies
that add variables, bring them on their own ways. Nobody but a mistake brings a key under a name that restic does not
read, or half of what works only as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from attrs import frozen

from volsync_py.core.locations import Fault, Location

# Hosts whose credentials a node or a service account may bring.
_OF_AMAZON = re.compile(
    r"(?:https?://)?(?:[^/@]*\.)?amazonaws\.com(?:\.cn)?(?::\d+)?(?:/|$)|[a-z0-9-]+/", re.IGNORECASE
)


@frozen
class _Needed:
    """Keys that only make sense together, and names that people give them elsewhere."""

    keys: tuple[str, ...]
    elsewhere: Mapping[str, str]
    # If any of these keys is present, all are needed: nothing else can replace one.
    calling: tuple[str, ...] = ()


_NEEDED: dict[str, _Needed] = {
    "s3": _Needed(
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        {
            **dict.fromkeys(("AWS_ACCESS_KEY", "AWS_KEY_ID", "ACCESS_KEY_ID", "ACCESS_KEY"), "AWS_ACCESS_KEY_ID"),
            **dict.fromkeys(("AWS_ACCESS_ID", "S3_ACCESS_KEY", "S3_ACCESS_KEY_ID"), "AWS_ACCESS_KEY_ID"),
            **dict.fromkeys(("AWS_SECRET_KEY", "AWS_SECRET", "SECRET_ACCESS_KEY"), "AWS_SECRET_ACCESS_KEY"),
            **dict.fromkeys(("SECRET_KEY", "S3_SECRET_KEY", "S3_SECRET_ACCESS_KEY"), "AWS_SECRET_ACCESS_KEY"),
        },
    ),
    "b2": _Needed(
        ("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"),
        {
            **dict.fromkeys(("B2_APPLICATION_KEY_ID", "B2_KEY_ID", "B2_ACCOUNT"), "B2_ACCOUNT_ID"),
            **dict.fromkeys(("B2_APPLICATION_KEY", "B2_KEY"), "B2_ACCOUNT_KEY"),
        },
        calling=("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"),
    ),
    "azure": _Needed(
        ("AZURE_ACCOUNT_NAME",),
        dict.fromkeys(("AZURE_STORAGE_ACCOUNT", "AZURE_ACCOUNT"), "AZURE_ACCOUNT_NAME"),
        calling=("AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS"),
    ),
}
_SWIFT_PLACES = ("OS_AUTH_URL", "ST_AUTH", "OS_STORAGE_URL")
_SWIFT_SECRETS = ("OS_PASSWORD", "ST_KEY", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_AUTH_TOKEN")


def credentials_fault(location: Location, values: Mapping[str, str], *, elsewhere: bool) -> Fault | None:
    """Return what the Secret's values lack; `elsewhere`: the mover may have credentials that the manager cannot see."""
    given = {name for name, value in values.items() if value.strip()}
    if location.backend == "gs":
        return _google(values)
    if location.backend == "swift":
        lost = given.intersection(_SWIFT_SECRETS) and not given.intersection(_SWIFT_PLACES)
        return _add(["OS_AUTH_URL"], "") if lost else None
    needed = _NEEDED.get(location.backend)
    if needed is None or (location.backend == "s3" and (elsewhere or _of_amazon(location))):
        return None
    missing = [key for key in needed.keys if key not in given]
    wrong = _misnamed(given, needed, missing)
    return _add(missing, wrong) if missing and (wrong or given.intersection(needed.calling)) else None


def _of_amazon(location: Location) -> bool:
    return _OF_AMAZON.match(location.text.removeprefix("s3:").removeprefix("//")) is not None


def _misnamed(given: Iterable[str], needed: _Needed, missing: list[str]) -> str:
    for name in sorted(given):
        meant = needed.elsewhere.get(name.upper(), name.upper())
        if name != meant and meant in missing:
            return name
    return ""


def _add(missing: list[str], wrong: str) -> Fault:
    text = f"there is no {' and no '.join(missing)}"
    if wrong:
        text += f", and restic does not read {wrong}"
    return Fault(text, f"add {' and '.join(missing)} to the Secret")


def _google(values: Mapping[str, str]) -> Fault | None:
    content = values.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    if not content or content.startswith("{"):
        return None
    return Fault("GOOGLE_APPLICATION_CREDENTIALS is no JSON", "put the content of the key's file there, not its path")
