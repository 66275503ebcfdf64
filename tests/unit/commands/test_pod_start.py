"""Why a pod does not answer yet, in words that say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from volsync_py.commands.repository.pod_start import has_begun, is_gone, waiting_for

JOB = {"metadata": {"name": "volsync-ask-db-1"}}


def pod(phase: str = "Pending", deleted: bool = False, **state: Any) -> dict[str, Any]:
    container = {"name": "restic", "image": "r/i:1", "state": state}
    meta = {"name": "p", **({"deletionTimestamp": "2026-11-27T12:00:00Z"} if deleted else {})}
    return {"metadata": meta, "status": {"phase": phase, "containerStatuses": [container]}}


def event(message: str, name: str = "volsync-ask-db-1") -> dict[str, Any]:
    return {"involvedObject": {"name": name}, "reason": "FailedCreate", "message": message, "lastTimestamp": "1"}


UNSCHEDULED = {
    "metadata": {"name": "p"},
    "status": {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]},
}
RESTRICTED = 'pods "p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'


@pytest.mark.parametrize(
    ("found", "events", "hopeless", "words"),
    [
        (None, [], False, "its pod is created"),
        (None, [event("exceeded quota: q")], False, "its pod is refused: exceeded quota: q"),
        (None, [event("other", "volsync-ask-x-1")], False, "its pod is created"),
        (None, [event(RESTRICTED)], True, "Pod Security 'restricted:latest' refuses its pod (runAsNonRoot"),
        (pod(waiting={"reason": "ContainerCreating"}), [], False, "its pod starts"),
        (UNSCHEDULED, [], False, "no node takes its pod: 0/3 nodes are available"),
        (pod(waiting={"reason": "ErrImagePull", "message": "no such host"}), [], False, "r/i:1 cannot be pulled (no"),
        (pod(waiting={"reason": "InvalidImageName"}), [], True, "cannot be pulled (InvalidImageName): name"),
        (
            pod(waiting={"reason": "CreateContainerConfigError", "message": 'secret "r" not found\x1b[2J'}),
            [],
            True,
            'its container cannot be made: secret "r" not found�[2J',
        ),
        (pod("Failed", terminated={"exitCode": 128, "message": "exec: not found"}), [], True, "(exec: not found): is"),
    ],
)  # fmt: skip
def test_each_reason_is_said_with_what_helps(found: Any, events: Any, hopeless: bool, words: str) -> None:
    said = waiting_for(found, JOB, events)
    assert words in said.text
    assert said.hopeless is hopeless


def test_a_pod_is_asked_while_it_runs_and_not_when_it_goes() -> None:
    running: Any = {"running": {"startedAt": "2026-11-27T12:00:00Z"}}
    assert has_begun(pod("Running", **running))
    assert not has_begun(pod())
    assert not is_gone(pod("Running", **running))
    assert is_gone(pod("Running", deleted=True, **running))
    assert is_gone(pod("Succeeded"))
