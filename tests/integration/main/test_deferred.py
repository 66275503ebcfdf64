"""Telling and tidying come after the work; what is in their way is told like anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest
from attrs import evolve

from tests.integration.kube.peer import Asked, Peer, Say, peer, status
from tests.integration.main.scripted import source
from volsync_py.controllers.execute import Executor
from volsync_py.core.actions import Delete, Event, EventType, Ref
from volsync_py.kube.errors import Forbidden
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import Resource, resource_for
from volsync_py.kube.store import Store
from volsync_py.telemetry.metrics import Metrics

SECONDS = 20.0
OWNER = source("a")
JOB = Delete(Ref("batch/v1", "Job", "ns", "volsync-src-a"), "uid")
LATER = evolve(JOB, deferrable=True)
TOLD = Event(EventType.NORMAL, "Reason", "Act", "told")


def executor(
    server: Peer,
    folder: Path,
    work: IdleQueue,
    call: Callable[[Ref], None] = lambda ref: None,
    stores: Mapping[Resource, Store] | None = None,
) -> Executor:
    client = server.client(folder)
    return Executor(client, stores or {}, EventRecorder(client, controller="tests", instance="tests"), work, call)


def done(asked: Asked) -> Say:
    return Say({"kind": "Status", "status": "Success"} if asked.method == "DELETE" else asked.body)


def test_what_a_run_needs_is_not_kept_waiting_by_what_nobody_waits_for(tmp_path: Path) -> None:
    busy = True
    with peer(done) as server:
        work = IdleQueue(lambda: busy)
        work.start()
        one = executor(server, tmp_path, work)
        one.execute(OWNER, (TOLD, LATER, LATER))
        one.execute(OWNER, (JOB,))
        assert [a.method for a in server.asked] == ["DELETE"]
        busy = False
        server.wait_for(3)
        assert work.stop(SECONDS)
        assert [a.method for a in server.asked] == ["DELETE", "DELETE", "POST"]


def test_a_deletion_is_sent_once_however_many_passes_ask_for_it_before_its_answer(tmp_path: Path) -> None:
    jobs = Store()
    meta = {"namespace": "ns", "name": "volsync-src-a", "uid": "uid", "resourceVersion": "1"}
    jobs.put({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta})

    def ask_again(asked: Asked) -> Say:
        if asked.method == "DELETE":
            one.execute(OWNER, (LATER, TOLD))
        return done(asked)

    with peer(ask_again) as server:
        work = IdleQueue(lambda: False)
        one = executor(server, tmp_path, work, stores={resource_for("batch/v1", "Job"): jobs})
        work.start()
        one.execute(OWNER, (LATER,))
        server.wait_for(2)
        assert work.stop(SECONDS)
        assert [a.method for a in server.asked] == ["DELETE", "POST"]


def test_a_deletion_that_is_refused_later_is_made_by_a_pass_which_hears_why(tmp_path: Path) -> None:
    called: SimpleQueue[Ref] = SimpleQueue()
    with peer(lambda asked: Say(status(403, "Forbidden"), 403)) as server:
        work = IdleQueue(lambda: False)
        work.start()
        one = executor(server, tmp_path, work, called.put)
        one.execute(OWNER, (LATER,))
        assert called.get(timeout=SECONDS) == Ref.of(OWNER)
        for _ in range(2):
            with pytest.raises(Forbidden):
                one.execute(OWNER, (LATER,))
        server.script = done
        one.execute(OWNER, (LATER,))
        assert work.stop(SECONDS)
        assert len(server.asked) == 4


def test_a_deletion_that_finds_no_room_is_made_at_once_and_an_event_is_dropped_and_counted(tmp_path: Path) -> None:
    metrics = Metrics()
    with peer(done) as server:
        drop = partial(metrics.count_dropped_event, "queue")
        # Never started: what is put off stays there.
        work = IdleQueue(lambda: True, on_drop=drop, most_tidying=1, most_telling=1)
        one = executor(server, tmp_path, work)
        one.execute(OWNER, (LATER, evolve(LATER, uid="another"), TOLD, TOLD))
        assert [a.body["preconditions"]["uid"] for a in server.asked] == ["another"]
    assert 'volsync_py_events_dropped_total{reason="queue"} 1.0' in metrics.expose().decode()
