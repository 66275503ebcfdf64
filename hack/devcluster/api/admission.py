"""What every write passes before it is stored: identity, types, unknown fields, and what validation says.

Guarantees: in place; the body leaves as it may be stored, or with the refusal of a real API server.
"""

from __future__ import annotations

from hack.devcluster.api import defaults, events, schema, shapes, validate
from hack.devcluster.api.call import Call
from hack.devcluster.api.errors import StatusError, bad_request, invalid
from hack.devcluster.api.objects import Object


def admit(call: Call, body: Object, old: Object | None) -> None:
    """Check and complete what is to be stored."""
    res = call.target.resource
    if res.plural == "events":
        body.update(events.as_core(body))
    _check_identity(call, body)
    shapes.drop_nulls(body["metadata"] if res.schema else body)
    problem = shapes.check("" if res.schema else res.plural, body)
    if problem:
        raise _undecodable(call, problem)
    if call.target.subresource == "status":
        parts = {"metadata": body["metadata"], **({"status": body["status"]} if "status" in body else {})}
        _check_schema(call, {"properties": {"status": (res.schema.get("properties") or {}).get("status") or {}}}, parts)
        return
    _check_schema(call, res.schema, body)
    defaults.fill(res.plural, body)
    if old is None and res.plural == "persistentvolumeclaims":
        classes = call.registry.list(call.registry.resource("storage.k8s.io", "storageclasses"))
        defaults.give_class(body, classes)
    validate.check(res, body, old, call.registry)


def _check_identity(call: Call, body: Object) -> None:
    """Compare what the body says it is with what the path says."""
    res, target = call.target.resource, call.target
    given, wanted = body.get("kind"), res.kind
    if given and given != wanted:
        raise bad_request(f'{given} in version "{body.get("apiVersion")}" cannot be handled as a {wanted}')
    version = body.get("apiVersion")
    if version and version != res.api_version and res.plural != "events":
        text = f"the API version in the data ({version}) does not match the expected API version ({res.api_version})"
        raise bad_request(text)
    meta = body.get("metadata")
    if meta is None:
        meta = body["metadata"] = {}
    if not isinstance(meta, dict):
        raise _undecodable(call, "json: cannot unmarshal into Go struct field metadata of type v1.ObjectMeta")
    if res.namespaced and meta.get("namespace") and meta["namespace"] != target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if res.namespaced:
        meta["namespace"] = target.namespace
    name = meta.setdefault("name", target.name)
    if target.name and name != target.name:
        text = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise bad_request(text)


def _undecodable(call: Call, problem: str) -> StatusError:
    res = call.target.resource
    if call.method == "PATCH":
        kind = f"{res.kind}.{res.group}" if res.group else res.kind
        return invalid(kind, call.target.name, "patch", f"Invalid value: {problem}")
    return bad_request(f'{res.kind} in version "{res.version}" cannot be handled as a {res.kind}: {problem}')


def _check_schema(call: Call, wanted: Object, body: Object) -> None:
    res = call.target.resource
    if not res.schema:
        return
    unknown = schema.admit(wanted, body, f"{res.kind}.{res.group}")
    if not unknown or call.target.subresource == "status":
        return
    texts = [f'unknown field "{field}"' for field in unknown]
    how = call.query.get("fieldValidation", "Warn")
    if how == "Strict":
        problem = f"strict decoding error: {', '.join(texts)}"
        raise _undecodable(call, problem)
    if how == "Warn":
        call.warnings += texts
