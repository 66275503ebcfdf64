"""What kubectl asks before it does anything: groups, kinds, and the OpenAPI that lets it apply."""

from __future__ import annotations

from typing import Any

from hack.devcluster.api.registry import Registry
from hack.devcluster.api.resources import Resource

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.0-devcluster", "platform": "linux/amd64"}


def answer(registry: Registry, path: str) -> dict[str, Any] | None:
    """Return the document at a path that names no object, or None."""
    parts = [p for p in path.split("/") if p]
    if parts == ["version"]:
        return dict(VERSION)
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"]}
    if parts == ["apis"]:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups(registry)}
    if parts == ["api", "v1"]:
        return _resources(registry, "", "v1")
    if len(parts) == 3 and "/".join(parts) in _group_paths(registry):
        return _resources(registry, parts[1], parts[2])
    if parts == ["openapi", "v3"]:
        return {"paths": {p: {"serverRelativeURL": f"/openapi/v3/{p}?hash=1"} for p in _group_paths(registry)}}
    if parts[:2] == ["openapi", "v3"]:
        return _openapi(registry, "/".join(parts[2:]))
    return None


def _groups(registry: Registry) -> list[dict[str, Any]]:
    seen: dict[str, str] = {r.group: r.version for r in registry.resources() if r.group}
    groups = []
    for name, version in seen.items():
        one = {"groupVersion": f"{name}/{version}", "version": version}
        groups.append({"name": name, "versions": [one], "preferredVersion": one})
    return groups


def _resources(registry: Registry, group: str, version: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for res in registry.resources():
        if (res.group, res.version) != (group, version):
            continue
        common = {"namespaced": res.namespaced, "kind": res.kind, "singularName": res.kind.lower()}
        names = {"shortNames": list(res.short_names), "categories": list(res.categories)}
        found.append({"name": res.plural, "verbs": _VERBS, **names, **common})
        if res.has_status:
            found.append({"name": f"{res.plural}/status", "verbs": ["get", "patch", "update"], **common})
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found}


def _group_paths(registry: Registry) -> list[str]:
    return sorted({_group_path(r) for r in registry.resources()})


def _group_path(res: Resource) -> str:
    return f"apis/{res.group}/{res.version}" if res.group else f"api/{res.version}"


def _openapi(registry: Registry, path: str) -> dict[str, Any]:
    """Return what kubectl needs to know of a group's kinds: that they can be patched, and what their fields mean."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    parameters = [{"name": "fieldValidation", "in": "query"}]
    for res in registry.resources():
        if _group_path(res) != path:
            continue
        gvk = {"group": res.group, "version": res.version, "kind": res.kind}
        inside = "namespaces/{namespace}/" if res.namespaced else ""
        url = f"/{path}/{inside}{res.plural}/{{name}}"
        operation = {"x-kubernetes-group-version-kind": gvk, "parameters": parameters}
        paths[url] = {"patch": operation, "post": operation, "get": operation}
        if res.schema:
            schemas[_schema_name(res)] = _schema(res, gvk)
    info = {"title": "devcluster", "version": "1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _schema_name(res: Resource) -> str:
    return ".".join([*reversed(res.group.split(".")), res.version, res.kind])


def _schema(res: Resource, gvk: dict[str, str]) -> dict[str, Any]:
    given = res.schema.get("properties") or {}
    common = {
        "apiVersion": {"type": "string", "description": "The version of this representation of an object."},
        "kind": {"type": "string", "description": "The kind of the object."},
        "metadata": {"type": "object", "description": "Standard object's metadata."},
    }
    return {
        **res.schema,
        "properties": {**common, **{k: v for k, v in given.items() if k not in common}},
        "x-kubernetes-group-version-kind": [gvk],
    }
