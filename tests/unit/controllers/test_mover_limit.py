"""With a limit, as many movers run as it says; whoever is next is called, and nobody holds what it does not use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from volsync_py.controllers.mover_limit import Key, MoverLimit, SlotStores
from volsync_py.core.labels import Label
from volsync_py.core.names import Role
from volsync_py.core.times import format_rfc3339
from volsync_py.kube.store import Store, owned_by

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KIND = "ReplicationSource"
VERSIONS = count(1)


class Cluster:
    """Stores with sources in them, and passes over these."""

    def __init__(self, limit: int) -> None:
        self.now = NOW
        self.sources, self.jobs, self.copies = (
            Store(),
            Store(),
            Store({"owner": lambda copy: [owned_by("ns", copy["metadata"]["ownerReferences"][0]["uid"])]}),
        )
        pods = Store({"job": lambda pod: []})
        stores = SlotStores({KIND: (Role.SOURCE, self.sources)}, self.jobs, pods, (self.copies,))
        self.called: list[str] = []
        self.limit = MoverLimit(limit, stores, call=lambda key: self.called.append(key.name), clock=lambda: self.now)

    def key(self, name: str) -> Key:
        return Key(KIND, "ns" if "/" not in name else name.partition("/")[0], name.rpartition("/")[2])

    def says(self, name: str, reason: str = "WaitingForMover", minute: int = 0, **meta: Any) -> None:
        """Put a source there whose run is under way, with this to say."""
        key = self.key(name)
        said = [{"type": "Synchronizing", "status": "True", "reason": reason}]
        started = format_rfc3339(NOW + timedelta(minutes=minute))
        about = {"name": key.name, "namespace": key.namespace, "uid": name, "resourceVersion": str(next(VERSIONS))}
        status = {"lastSyncStartTime": started, "conditions": said}
        self.sources.put({"kind": KIND, "metadata": {**about, **meta}, "status": status})

    def job(self, name: str, *, ended: bool = False, parallelism: int = 1) -> None:
        key = self.key(name)
        meta = {"name": f"volsync-src-{key.name}", "namespace": key.namespace, "resourceVersion": str(next(VERSIONS))}
        meta["creationTimestamp"] = format_rfc3339(self.now)
        owners = [{"kind": KIND, "uid": name, "controller": True}]
        status = {"conditions": [{"type": "Failed", "status": "True"}] if ended else []}
        job = {"metadata": {**meta, "ownerReferences": owners}, "spec": {"parallelism": parallelism}, "status": status}
        self.jobs.put(job)

    def verifies(self, name: str, *, ended: bool = False) -> None:
        """Put the Job of a verification there."""
        self.job(name, ended=ended)
        key = self.key(name)
        made = self.jobs.get(key.namespace, f"volsync-src-{key.name}")
        assert made is not None
        self.jobs.mark_deleted(made)
        about = {**made["metadata"], "name": f"prove-volsync-{key.name}", "resourceVersion": str(next(VERSIONS))}
        self.jobs.put({**made, "metadata": about})

    def copy(self, name: str) -> None:
        """Put the copy of a source's volume there."""
        key = self.key(name)
        meta: dict[str, Any] = {"name": f"volsync-{key.name}-src", "namespace": key.namespace}
        meta |= {"resourceVersion": str(next(VERSIONS)), "creationTimestamp": format_rfc3339(self.now)}
        meta["labels"] = {Label.CLEANUP: name}
        owners = [{"kind": KIND, "uid": name, "controller": True}]
        self.copies.put({"metadata": {**meta, "ownerReferences": owners}})

    def delete_job(self, name: str) -> None:
        key = self.key(name)
        found = self.jobs.get(key.namespace, f"volsync-src-{key.name}")
        assert found is not None
        self.jobs.mark_deleted(found)
        self.limit.refresh(key)

    def make_pass(self, name: str) -> bool:
        """Make the pass of a source that could begin; return whether it has."""
        with self.limit.one_pass(self.key(name)):
            begins = self.limit.has_free_slot(self.key(name))
            self.says(name, "SyncInProgress" if begins else "WaitingForMover")
            if begins:
                self.job(name)
        return begins

    def end(self, name: str) -> None:
        self.job(name, ended=True)
        self.limit.refresh(self.key(name))


def test_as_many_begin_as_there_are_slots_and_the_next_one_is_called_when_one_is_free() -> None:
    cluster = Cluster(2)
    assert [cluster.make_pass(name) for name in "abcd"] == [True, True, False, False]
    assert (cluster.limit.held, cluster.limit.waiting, cluster.called) == (2, 2, [])
    cluster.end("a")
    assert cluster.called == ["c"]
    # It is its slot from the moment it is called: nobody comes before it.
    assert not cluster.make_pass("e")
    assert cluster.make_pass("c")
    assert (cluster.limit.held, cluster.limit.waiting) == (2, 2)


def test_a_restarted_manager_gives_no_slot_before_it_knows_who_has_them() -> None:
    before, cluster = Cluster(1), Cluster(1)
    cluster.sources, cluster.jobs = before.sources, before.jobs
    before.job("running")
    before.says("running", "SyncInProgress")
    before.says("waiting")
    assert not before.make_pass("new")
    assert (before.limit.held, before.limit.waiting) == (1, 2)


def test_nothing_is_offered_while_the_stores_fill() -> None:
    cluster = Cluster(1)
    cluster.says("waiting")
    cluster.limit.refresh(cluster.key("waiting"))
    assert cluster.called == []


