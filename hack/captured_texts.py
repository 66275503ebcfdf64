"""What `hack/captures` has taken from a terminal is known by a hash of the same texts, made here without a terminal.

They are of two sources, one of which fails, of a bar, and of the plan of a restore: what the code says of them now.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from hack.processes import ROOT
from volsync_py.commands.common.moving_line import Counted
from volsync_py.commands.common.progress_bar import Progress, drawn
from volsync_py.commands.overview.one_source import page
from volsync_py.commands.restore.objects import Undo, destination
from volsync_py.commands.restore.plan import Plan
from volsync_py.commands.restore.point import Point
from volsync_py.contract.report import ErrorClass
from volsync_py.core.objects import Object
from volsync_py.health.sharing import healths
from volsync_py.health.verdict import Overview
from volsync_py.movers.restic.outcome import info

DIGEST = ROOT / "docs" / "captures" / "texts.sha256"
_WIDTH = 100
_NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
_EARLIER, _LATER = "2026-11-30T11:59:30Z", "2026-12-01T03:00:00Z"


def texts() -> str:
    """Return what the captures show, of two sources that never change."""
    step = info(ErrorClass.WRONG_PASSWORD).next_step
    fine = _source("mydata-backup", "mydata", _said("True", "Succeeded", "The last synchronization succeeded"))
    failing = _source("letters", "mydata", _said("False", "WrongPassword", f"wrong password or no key found – {step}"))
    failing["status"] |= {"attempt": {"count": 1, "nextAttemptTime": "2026-11-30T12:29:30Z"}, "lastSyncTime": None}
    seen = Overview(healths([fine, failing], _NOW), _NOW, "namespace demo", with_namespace=False)
    one = next(health for health in seen.found if health.name == "mydata-backup")
    made = destination("mydata-restore", "demo", fine, "mydata", Point(previous=1), [], deletes=True)
    claim: Object = {"metadata": {"name": "mydata"}, "spec": {}}
    plan = Plan(
        fine,
        made,
        Point(previous=1),
        "mydata",
        "-n demo",
        existing=claim,
        undo=Undo(True, "dev"),
        sources=[failing, fine],
        deletes=True,
    )
    lines = [
        *seen.lines(_WIDTH),
        *seen.table(_WIDTH),
        *page(fine, one, _NOW, _WIDTH),
        *plan.lines(_NOW, _WIDTH),
        drawn("mydata-backup", Progress(52, 4, 5, 2**27, 2**28), 2.0**23, _WIDTH),
        Counted(5, 12, "packs repacked", 10).line("prune of mydata-backup", _WIDTH),
    ]
    return "\n".join(lines)


def digest() -> str:
    """Return what the captures are known by."""
    return sha256(texts().encode()).hexdigest()


def _said(status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": "Healthy", "status": status, "reason": reason, "message": message, "lastTransitionTime": _EARLIER}


def _source(name: str, claim: str, healthy: dict[str, str]) -> dict[str, Any]:
    last = {"id": "9f3c" * 16, "time": _EARLIER, "filesNew": 5, "bytesProcessed": 2**28, "bytesAdded": 2**27}
    return {
        "kind": "ReplicationSource",
        "metadata": {"name": name, "namespace": "demo", "uid": name, "creationTimestamp": _EARLIER},
        "spec": {
            "sourcePVC": claim,
            "trigger": {"schedule": "0 3 * * *"},
            "restic": {"repository": f"of-{name}", "copyMethod": "Snapshot"},
        },
        "status": {
            "lastSyncTime": _EARLIER,
            "lastSyncDuration": "22.2s",
            "nextSyncTime": _LATER,
            "conditions": [healthy],
            "latestMoverStatus": {"result": "Successful", "logs": "snapshot 9f3c9f3c saved"},
            "restic": {"lastSnapshot": last, "snapshots": {"count": 3, "oldest": _EARLIER, "newest": _EARLIER}},
        },
    }
