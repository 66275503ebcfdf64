"""What is known of a repository from its Secret, without opening it."""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256

from volsync_py.core.actions import Object
from volsync_py.core.result import Trouble

# `backend:scheme://user:password@` of a URL. Not urlsplit, which raises for some texts and quotes them in the message.
_USER = re.compile(r"\A([^:]+:[^:/?#]+://)[^/?#]*@")

REQUIRED = ("RESTIC_REPOSITORY", "RESTIC_PASSWORD")


def check_secret(name: str, secret: Object | None) -> Trouble | None:
    """Return what is wrong with the repository Secret, or None (rows V1 to V5)."""
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
