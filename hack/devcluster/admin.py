"""The endpoints under /devcluster/: faults on demand, and the record of requests."""

from __future__ import annotations

from typing import Any

from hack.devcluster.api.errors import StatusError, bad_request
from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import Registry
from hack.devcluster.faults import Faults


def answer(what: str, body: Any, registry: Registry, faults: Faults, node: Any) -> Object:
    """Do what is asked for."""
    if not isinstance(body, dict):
        raise bad_request("the body must be an object")
    if what == "requests":
        return {"requests": faults.recorded()}
    if what == "clear":
        faults.clear()
    elif what == "faults":
        try:
            faults.add(body)
        except (TypeError, ValueError) as error:
            raise bad_request(f"no such rule: {error}") from None
    elif what == "break-watches":
        faults.cut(str(body.get("resource", "")))
        with registry.changed:
            registry.changed.notify_all()
    elif what == "expire-versions":
        registry.expire_versions()
    elif what == "node":
        try:
            node.fault(body.pop("fault", ""), **body)
        except TypeError as error:
            raise bad_request(str(error)) from None
    else:
        raise StatusError(404, "NotFound", f"no such endpoint: {what}")
    return {}
