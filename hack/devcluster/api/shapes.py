"""The types of the fields that this cluster's parts read: what decoding into Go's structs would refuse.

Guarantees: after `check` no part of the cluster meets a text where it expects an object. Unknown fields pass, and
what is null counts as left out, as in Go.
"""

from __future__ import annotations

import re
from typing import Any

from hack.devcluster.api.objects import Object

Shape = Any
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")

# Shapes: a type, "quantity" or "micro time", a dict of fields, [shape of the items], or {"*": shape of the values}.
_WORDS = {"*": str}
_META = {
    "name": str,
    "generateName": str,
    "namespace": str,
    "uid": str,
    "resourceVersion": str,
    "labels": _WORDS,
    "annotations": _WORDS,
    "finalizers": [str],
    "ownerReferences": [
        {"apiVersion": str, "kind": str, "name": str, "uid": str, "controller": bool, "blockOwnerDeletion": bool}
    ],
    "managedFields": [dict],
}
_REFERENCE = {"apiGroup": str, "kind": str, "name": str, "namespace": str}
_CONDITIONS = [{"type": str, "status": str, "reason": str, "message": str, "lastTransitionTime": str}]
_KEY = {"name": str, "key": str, "optional": bool}
_ENV = {
    "name": str,
    "value": str,
    "valueFrom": {"fieldRef": {"fieldPath": str}, "secretKeyRef": _KEY, "configMapKeyRef": _KEY},
}
_NAMED = {"name": str, "optional": bool}
_SECURITY = {
    "runAsUser": int,
    "runAsGroup": int,
    "runAsNonRoot": bool,
    "fsGroup": int,
    "fsGroupChangePolicy": str,
    "supplementalGroups": [int],
    "privileged": bool,
    "allowPrivilegeEscalation": bool,
    "readOnlyRootFilesystem": bool,
    "capabilities": {"add": [str], "drop": [str]},
}
_CONTAINER = {
    "name": str,
    "image": str,
    "command": [str],
    "args": [str],
    "workingDir": str,
    "env": [_ENV],
    "envFrom": [{"prefix": str, "secretRef": _NAMED, "configMapRef": _NAMED}],
    "resources": {"limits": {"*": "quantity"}, "requests": {"*": "quantity"}},
    "volumeMounts": [{"name": str, "mountPath": str, "subPath": str, "subPathExpr": str, "readOnly": bool}],
    "securityContext": _SECURITY,
    "terminationMessagePath": str,
    "terminationMessagePolicy": str,
    "ports": [{"name": str, "containerPort": int, "protocol": str}],
}
_ITEMS = [{"key": str, "path": str, "mode": int}]
_CLAIM_SPEC = {
    "accessModes": [str],
    "resources": {"requests": {"*": "quantity"}, "limits": {"*": "quantity"}},
    "storageClassName": str,
    "volumeMode": str,
    "volumeName": str,
    "dataSource": _REFERENCE,
    "dataSourceRef": _REFERENCE,
}
_VOLUME = {
    "name": str,
    "persistentVolumeClaim": {"claimName": str, "readOnly": bool},
    "secret": {"secretName": str, "items": _ITEMS, "defaultMode": int, "optional": bool},
    "configMap": {"name": str, "items": _ITEMS, "defaultMode": int, "optional": bool},
    "emptyDir": {"medium": str, "sizeLimit": "quantity"},
    "hostPath": {"path": str, "type": str},
    "ephemeral": {"volumeClaimTemplate": {"metadata": {"labels": _WORDS, "annotations": _WORDS}, "spec": _CLAIM_SPEC}},
}
_EXPRESSIONS = [{"key": str, "operator": str, "values": [str]}]
_TERMS = [{"matchExpressions": _EXPRESSIONS, "matchFields": _EXPRESSIONS}]
_POD_SPEC = {
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "volumes": [_VOLUME],
    "nodeName": str,
    "schedulingGates": [{"name": str}],
    "nodeSelector": _WORDS,
    "hostname": str,
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": _TERMS}}},
    "tolerations": [{"key": str, "operator": str, "value": str, "effect": str}],
    "restartPolicy": str,
    "serviceAccountName": str,
    "terminationGracePeriodSeconds": int,
    "activeDeadlineSeconds": int,
    "securityContext": _SECURITY,
}
_CONTAINER_STATUS = {"name": str, "restartCount": int, "state": {"*": dict}, "lastState": {"*": dict}}
_POD_STATUS = {
    "phase": str,
    "startTime": str,
    "conditions": _CONDITIONS,
    "containerStatuses": [_CONTAINER_STATUS],
    "initContainerStatuses": [_CONTAINER_STATUS],
}
_POLICY = {
    "rules": [
        {
            "action": str,
            "onExitCodes": {"containerName": str, "operator": str, "values": [int]},
            "onPodConditions": [{"type": str, "status": str}],
        }
    ]
}
_JOB_SPEC = {
    **dict.fromkeys(("parallelism", "completions", "backoffLimit"), int),
    **dict.fromkeys(("activeDeadlineSeconds", "ttlSecondsAfterFinished"), int),
    "suspend": bool,
    "manualSelector": bool,
    "managedBy": str,
    "podReplacementPolicy": str,
    "podFailurePolicy": _POLICY,
    "selector": {"matchLabels": _WORDS},
    "template": {"metadata": _META, "spec": _POD_SPEC},
}
_JOB_STATUS = {
    **dict.fromkeys(("active", "ready", "terminating", "succeeded", "failed"), int),
    "startTime": str,
    "conditions": _CONDITIONS,
}
_VOLUME_SPEC = {
    "accessModes": [str],
    "capacity": {"*": "quantity"},
    "claimRef": {"namespace": str, "name": str, "uid": str},
    "persistentVolumeReclaimPolicy": str,
    "storageClassName": str,
}
_PORTS = [{"name": str, "port": int, "protocol": str}]
_SHAPES: dict[str, Shape] = {
    "pods": {"spec": _POD_SPEC, "status": _POD_STATUS},
    "jobs": {"spec": _JOB_SPEC, "status": _JOB_STATUS},
    "replicasets": {"spec": {"template": {"spec": _POD_SPEC}}, "status": {"conditions": _CONDITIONS}},
    "deployments": {"spec": {"template": {"spec": _POD_SPEC}}, "status": {"conditions": _CONDITIONS}},
    "persistentvolumeclaims": {
        "spec": _CLAIM_SPEC,
        "status": {"phase": str, "capacity": {"*": "quantity"}, "conditions": _CONDITIONS},
    },
    "persistentvolumes": {"spec": _VOLUME_SPEC, "status": {"phase": str}},
    "storageclasses": {
        "provisioner": str,
        "volumeBindingMode": str,
        "allowVolumeExpansion": bool,
        "reclaimPolicy": str,
    },
    "secrets": {"data": _WORDS, "stringData": _WORDS, "type": str, "immutable": bool},
    "configmaps": {"data": _WORDS, "binaryData": _WORDS, "immutable": bool},
    "services": {"spec": {"ports": _PORTS, "externalName": str, "selector": _WORDS, "type": str}},
    "nodes": {
        "spec": {"unschedulable": bool, "taints": [{"key": str, "value": str, "effect": str}]},
        "status": {"conditions": _CONDITIONS},
    },
    "events": {
        "involvedObject": _REFERENCE,
        "regarding": _REFERENCE,
        "series": {"count": int, "lastObservedTime": "micro time"},
        "eventTime": "micro time",
        "count": int,
        **dict.fromkeys(("type", "reason", "message", "note", "action"), str),
        **dict.fromkeys(("reportingController", "reportingComponent", "reportingInstance"), str),
    },
    "leases": {
        "spec": {
            "holderIdentity": str,
            **dict.fromkeys(("leaseDurationSeconds", "leaseTransitions"), int),
            **dict.fromkeys(("acquireTime", "renewTime"), "micro time"),
        }
    },
    "roles": {"rules": [{"apiGroups": [str], "resources": [str], "verbs": [str], "resourceNames": [str]}]},
    "rolebindings": {"roleRef": _REFERENCE, "subjects": [_REFERENCE]},
    "volumesnapshots": {
        "spec": {
            "volumeSnapshotClassName": str,
            "source": {"persistentVolumeClaimName": str, "volumeSnapshotContentName": str},
        },
        "status": {
            "readyToUse": bool,
            "boundVolumeSnapshotContentName": str,
            "restoreSize": "quantity",
            "error": {"message": str},
        },
    },
    "volumesnapshotcontents": {"spec": {"deletionPolicy": str, "source": dict, "volumeSnapshotRef": _REFERENCE}},
    "customresourcedefinitions": {
        "spec": {
            "group": str,
            "scope": str,
            "names": {"plural": str, "kind": str, "singular": str, "shortNames": [str]},
            "versions": [
                {
                    "name": str,
                    "storage": bool,
                    "served": bool,
                    "schema": {"openAPIV3Schema": dict},
                    "subresources": {"*": dict},
                    "additionalPrinterColumns": [{"name": str, "jsonPath": str, "type": str}],
                }
            ],
        }
    },
}


