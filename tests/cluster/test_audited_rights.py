"""What the manager asked a real API server for in all the other tests, by its audit log, is what its roles grant."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machine import Machine
from tests.integration.main.test_rights import SELDOM, Right, granted

MANAGER = "system:serviceaccount:volsync-system:volsync-py"


def asked(machine: Machine) -> Iterator[tuple[Right, bool]]:
    """Return what the manager asked for, and whether it has that right."""
    for line in machine.audit():
        if MANAGER not in line:
            continue
        event = json.loads(line)
        about = event.get("objectRef") or {}
        if event["user"]["username"] != MANAGER or not about.get("resource") or event["stage"] != "ResponseComplete":
            continue
        resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
        decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision")
        yield (event["verb"], resource), decision == "allow"


def test_nothing_was_refused_and_nothing_is_granted_that_was_not_asked_for() -> None:
    run = os.environ.get("VOLSYNC_PY_CLUSTER_RUN", "")
    if not run:
        pytest.skip("VOLSYNC_PY_CLUSTER_RUN names no state folder of a cluster that this machine runs")
    found = list(asked(Machine(Path(run))))
    used = {right for right, _ in found}
    assert used
    assert {right for right, allowed in found if not allowed} == set()
    # What is seldom asked for has a test on the imitation, each with its occasion.
    assert set(granted()) - used - set(SELDOM) == set()
