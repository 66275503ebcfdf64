"""The main job as a user of a cluster has it: backed up, changed, backed up again, restored, compared."""

from __future__ import annotations

import json
import os

import pytest

from tests.cluster.lent import Cluster
from tests.cluster.tree import CHANGE, DESCRIBE, FILL, described
from volsync_py.kube.resources import (
    JOBS,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    SECRETS,
    VOLUME_SNAPSHOTS,
)

REAL = os.environ.get("VOLSYNC_PY_CLUSTER") == "real"
# Names that volumes of runs have for as long as they are needed.
CACHES = {"volsync-src-backup-cache", "volsync-dst-restore-cache"}


@pytest.mark.parametrize("method", ["Direct", "Snapshot"])
def test_a_volume_comes_back_as_it_was_at_each_of_two_backups(cluster: Cluster, method: str) -> None:
    cluster.repository("repository")
    cluster.claim("data")
    owners = json.loads(cluster.run("fill", "data", FILL))
    first = described(cluster.run("describe-first", "data", DESCRIBE))
    assert first["./plain"][:4] == ["-rw-r-----", *owners[:2], 2]
    # Only an unprivileged user's own cluster has pods that know no user but one.
    assert owners == ([1234, 5678, 4321] if REAL or os.geteuid() == 0 else [0, 0, 0])

    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod=method, retain={"last": "2"})
    status = cluster.replicated(REPLICATION_SOURCES, "backup")
    assert status["latestMoverStatus"]["result"] == "Successful"
    before = status["restic"]["lastSnapshot"]["bytesAdded"]

    cluster.run("change", "data", CHANGE)
    second = described(cluster.run("describe-second", "data", DESCRIBE))
    assert second != first
    cluster.patch(REPLICATION_SOURCES, "backup", {"spec": {"trigger": {"manual": "two"}}})
    status = cluster.replicated(REPLICATION_SOURCES, "backup", "two")
    assert status["restic"]["lastSnapshot"]["filesNew"] == 1
    assert status["restic"]["lastSnapshot"]["bytesAdded"] < before
    assert cluster.condition(REPLICATION_SOURCES, "backup", "Healthy")

    cluster.claim("restored")
    cluster.replicate(REPLICATION_DESTINATIONS, "restore", copyMethod="Direct", destinationPVC="restored")
    cluster.replicated(REPLICATION_DESTINATIONS, "restore")
    assert described(cluster.run("describe-restored", "restored", DESCRIBE)) == second
    assert cluster.condition(REPLICATION_DESTINATIONS, "restore", "Healthy")

    spec = {"trigger": {"manual": "two"}, "restic": {"previous": 1, "enableFileDeletion": True}}
    cluster.patch(REPLICATION_DESTINATIONS, "restore", {"spec": spec})
    cluster.replicated(REPLICATION_DESTINATIONS, "restore", "two")
    assert described(cluster.run("describe-previous", "restored", DESCRIBE)) == first

    cluster.wait("cleaning up", lambda: set(cluster.names(PVCS)) == {"data", "restored", *CACHES})
    cluster.wait("the Jobs' end", lambda: not [*cluster.names(JOBS), *cluster.names(PODS)])
    cluster.wait("the copies' end", lambda: cluster.names(VOLUME_SNAPSHOTS) == [])


def test_an_image_of_a_restore_fills_a_new_claim(cluster: Cluster) -> None:
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    wanted = described(cluster.run("describe", "data", DESCRIBE))
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Snapshot")
    cluster.replicated(REPLICATION_SOURCES, "backup")

    cluster.replicate(
        REPLICATION_DESTINATIONS, "restore", copyMethod="Snapshot", capacity="1Gi", accessModes=["ReadWriteOnce"]
    )
    image = cluster.replicated(REPLICATION_DESTINATIONS, "restore")["latestImage"]
    assert image["kind"] == "VolumeSnapshot"

    cluster.claim("from-image", image)
    assert described(cluster.run("describe-image", "from-image", DESCRIBE)) == wanted


def test_a_wrong_password_is_named_once_and_mended_by_the_right_one(cluster: Cluster) -> None:
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Direct")
    cluster.replicated(REPLICATION_SOURCES, "backup")

    cluster.patch(SECRETS, "repository", {"stringData": {"RESTIC_PASSWORD": "another one"}})
    cluster.patch(REPLICATION_SOURCES, "backup", {"spec": {"trigger": {"manual": "two"}}})
    told = cluster.wait("the verdict", lambda: cluster.condition(REPLICATION_SOURCES, "backup", "Healthy", "False"))
    assert told["reason"] == "WrongPassword"
    assert "correct RESTIC_PASSWORD in the repository Secret" in told["message"]
    cluster.wait("the Job's end", lambda: not cluster.names(JOBS))
    status = (cluster.find(REPLICATION_SOURCES, "backup") or {})["status"]
    assert (status["attempt"]["count"], status["lastManualSync"]) == (1, "one")

    cluster.patch(SECRETS, "repository", {"stringData": {"RESTIC_PASSWORD": "a password of the tests"}})
    cluster.patch(REPLICATION_SOURCES, "backup", {"metadata": {"annotations": {"volsync-py/run-now": "mended"}}})
    cluster.replicated(REPLICATION_SOURCES, "backup", "two")
    assert cluster.condition(REPLICATION_SOURCES, "backup", "Healthy")
    assert "attempt" not in (cluster.find(REPLICATION_SOURCES, "backup") or {})["status"]
