"""What is said of a verification that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.commands.resources import NOW, said, source
from volsync_py.commands.overview.one_source import page
from volsync_py.commands.runs.asked_proof import doing, ended
from volsync_py.health.state import health_of

PROOF: dict[str, Any] = {"time": "2026-11-27T11:00:00Z", "snapshot": "9f3c" * 16, "files": 1, "bytes": 1536}
DAMAGED = said("Verified", "False", "RepositoryDamaged", "pack 12 is damaged – run restic check")


def verified(last: dict[str, Any] | None = None, conditions: Any = (), **record: Any) -> dict[str, Any]:
    return source(restic={"lastVerified": last or {}, "verification": record}, conditions=list(conditions))


@pytest.mark.parametrize(
    ("obj", "well", "text"),
    [
        (
            verified(PROOF, lastProveNow="mine", result="Succeeded"),
            True,
            "snapshot 9f3c9f3c came back whole: 1 file or folder, 1.5 KiB",
        ),
        (
            verified({**PROOF, "commandExitCode": 0}, lastProveNow="mine", result="Succeeded"),
            True,
            "1.5 KiB, and its command exited with 0",
        ),
        (
            verified(PROOF, [DAMAGED], lastProveNow="mine", result="Failed"),
            False,
            "is not proved: RepositoryDamaged: pack 12 is damaged – run restic check",
        ),
        (
            verified(
                PROOF,
                triedProveNow="mine",
                nextAttemptTime="2026-11-27T12:05:00Z",
                lastError={"class": "Unreachable", "message": "no answer"},
            ),
            False,
            "tried again at 2026-11-27T12:05:00Z: Unreachable: no answer",
        ),
        (source(spec={"paused": True}), False, "volsync-py resume db"),
        (source(spec={"trigger": None}), False, "spec.trigger.schedule"),
    ],
    ids=["proved", "with a command", "given up", "tried again", "paused", "never a pause"],
)
def test_its_end_is_a_sentence(obj: dict[str, Any], well: bool, text: str) -> None:
    found = ended(obj, "mine")
    assert found is not None
    assert (found.well, text in found.text) == (well, True), found.text


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (verified(lastProveNow="earlier", result="Failed"), "restored and compared"),
        (verified(waiting="Waiting for a mover"), "Waiting for a mover"),
        (verified(conditions=[said("Synchronizing", "True", "SyncInProgress")]), "waits for the backup"),
        (
            verified(triedProveNow="mine", lastError={"class": "Interrupted"}, nextAttemptTime="2026-11-27T12:05:00Z"),
            "was ended for a backup, and begins again at 2026-11-27T12:05:00Z",
        ),
    ],
)
def test_until_then_it_is_said_what_it_waits_for(obj: dict[str, Any], text: str) -> None:
    assert ended(obj, "mine") is None
    assert text in doing(obj, "mine")


def page_of(obj: dict[str, Any]) -> Iterator[str]:
    return page(obj, health_of(obj, NOW), NOW, 200)


def test_the_page_of_a_source_shows_the_last_proof_and_what_became_of_the_last_try() -> None:
    shown = "\n".join(page_of(verified(PROOF, [DAMAGED], waiting="Waiting for a mover")))
    assert "proved          60 minutes ago (2026-11-27T11:00:00Z): snapshot 9f3c9f3c came back whole" in shown
    assert "next proof      Waiting for a mover" in shown
    again = {"nextAttemptTime": "2026-11-27T12:05:00Z", "lastError": {"class": "Unreachable", "message": "no answer"}}
    told = "\n".join(page_of(verified(PROOF, **again)))
    assert "next proof      tried again at 2026-11-27T12:05:00Z, after Unreachable: no answer" in told
    assert "Verified        False (RepositoryDamaged, for 60 minutes): pack 12 is damaged" in shown