def check(plural: str, obj: Object) -> str:
    """Return what is wrong with the types of an object, or an empty text; null fields are taken away."""
    shape = {"metadata": _META, **_SHAPES.get(plural, {"spec": dict, "status": dict})}
    return _look(shape, obj, "")


def drop_nulls(value: Any) -> None:
    """Take away what is null, as decoding into Go's structs does."""
    if isinstance(value, dict):
        for key in [k for k, v in value.items() if v is None]:
            del value[key]
        for inner in value.values():
            drop_nulls(inner)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item)


def _look(shape: Shape, value: Any, path: str) -> str:
    if isinstance(shape, dict):
        return _look_into(shape, value, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _mismatch(value, path, "array")
        return next((t for i, one in enumerate(value) if (t := _look(shape[0], one, f"{path}[{i}]"))), "")
    if shape == "quantity":
        fits = isinstance(value, str | int | float) and not isinstance(value, bool)
        return "" if fits else _mismatch(value, path, "resource.Quantity")
    if shape == "micro time":
        if not isinstance(value, str):
            return _mismatch(value, path, "v1.MicroTime")
        return "" if _MICRO_TIME.fullmatch(value) else f'parsing time "{value}" in {path}: no time with microseconds'
    fits = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    return "" if fits else _mismatch(value, path, {str: "string", int: "int64", bool: "bool"}.get(shape, "object"))


def _look_into(shape: Object, value: Any, path: str) -> str:
    if not isinstance(value, dict):
        return _mismatch(value, path, "object")
    for key, inner in value.items():
        wanted = shape.get(key, shape.get("*"))
        if wanted is not None and inner is not None:
            text = _look(wanted, inner, f"{path}.{key}" if path else str(key))
            if text:
                return text
    return ""


def _mismatch(value: Any, path: str, wanted: str) -> str:
    names = {str: "string", bool: "bool", dict: "object", list: "array", int: "number", float: "number"}
    kind = names.get(type(value), "null")
    return f"json: cannot unmarshal {kind} into Go struct field {path} of type {wanted}"
