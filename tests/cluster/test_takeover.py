"""VolSync's manager is gone in the middle of runs, and ours begins: no backup is lost, made twice, or made all anew."""

from __future__ import annotations

import json

from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from tests.cluster.volsync import FIRST, LIST, Left, Source
from volsync_py.kube.resources import (
    JOBS,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
)

CHANGED_BYTES = 1 << 20
# Incompressible, and more than what changes later by far.
FILL = "import os; open('large', 'wb').write(os.urandom(12 << 20))"
CHANGE = f"import os; open('second', 'wb').write(os.urandom({CHANGED_BYTES}))"
CHANGE_AGAIN = f"import os; open('third', 'wb').write(os.urandom({CHANGED_BYTES}))"
# In the order in which VolSync has got them on: a snapshot that is all there is, a copy without a Job, a Job that is
# paused, movers that run, one that has ended.
SOURCES = [
    Source("a-snapshot", "Snapshot"),
    Source("a-copy", "Clone"),
    Source("a-pause", "Snapshot", paused=True),
    Source("a-mover", "Snapshot"),
    Source("a-clone", "Clone"),
    Source("an-end", "Direct"),
]
SNAPSHOT, COPY, PAUSE, END = (SOURCES[n] for n in (0, 1, 2, 5))
HELD = SOURCES[3:5]
# One whose second backup was ours, and one whose second was VolSync's.
NEXT = [SNAPSHOT, END]
# What a restore that was killed may leave: the beginning of one file, and another length.
HALF = "open('large', 'wb').write(bytes(1 << 20))"
HASH = """
import hashlib
found = hashlib.sha256(open("large", "rb").read()).hexdigest()
with open("/dev/termination-log", "w") as file:
    file.write(found)
"""


def test_backups_that_volsync_has_begun_are_ended_once_and_gone_on_with(
    cluster: Cluster, installation: Installation
) -> None:
    left = Left(cluster)
    repositories = [left.repository(one.name) for one in SOURCES]
    cluster.claim("data")
    cluster.claim("hold")
    cluster.run("fill", "data", FILL)
    with installation.without_manager():
        for one in SOURCES:
            left.begin(one)
        left.run("first", FIRST, repositories, secret="of-an-end")
        cluster.run("change", "data", CHANGE)
        for one in SOURCES:
            if one.method == "Snapshot":
                left.snapshot(one)
            if one not in NEXT:
                left.copy(one)
            if one not in (SNAPSHOT, COPY):
                left.job(one, held=one in HELD)
        cluster.wait("the end of VolSync's mover", lambda: cluster.condition(JOBS, "volsync-src-an-end", "Complete"))
        cluster.wait("VolSync's movers", lambda: all(_runs(cluster, one) for one in HELD))
        claims, movers = _uids(cluster), {one.name: _runs(cluster, one) for one in HELD}
        paused = cluster.find(JOBS, PAUSE.job)
    for one in (SNAPSHOT, COPY, END):
        cluster.replicated(REPLICATION_SOURCES, one.name, "two")
    # Nobody has touched those that run, or are paused, nor their copies.
    assert {one.name: _runs(cluster, one) for one in HELD} == movers
    still = cluster.find(JOBS, PAUSE.job)
    assert paused is not None
    assert still is not None
    assert (still["metadata"]["uid"], still["spec"]["parallelism"]) == (paused["metadata"]["uid"], 0)
    assert not cluster.objects(PODS, f"job-name={PAUSE.job}")
    cluster.patch(REPLICATION_SOURCES, PAUSE.name, {"spec": {"paused": False}})
    ended = {one.copy for one in (SNAPSHOT, COPY)}
    assert {name: uid for name, uid in claims.items() if name not in ended}.items() <= _uids(cluster).items()
    cluster.run("go", "hold", "open('go', 'w')")
    for one in (PAUSE, *HELD):
        status = cluster.replicated(REPLICATION_SOURCES, one.name, "two")
        assert status["latestMoverStatus"]["result"] == "Successful"
        assert cluster.condition(REPLICATION_SOURCES, one.name, "Healthy")
    cluster.wait("the end of what was temporary", lambda: not cluster.names(VOLUME_SNAPSHOTS))
    lasting = {"data", "hold", *(one.cache for one in SOURCES)}
    cluster.wait("the end of copies", lambda: set(cluster.names(PVCS)) == lasting)
    assert _uids(cluster) == {name: uid for name, uid in claims.items() if name in lasting}

    cluster.run("change-again", "data", CHANGE_AGAIN)
    for one in NEXT:
        cluster.patch(REPLICATION_SOURCES, one.name, {"spec": {"trigger": {"manual": "three"}}})
    for one in NEXT:
        last = cluster.replicated(REPLICATION_SOURCES, one.name, "three")["restic"]["lastSnapshot"]
        assert last["filesNew"] == 1
    listed = json.loads(left.run("list", LIST, repositories, secret="of-an-end"))
    for one, snapshots in zip(SOURCES, listed, strict=True):
        ids, parents, hosts, paths, tags, added = zip(*snapshots, strict=True)
        # One of VolSync's, the one that it had begun, and the next.
        assert len(ids) == (3 if one in NEXT else 2), one.name
        assert parents == ("", *ids[:-1]), one.name
        assert set(hosts) == {"volsync"}
        assert all(of == ["/data"] for of in paths)
        assert not any(tags)
        assert max(added[1:]) <= CHANGED_BYTES * 1.01, one.name


def test_a_restore_that_volsync_has_begun_is_waited_for_and_made_once_more_before_it_is_published(
    cluster: Cluster, installation: Installation
) -> None:
    left = Left(cluster)
    cluster.claim("data")
    cluster.claim("hold")
    cluster.run("fill", "data", FILL)
    with installation.without_manager():
        claim = left.begin_restore("restore")
        left.run("first", FIRST, [left.repository("restore")], secret="of-restore")
        cluster.run("half", claim, HALF)
        left.restore_job("restore")
        mover = cluster.wait("VolSync's mover", lambda: _running(cluster, "volsync-dst-restore"))
        claims = _uids(cluster)
    cluster.wait("our manager", lambda: cluster.condition(REPLICATION_DESTINATIONS, "restore", "Healthy", "Unknown"))
    assert _running(cluster, "volsync-dst-restore") == mover
    assert not cluster.names(VOLUME_SNAPSHOTS)

    cluster.run("go", "hold", "open('go', 'w')")
    status = cluster.replicated(REPLICATION_DESTINATIONS, "restore")
    # VolSync's mover ended well and has restored nothing; what is published is proved.
    assert status["restic"]["restored"]["files"] == 1
    assert status["latestMoverStatus"]["result"] == "Successful"
    assert claims.items() <= _uids(cluster).items()
    cluster.claim("again", status["latestImage"])
    assert cluster.run("hash-again", "again", HASH) == cluster.run("hash", "data", HASH)


def _uids(cluster: Cluster) -> dict[str, str]:
    return {o["metadata"]["name"]: o["metadata"]["uid"] for o in cluster.objects(PVCS)}


def _runs(cluster: Cluster, one: Source) -> str:
    return _running(cluster, one.job)


def _running(cluster: Cluster, job: str) -> str:
    """Return the UID of the pod of a Job, once it runs."""
    pods = cluster.objects(PODS, f"job-name={job}")
    return next((p["metadata"]["uid"] for p in pods if (p.get("status") or {}).get("phase") == "Running"), "")
