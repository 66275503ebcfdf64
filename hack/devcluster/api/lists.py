"""Lists: whole or in pages, as objects or as the columns that kubectl shows.

Guarantees: all pages of a list show one moment, however much is written in between; when that moment is no longer
kept, the next page is 410.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from hack.devcluster.api.call import Call
from hack.devcluster.api.errors import StatusError, bad_request
from hack.devcluster.api.objects import Object
from hack.devcluster.api.table import as_table


def page(call: Call) -> Object:
    """Answer a list."""
    registry, res = call.registry, call.target.resource
    limit, token = call.number("limit") or 0, call.query.get("continue", "")
    with registry.changed:
        version, after = _place(token) if token else (_moment(call), ("", ""))
        current = version == registry.version
        found = registry.stored(res, call.target.namespace or None, None if current else version)
    matches = call.matches()
    items = [obj for obj in found if _place_of(obj) > after and matches(obj)]
    meta: Object = {"resourceVersion": str(version)}
    if limit and len(items) > limit:
        meta["continue"] = _token(version, items[limit - 1])
        if not call.query.get("labelSelector") and not call.query.get("fieldSelector"):
            meta["remainingItemCount"] = len(items) - limit
        items = items[:limit]
    if call.table:
        return as_table(res, items, meta)
    return {"kind": f"{res.kind}List", "apiVersion": res.api_version, "metadata": meta, "items": items}


def _moment(call: Call) -> int:
    """Return the version that the list is to show."""
    now, wanted = call.registry.version, call.number("resourceVersion") or 0
    if wanted > now:
        text = f"Too large resource version: {wanted}, current: {now}"
        raise StatusError(504, "Timeout", text, {"retryAfterSeconds": 1})
    return wanted if wanted and call.query.get("resourceVersionMatch") == "Exact" else now


def _place_of(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _token(version: int, last: Object) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *_place_of(last)]).encode()).decode()


def _place(token: str) -> tuple[int, tuple[str, str]]:
    try:
        given: Any = json.loads(base64.urlsafe_b64decode(token))
        version, namespace, name = given
        return int(version), (str(namespace), str(name))
    except (ValueError, TypeError):
        raise bad_request("continue key is not valid") from None