def test_who_waits_longest_is_called_first_whatever_it_waited_for_before() -> None:
    cluster = Cluster(1)
    for name, minute in (("b", 30), ("c", 10), ("d", 20)):
        cluster.says(name, minute=minute)
    assert cluster.make_pass("a") is False
    # The first pass found all of them, and a free slot.
    assert cluster.called == ["c"]


def test_a_namespace_with_fewer_movers_comes_first() -> None:
    cluster = Cluster(2)
    for name in ("many/a", "many/b", "many/c", "many/d"):
        cluster.make_pass(name)
    assert not cluster.make_pass("one/e")
    cluster.end("many/a")
    assert cluster.called == ["e"]


@pytest.mark.parametrize("reason", ["SyncInProgress", "Error"])
def test_who_does_not_use_what_it_was_offered_passes_it_on(reason: str) -> None:
    cluster = Cluster(1)
    for name in "abc":
        cluster.make_pass(name)
    cluster.end("a")
    with cluster.limit.one_pass(cluster.key("b")):
        # Paused meanwhile, or without its Secret.
        cluster.says("b", reason)
    assert cluster.called == ["b", "c"]


def test_a_pass_that_fails_keeps_no_slot_and_is_not_called_again_and_again() -> None:
    cluster = Cluster(1)
    for name in "abc":
        cluster.make_pass(name)
    cluster.end("a")
    with pytest.raises(OSError, match="no answer"), cluster.limit.one_pass(cluster.key("b")):
        raise OSError("no answer")
    assert cluster.called == ["b", "c"]
    assert cluster.make_pass("c")
    # The queue makes it again at its own pace.
    assert not cluster.make_pass("b")
    cluster.end("c")
    assert cluster.called == ["b", "c", "b"]


def test_an_offer_made_during_a_pass_is_for_the_next_one() -> None:
    cluster = Cluster(1)
    cluster.make_pass("a")
    cluster.make_pass("b")
    with cluster.limit.one_pass(cluster.key("b")):
        cluster.end("a")
    assert cluster.called == ["b"]
    assert cluster.make_pass("b")


@pytest.mark.parametrize("gone", [False, True], ids=["going", "gone"])
def test_a_resource_that_goes_gives_back_what_it_was_offered(gone: bool) -> None:
    cluster = Cluster(1)
    for name in "abc":
        cluster.make_pass(name)
    cluster.end("a")
    if not gone:
        cluster.says("b", deletionTimestamp="2026-11-24T12:00:00Z")
    else:
        found = cluster.sources.get("ns", "b")
        assert found is not None
        cluster.sources.mark_deleted(found)
    cluster.limit.refresh(cluster.key("b"))
    assert cluster.called == ["b", "c"]


def test_a_copy_keeps_the_slot_that_it_was_made_with() -> None:
    cluster = Cluster(1)
    with cluster.limit.one_pass(cluster.key("a")):
        assert cluster.limit.has_free_slot(cluster.key("a"))
        cluster.says("a", "SyncInProgress")
        cluster.copy("a")
    assert not cluster.make_pass("b")
    assert cluster.make_pass("a")


def test_a_copy_without_its_job_takes_no_slot_that_is_another_s_meanwhile() -> None:
    cluster = Cluster(1)
    cluster.make_pass("a")
    cluster.copy("a")
    assert not cluster.make_pass("b")
    cluster.job("a", parallelism=0)
    cluster.limit.refresh(cluster.key("a"))
    assert cluster.make_pass("b")
    cluster.delete_job("a")
    assert cluster.limit.held == 1
    assert not cluster.make_pass("a")


@pytest.mark.parametrize("others", [0, 1], ids=["free", "in use"])
def test_a_restarted_manager_gives_a_copy_its_slot_back_unless_others_have_all(others: int) -> None:
    cluster = Cluster(1)
    cluster.says("a", "SyncInProgress")
    cluster.copy("a")
    cluster.says("b")
    for number in range(others):
        cluster.says(f"running-{number}", "SyncInProgress")
        cluster.job(f"running-{number}")
    with cluster.limit.one_pass(cluster.key("c")):
        pass
    assert (cluster.limit.held, cluster.called) == (1, [])
    assert cluster.make_pass("a") is not bool(others)


def test_without_a_limit_movers_are_counted_and_nobody_is_called() -> None:
    cluster = Cluster(0)
    for name in "ab":
        cluster.says(name, "SyncInProgress")
        cluster.job(name)
        with cluster.limit.one_pass(cluster.key(name)):
            pass
    assert (cluster.limit.held, cluster.called) == (2, [])


def test_a_verification_has_a_slot_nobody_waits_for_and_its_source_has_only_that_one() -> None:
    cluster = Cluster(1)
    key = cluster.key("a")
    idle = {"name": "a", "namespace": "ns", "uid": "a", "resourceVersion": str(next(VERSIONS))}
    cluster.sources.put({"kind": KIND, "metadata": idle, "status": {}})
    with cluster.limit.one_pass(key):
        assert cluster.limit.has_free_slot(key)
        cluster.verifies("a")
    assert (cluster.limit.held, cluster.make_pass("b")) == (1, False)
    # A backup of its own source takes its place, and no second one.
    with cluster.limit.one_pass(key):
        assert cluster.limit.has_free_slot(key)
        cluster.verifies("a", ended=True)
        cluster.says("a", "SyncInProgress")
        cluster.job("a")
    assert (cluster.limit.held, cluster.called) == (1, [])
    cluster.end("a")
    assert cluster.called == ["b"]
    # Somebody waits: no verification comes first.
    cluster.says("c")
    cluster.limit.refresh(cluster.key("c"))
    with cluster.limit.one_pass(cluster.key("d")):
        assert not cluster.limit.has_free_slot(cluster.key("d"))
    assert cluster.limit.waiting == 1
