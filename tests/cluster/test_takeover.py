"""VolSync's manager is gone in the middle of backups, and ours begins: none is lost, made twice, or made all anew."""

from __future__ import annotations

import json

from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from tests.cluster.volsync import FIRST, LIST, Left, Source
from volsync_py.kube.resources import JOBS, PODS, PVCS, REPLICATION_SOURCES, VOLUME_SNAPSHOTS

CHANGED_BYTES = 1 << 20
# Incompressible, and more than what changes later by far.
FILL = "import os; open('large', 'wb').write(os.urandom(12 << 20))"
CHANGE = f"import os; open('second', 'wb').write(os.urandom({CHANGED_BYTES}))"
CHANGE_AGAIN = f"import os; open('third', 'wb').write(os.urandom({CHANGED_BYTES}))"
# In the order in which VolSync has got them on: a snapshot that is all there is, movers that run, one that has ended.
SOURCES = [
    Source("a-snapshot", "Snapshot"),
    Source("a-mover", "Snapshot"),
    Source("a-clone", "Clone"),
    Source("an-end", "Direct"),
]
HELD = SOURCES[1:3]
# One whose second backup was ours, and one whose second was VolSync's.
NEXT = [SOURCES[0], SOURCES[3]]


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
        for one in SOURCES[:2]:
            left.snapshot(one)
        for one in HELD:
            left.copy(one)
        for one in SOURCES[1:]:
            left.job(one, held=one in HELD)
        cluster.wait("the end of VolSync's mover", lambda: cluster.condition(JOBS, "volsync-src-an-end", "Complete"))
        cluster.wait("VolSync's movers", lambda: all(_runs(cluster, one) for one in HELD))
        claims, movers = _uids(cluster), {one.name: _runs(cluster, one) for one in HELD}
    for one in SOURCES:
        if one not in HELD:
            cluster.replicated(REPLICATION_SOURCES, one.name, "two")
    # Nobody has touched those that run, nor their copies.
    assert {one.name: _runs(cluster, one) for one in HELD} == movers
    assert claims.items() <= _uids(cluster).items()
    cluster.run("go", "hold", "open('go', 'w')")
    for one in HELD:
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


def _uids(cluster: Cluster) -> dict[str, str]:
    return {o["metadata"]["name"]: o["metadata"]["uid"] for o in cluster.objects(PVCS)}


def _runs(cluster: Cluster, one: Source) -> str:
    """Return the UID of the pod of a Job, once it runs."""
    pods = cluster.objects(PODS, f"job-name={one.job}")
    return next((p["metadata"]["uid"] for p in pods if (p.get("status") or {}).get("phase") == "Running"), "")
