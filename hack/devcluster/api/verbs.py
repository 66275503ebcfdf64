"""The verbs: get, create, update, patch, delete, and who answers the others.

Guarantees: nothing is stored that admission has not seen, and nothing at all in a dry run.
"""

from __future__ import annotations

from typing import Any

from hack.devcluster.api import apply, events, lists, pod_exec, pod_log, watch
from hack.devcluster.api.admission import admit
from hack.devcluster.api.call import APPLY, STRATEGIC, Call
from hack.devcluster.api.conditions import set_condition
from hack.devcluster.api.errors import StatusError, bad_request, not_found
from hack.devcluster.api.objects import Object
from hack.devcluster.api.patch import apply_patch
from hack.devcluster.api.table import as_table

Answer = tuple[int, Object | None]


def answer(call: Call) -> Answer:
    """Answer a request; None where the answer was a stream."""
    if call.verb == "watch":
        watch.serve(call)
        return 200, None
    if call.verb == "get" and call.target.subresource == "log":
        pod_log.serve(call)
        return 200, None
    if call.target.subresource == "exec":
        pod_exec.serve(call)
        return 101, None
    return _VERBS[call.verb](call)


def _get(call: Call) -> Answer:
    found = _current(call)
    if call.table:
        return 200, as_table(call.target.resource, [found], {"resourceVersion": found["metadata"]["resourceVersion"]})
    return 200, found


def _current(call: Call) -> Object:
    found = call.registry.get(call.target.resource, call.target.namespace, call.target.name)
    if found is None:
        raise not_found(call.target.resource.title, call.target.name)
    return found


def _list(call: Call) -> Answer:
    return 200, lists.page(call)


def _create(call: Call) -> Answer:
    if call.target.subresource == "eviction":
        return 201, _evict(call)
    if call.target.name or (call.target.resource.namespaced and not call.target.namespace):
        raise StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    if call.target.resource.plural == "selfsubjectaccessreviews":
        # One token may do everything; the answer is all there is of a review.
        return 201, {**call.object(), "status": {"allowed": True}}
    return _create_from(call, call.object())


def _create_from(call: Call, body: Object) -> Answer:
    res = call.target.resource
    admit(call, body, None)
    return 201, call.registry.create(res, body, dry_run=call.dry_run)


def _update(call: Call) -> Answer:
    body = call.object()
    if call.target.subresource == "finalize":
        return 200, _current(call)
    with call.registry.changed:
        admit(call, body, _current(call))
        return 200, call.registry.update(call.target.resource, body, call.target.subresource, dry_run=call.dry_run)


def _patch(call: Call) -> Answer:
    body, res = call.body(), call.target.resource
    if call.media == STRATEGIC and res.schema:
        raise StatusError(415, "UnsupportedMediaType", "strategic merge patch is not supported for custom resources")
    if res.plural == "events" and isinstance(body, dict):
        body = events.as_core(body)
    with call.registry.changed:
        old = call.registry.get(res, call.target.namespace, call.target.name)
        if call.media == APPLY:
            new = apply.applied(call, old, body)
            if old is None:
                return _create_from(call, new)
        elif old is None:
            raise not_found(res.title, call.target.name)
        else:
            new = apply_patch(call.media, old, body)
        if not isinstance(new.get("metadata"), dict):
            raise bad_request("an object needs metadata")
        given = body.get("metadata") if isinstance(body, dict) else None
        if not (isinstance(given, dict) and given.get("resourceVersion")):
            new["metadata"].pop("resourceVersion", None)
        admit(call, new, old)
        return 200, call.registry.update(res, new, call.target.subresource, dry_run=call.dry_run)


def _options(call: Call) -> dict[str, Any]:
    """Return how something is to be deleted."""
    given = call.object()
    grace = given.get("gracePeriodSeconds", call.number("gracePeriodSeconds"))
    if grace is not None and (isinstance(grace, bool) or not isinstance(grace, int)):
        raise bad_request("gracePeriodSeconds must be a number")
    policy = given.get("propagationPolicy") or call.query.get("propagationPolicy", "")
    if policy not in ("", "Orphan", "Background", "Foreground"):
        raise StatusError(422, "Invalid", f"propagationPolicy: Invalid value: {policy!r}")
    wanted = given.get("preconditions") or {}
    if not isinstance(wanted, dict):
        raise bad_request("preconditions must be an object")
    dry = call.dry_run or "All" in (given.get("dryRun") or [])
    names = {"uid": wanted.get("uid") or "", "resource_version": wanted.get("resourceVersion") or ""}
    return {"propagation": policy, "grace_seconds": grace, "dry_run": dry, **names}


def _delete(call: Call) -> Answer:
    res, name = call.target.resource, call.target.name
    left = call.registry.delete(res, call.target.namespace, name, **_options(call))
    if left["metadata"].get("deletionTimestamp"):
        return 200, left
    details = {"name": name, "group": res.group, "kind": res.plural, "uid": left["metadata"]["uid"]}
    return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _delete_collection(call: Call) -> Answer:
    res, options, matches = call.target.resource, _options(call), call.matches()
    with call.registry.changed:
        for obj in call.registry.stored(res, call.target.namespace or None):
            if matches(obj):
                meta = obj["metadata"]
                call.registry.delete(res, meta.get("namespace"), meta["name"], **options)
    return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _evict(call: Call) -> Object:
    """Delete a pod as the eviction API does, which says why in the pod's status first."""
    body, target = call.object(), call.target
    given = body.get("deleteOptions") or {}
    if not isinstance(given, dict):
        raise bad_request("deleteOptions must be an object")
    dry = call.dry_run or "All" in (given.get("dryRun") or [])
    grace = given.get("gracePeriodSeconds")
    with call.registry.changed:
        pod = _current(call)
        if not dry and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            call.registry.modify(target.resource, target.namespace, target.name, _disrupted, subresource="status")
        call.registry.delete(target.resource, target.namespace, target.name, grace_seconds=grace, dry_run=dry)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _disrupted(pod: Object) -> None:
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    message = "Eviction API: evicting"
    set_condition(conditions, "DisruptionTarget", "True", "EvictionByEvictionAPI", message)


_VERBS = {
    "get": _get,
    "list": _list,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_collection,
}
