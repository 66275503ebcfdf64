"""A release as VolSync's chart makes it: its names, its values, definitions without our fields; nothing of it runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from hack.generate_chart import CHART

Object = dict[str, Any]
# What their Deployment's pods are found by; nothing of it is ours.
SELECTOR = {"app": "operator", "tier": "backup"}
DEFINITIONS = ("replicationsources.volsync.backube", "replicationdestinations.volsync.backube")
# The fields that VolSync's definitions have; those of its other movers and of Kubernetes' types are left as they are.
_RESTIC = """copyMethod capacity storageClassName accessModes volumeSnapshotClassName repository cacheCapacity
cacheStorageClassName cacheAccessModes customCA moverSecurityContext moverServiceAccount moverPodLabels moverResources
moverAffinity moverVolumes pruneIntervalDays retain unlock destinationPVC cleanupTempPVC cleanupCachePVC previous
restoreAsOf enableFileDeletion"""
_STATUS = """conditions lastSyncTime lastSyncStartTime lastSyncDuration nextSyncTime lastManualSync latestMoverStatus
latestImage external rsync rsyncTLS syncthing"""
_THEIRS = {
    "spec.restic": _RESTIC.split(),
    "spec.restic.retain": "hourly daily weekly monthly yearly within last".split(),
    "spec.trigger": ["schedule", "manual"],
}
_STATUS_OF = {"ReplicationSource": [*_STATUS.split(), "restic"], "ReplicationDestination": _STATUS.split()}
_COLUMNS = ("Source", "Last sync", "Duration", "Next sync")
# The chart's own values, as far as they decide what is made; its movers' images are all one.
_IMAGE = {"repository": "registry/other", "tag": "", "image": ""}
_MOVERS = ("restic", "rclone", "rsync", "rsync-tls", "syncthing")
_VALUES: Object = {
    "replicaCount": 1,
    "image": {**_IMAGE, "pullPolicy": "IfNotPresent"},
    **dict.fromkeys(_MOVERS, _IMAGE),
    "manageCRDs": True,
    "metrics": {"disableAuth": False},
    "imagePullSecrets": [],
    "nameOverride": "",
    "fullnameOverride": "",
    "serviceAccount": {"create": True, "annotations": {}, "name": ""},
    "service": {"ipFamilyPolicy": "", "ipFamilies": []},
    "podAnnotations": {},
    "podLabels": {},
    "podSecurityContext": {},
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    "nodeSelector": {},
    "tolerations": [],
    "affinity": {},
}
# What people give it: images by digest, one name, no authentication of scrapes, their own user.
GIVEN: Object = {
    "manageCRDs": True,
    "fullnameOverride": "volsync",
    "metrics": {"disableAuth": True},
    "podSecurityContext": {"runAsUser": 568, "runAsGroup": 568},
    "image": {"repository": "registry/other", "image": "registry/other@sha256:1"},
    **{mover: {"repository": "registry/other", "image": "registry/other@sha256:1"} for mover in _MOVERS},
}


def our_definitions() -> list[Object]:
    """Return the definitions of our chart."""
    files = sorted((CHART / "files" / "crds").glob("*.yaml"))
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]


def their_definitions() -> list[Object]:
    """Return VolSync's definitions."""
    return [_without_ours(one) for one in our_definitions()]


def their_objects() -> list[Object]:
    """Return what the other chart makes beside its definitions, under the names that ours has, too."""
    container = {"name": "manager", "image": "registry/other:1", "command": ["/manager"]}
    template = {"metadata": {"labels": SELECTOR}, "spec": {"serviceAccountName": "volsync", "containers": [container]}}
    deployment = {"replicas": 1, "selector": {"matchLabels": SELECTOR}, "template": template}
    port = {"name": "https", "port": 8443, "targetPort": "https"}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "volsync"}, "spec": deployment},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "volsync-metrics"},
            "spec": {"selector": SELECTOR, "ports": [port]},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "volsync"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "volsync-manager"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "volsync-manager"},
            "subjects": [],
        },
    ]


def write_chart(folder: Path) -> None:
    """Write the other chart into a folder."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: volsync, version: 0.17.0}", encoding="utf-8")
    (folder / "values.yaml").write_text(yaml.safe_dump(_VALUES), encoding="utf-8")
    (folder / "templates" / "all.yaml").write_text(yaml.safe_dump_all(their_objects()), encoding="utf-8")
    definitions = yaml.safe_dump_all(their_definitions())
    text = f"{{{{- if .Values.manageCRDs }}}}\n{definitions}\n{{{{- end }}}}\n"
    (folder / "templates" / "definitions.yaml").write_text(text, encoding="utf-8")


def _without_ours(definition: Object) -> Object:
    theirs = copy.deepcopy(definition)
    (version,) = theirs["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    for path, names in {**_THEIRS, "status": _STATUS_OF[theirs["spec"]["names"]["kind"]]}.items():
        _keep(schema, path.split("."), names)
    if "restic" in schema["properties"]["status"]["properties"]:
        _keep(schema, ["status", "restic"], ["lastPruned", "lastUnlocked"])
    version["additionalPrinterColumns"] = [c for c in version["additionalPrinterColumns"] if c["name"] in _COLUMNS]
    return theirs


def _keep(schema: Object, path: list[str], names: list[str]) -> None:
    """Leave only some fields of an object at a path; a destination has no `retain`."""
    for key in path:
        if key not in schema["properties"]:
            return
        schema = schema["properties"][key]
    schema["properties"] = {name: inner for name, inner in schema["properties"].items() if name in names}
