"""Sources and destinations as an API server has them, for the tests of what is said of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR_AGO, IN_AN_HOUR = "2026-11-27T11:00:00Z", "2026-11-27T13:00:00Z"


def said(kind: str, status: str, reason: str, message: str = "", since: str = HOUR_AGO) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


SUCCEEDED = said("Healthy", "True", "Succeeded", "The last synchronization succeeded")
WRONG_PASSWORD = said(
    "Healthy",
    "False",
    "WrongPassword",
    "restic: wrong password or no key found – correct RESTIC_PASSWORD in the repository Secret, or RESTIC_REPOSITORY "
    "if it names another repository",
    "2026-11-27T09:00:00Z",
)


def source(name: str = "db", namespace: str = "media", spec: Any = None, **status: Any) -> dict[str, Any]:
    """Return a source that was backed up an hour ago, besides what is said of it."""
    well = {"lastSyncTime": HOUR_AGO, "nextSyncTime": IN_AN_HOUR, "conditions": [SUCCEEDED], **status}
    return {
        "kind": "ReplicationSource",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": name,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "sourcePVC": name,
            "trigger": {"schedule": "0 */2 * * *"},
            "restic": {"repository": f"restic-{name}", "copyMethod": "Snapshot"},
            **(spec or {}),
        },
        "status": {key: value for key, value in well.items() if value is not None},
    }


def destination(name: str = "db-dst", **status: Any) -> dict[str, Any]:
    """Return a destination that was restored an hour ago, besides what is said of it."""
    obj = source(name, spec={"trigger": {"manual": "restore-once"}, "sourcePVC": None}, nextSyncTime=None, **status)
    return {**obj, "kind": "ReplicationDestination"}
