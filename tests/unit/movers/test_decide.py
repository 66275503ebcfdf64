"""The loop of a decision: what it cannot be made without is read, and it is made anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.movers.objects import source
from tests.unit.movers.seen import NOW, SETTINGS, answer
from volsync_py.api.spec import parse
from volsync_py.core.view import Objects, Read, ReadKind, Unread, View
from volsync_py.movers.restic.decide import decide


def test_what_a_start_looks_at_is_read_together_and_once() -> None:
    objects = source()
    rounds: list[list[str]] = []

    def read(reads: Iterable[Read]) -> dict[Read, Any]:
        rounds.append([read.kind.value for read in reads])
        return {read: answer(read, objects, replication) for read in reads}

    replication = parse(objects[0], ZoneInfo("UTC"))
    here = Objects.of("ns", (o for o in objects if o["kind"] == "PersistentVolumeClaim"))
    assert decide(replication, View(now=NOW, settings=SETTINGS, objects=here), read).actions
    assert rounds == [["Secret", "Pods"], ["JobsOfRepository"]]


def test_reads_that_are_never_answered_end_the_pass() -> None:
    objects = source()
    here = Objects.of("ns", (o for o in objects if o["kind"] == "PersistentVolumeClaim"))
    with pytest.raises(RuntimeError):
        decide(parse(objects[0], ZoneInfo("UTC")), View(now=NOW, settings=SETTINGS, objects=here), lambda reads: {})


def test_an_interruption_names_only_what_has_not_been_read() -> None:
    secret, pods = Read(ReadKind.SECRET, "repository"), Read(ReadKind.PODS)
    view = View(now=NOW, settings=SETTINGS).with_reads({pods: []})
    with pytest.raises(Unread, match=r"^Secret repository$") as unread:
        view.require(pods, secret, secret)
    assert unread.value.reads == (secret,)
    view.with_reads({secret: None}).require(pods, secret)
