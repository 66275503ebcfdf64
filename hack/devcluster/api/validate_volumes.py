"""Validation of claims, volumes, snapshots and their classes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hack.devcluster.api.errors import StatusError
from hack.devcluster.api.names import subdomain
from hack.devcluster.api.objects import Object
from hack.devcluster.api.problems import Problems
from hack.devcluster.api.quantities import quantity_bytes

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_FIXED = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def _access_modes(problems: Problems, modes: list[str]) -> None:
    if not modes:
        problems.required("spec.accessModes", "at least 1 access mode is required")
    for mode in modes:
        problems.one_of("spec.accessModes", mode, _MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        problems.forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes")


def _size(problems: Problems, field: str, amount: Any) -> None:
    if amount is None:
        problems.required(field)
    elif problems.quantity(field, amount) and quantity_bytes(amount) <= 0:
        problems.invalid(field, amount, "must be greater than zero")


def claim(problems: Problems, obj: Object, old: Object | None) -> None:
    """Check a claim, and what changes of it."""
    spec = obj.get("spec") or {}
    _access_modes(problems, spec.get("accessModes") or [])
    resources = spec.get("resources") or {}
    requests = resources.get("requests") or {}
    _size(problems, "spec.resources[storage]", requests.get("storage"))
    problems.one_of("spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))
    if spec.get("storageClassName"):
        problems.text("spec.storageClassName", spec["storageClassName"], subdomain(spec["storageClassName"]))
    for field in ("dataSource", "dataSourceRef"):
        _source(problems, spec.get(field), f"spec.{field}")
    if old is not None and not problems.causes:
        _change(problems, spec, old)


def _source(problems: Problems, source: Object | None, path: str) -> None:
    if source is None:
        return
    for field in ("name", "kind"):
        if not source.get(field):
            problems.required(f"{path}.{field}")
    if not source.get("apiGroup") and source.get("kind") not in (None, "", "PersistentVolumeClaim"):
        problems.invalid(path, source["kind"], "must be 'PersistentVolumeClaim' when referencing the default apiGroup")


def _change(problems: Problems, new: Object, old: Object) -> None:
    before, after = copy.deepcopy(old["spec"]), copy.deepcopy(new)
    bound = (old.get("status") or {}).get("phase") == "Bound"
    after.setdefault("volumeMode", before.get("volumeMode"))
    # Who binds a claim, and who gives it the default class, sets what was open.
    for field in ("volumeName", "storageClassName"):
        if field in after and field not in before:
            before[field] = after[field]
    was, wanted = (one["resources"].pop("requests", {}) for one in (before, after))
    if before != after or (was != wanted and not bound):
        problems.forbidden("spec", _FIXED)
    elif quantity_bytes(wanted["storage"]) < quantity_bytes(was["storage"]):
        why = "field can not be less than status.capacity"
        problems.forbidden("spec.resources.requests.storage", why)


def check_growth(obj: Object, old: Object, find_class: Callable[[str], Object | None]) -> None:
    """Refuse a claim more where its class does not let it grow, as admission does: 403."""
    wanted, was = (one["spec"]["resources"]["requests"]["storage"] for one in (obj, old))
    if quantity_bytes(wanted) <= quantity_bytes(was):
        return
    found = find_class(old["spec"].get("storageClassName") or "")
    if found is None or not found.get("allowVolumeExpansion"):
        name = old["metadata"]["name"]
        why = (
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
            "support resize"
        )
        details = {"name": name, "kind": "persistentvolumeclaims"}
        raise StatusError(403, "Forbidden", f'persistentvolumeclaims "{name}" is forbidden: {why}', details)


def volume(problems: Problems, obj: Object, old: Object | None) -> None:
    """Check a volume."""
    spec = obj.get("spec") or {}
    _access_modes(problems, spec.get("accessModes") or [])
    _size(problems, "spec.capacity[storage]", (spec.get("capacity") or {}).get("storage"))
    policies = ("Delete", "Recycle", "Retain")
    problems.one_of("spec.persistentVolumeReclaimPolicy", spec.get("persistentVolumeReclaimPolicy"), policies)


def storage_class(problems: Problems, obj: Object, old: Object | None) -> None:
    """Check a StorageClass."""
    if not obj.get("provisioner"):
        problems.required("provisioner")
    problems.one_of("volumeBindingMode", obj.get("volumeBindingMode"), ("Immediate", "WaitForFirstConsumer"))
    problems.one_of("reclaimPolicy", obj.get("reclaimPolicy"), ("Delete", "Recycle", "Retain"))


def snapshot(problems: Problems, obj: Object, old: Object | None) -> None:
    """Check a VolumeSnapshot as its definition's rules do."""
    spec = obj.get("spec")
    if spec is None:
        problems.required("spec")
        return
    source = spec.get("source")
    if source is None:
        problems.required("spec.source")
        return
    fields = ("persistentVolumeClaimName", "volumeSnapshotContentName")
    if len([field for field in fields if field in source]) != 1:
        problems.invalid("spec.source", "object", f"exactly one of {' and '.join(fields)} must be set")
    before = ((old or {}).get("spec") or {}).get("source") or {}
    for field in fields:
        if old is not None and before.get(field) != source.get(field):
            problems.invalid(f"spec.source.{field}", source.get(field, ""), f"{field} is immutable")
    if spec.get("volumeSnapshotClassName") == "":
        problems.invalid(
            "spec.volumeSnapshotClassName", "", "volumeSnapshotClassName must not be the empty string when set"
        )


def snapshot_class(problems: Problems, obj: Object, old: Object | None) -> None:
    """Check a VolumeSnapshotClass."""
    for field in ("driver", "deletionPolicy"):
        if not obj.get(field):
            problems.required(field)
