"""What a write makes of an object: what may change, what the API fills in, how long a pod has to end.

Guarantees: pure; the objects given as old are never changed.
"""

from __future__ import annotations

import base64
import copy

from hack.devcluster.api.errors import StatusError, conflict, invalid
from hack.devcluster.api.objects import Object
from hack.devcluster.api.resources import Resource

_KEPT = ("uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp")
_DEFAULT_GRACE_SECONDS = 30
_FOREGROUND = "foregroundDeletion"


def grace_period(res: Resource, pod: Object, asked: int | None) -> int:
    """Return how long a pod has to end; nothing else has any time."""
    if res.plural != "pods" or not (pod.get("spec") or {}).get("nodeName"):
        return 0
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    own = pod["spec"].get("terminationGracePeriodSeconds")
    wanted = asked if asked is not None else (_DEFAULT_GRACE_SECONDS if own is None else own)
    # A negative one means one second.
    wanted = 1 if wanted < 0 else wanted
    before = pod["metadata"].get("deletionGracePeriodSeconds")
    return int(min(wanted, before) if before is not None else wanted)


def merged_update(res: Resource, old: Object, new: Object, subresource: str) -> Object:
    """Return what an update may change: not the identity, and the status only through its subresource."""
    if subresource == "status":
        result = copy.deepcopy(old)
        if "status" in new:
            result["status"] = new["status"]
        else:
            result.pop("status", None)
        return result
    new.update(apiVersion=res.api_version, kind=res.kind)
    if res.has_status and subresource != "all":
        new.pop("status", None)
        if "status" in old:
            new["status"] = copy.deepcopy(old["status"])
    meta, before = new["metadata"], old["metadata"]
    for field in [*_KEPT, *([] if subresource == "all" else ["deletionGracePeriodSeconds"])]:
        if field in before:
            meta[field] = before[field]
        elif field != "deletionTimestamp" or subresource != "all":
            meta.pop(field, None)
    for field in ("labels", "annotations", "ownerReferences", "finalizers", "managedFields"):
        if not meta.get(field):
            meta.pop(field, None)
            if field in before and not before[field]:
                meta[field] = before[field]
    return new


def check_immutable(res: Resource, old: Object, new: Object) -> None:
    """Refuse what nobody may change, not even a controller."""
    name = old["metadata"]["name"]
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if res.plural == "jobs":
        for field in ("template", "completions", "selector"):
            if before.get(field) != after.get(field):
                raise invalid("Job.batch", name, f"spec.{field}", "field is immutable")
    if res.plural == "secrets" and old.get("immutable") and old.get("data") != new.get("data"):
        raise invalid("Secret", name, "data", "field is immutable when `immutable` is set")


def secret_data(obj: Object) -> None:
    """Fold `stringData` into `data`, as the API does."""
    given = obj.pop("stringData", None)
    if given:
        try:
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in given.items()}
        except AttributeError:
            raise StatusError(400, "BadRequest", "stringData: every value must be a string") from None
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    obj.setdefault("type", "Opaque")


def marked_deleted(res: Resource, old: Object, propagation: str, grace_seconds: int | None) -> tuple[Object, int]:
    """Return the object as its deletion makes it, and how many seconds it has."""
    new = copy.deepcopy(old)
    meta = new["metadata"]
    if propagation == "Foreground" and _FOREGROUND not in (meta.get("finalizers") or []):
        meta["finalizers"] = [*(meta.get("finalizers") or []), _FOREGROUND]
    grace = grace_period(res, old, grace_seconds)
    if res.plural == "namespaces":
        new["status"] = {"phase": "Terminating"}
        meta.setdefault("finalizers", ["kubernetes"])
    if res.plural == "pods":
        meta["deletionGracePeriodSeconds"] = grace
    return new, grace


def check_preconditions(res: Resource, old: Object, given: Object) -> None:
    """Refuse a write that is meant for another object or another version."""
    for field in ("uid", "resourceVersion"):
        wanted, actual = given.get(field), old["metadata"][field]
        if wanted and wanted != actual:
            why = (
                "the object has been modified; please apply your changes to the latest version and try again"
                if field == "resourceVersion"
                else f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {actual}"
            )
            raise conflict(res.title, old["metadata"]["name"], why)
