"""What the manager asked a real API server for in all the other tests, by its audit log, is what its roles grant."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.cluster.machine import Machine
from tests.integration.main.test_rights import SELDOM, Right, granted

# The imitation can be given the kind; here it is not installed.
NOT_SERVED: set[Right] = {("create", "volumepopulators"), ("watch", "volumepopulators")}
MANAGER = "system:serviceaccount:volsync-system:volsync"


def asked(machine: Machine) -> Iterator[tuple[Right, bool]]:
    """Return what the manager asked for, and whether it has that right."""
    for line in machine.audit():
        if MANAGER not in line:
            continue
        try:
            event = json.loads(line)
        except ValueError:
            # A server that was killed did not come to the line's end.
            continue
        about = event.get("objectRef") or {}
        if event["user"]["username"] != MANAGER or not about.get("resource") or event["stage"] != "ResponseComplete":
            continue
        resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
        decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision")
        yield (event["verb"], resource), decision == "allow"


def test_what_was_asked_for_is_granted_and_nothing_else(machine: Machine) -> None:
    found = list(asked(machine))
    used = {right for right, allowed in found if allowed}
    assert used
    # An API server that has just come back may not know the roles yet; what it refuses then it allows soon.
    assert {right for right, allowed in found if not allowed} - set(granted()) == set()
    assert used - set(granted()) == set()
    # What is seldom asked for has a test on the imitation, each with its occasion.
    assert set(granted()) - used - set(SELDOM) - NOT_SERVED == set()
