"""Objects against the types of Kubernetes' API, as its Python client has them: unknown fields and wrong types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubernetes.client import models

_PLAIN: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": int | float, "datetime": str}
# Group and version of each model's name.
_GROUPS = {
    "v1": "V1",
    "apps/v1": "V1",
    "rbac.authorization.k8s.io/v1": "V1",
    "networking.k8s.io/v1": "V1",
    "policy/v1": "V1",
    "apiextensions.k8s.io/v1": "V1",
    "admissionregistration.k8s.io/v1": "V1",
}


def is_builtin(obj: dict[str, Any]) -> bool:
    """Return whether Kubernetes itself has the kind of an object."""
    return obj["apiVersion"] in _GROUPS


def problems(obj: dict[str, Any]) -> list[str]:
    """Return what the API server would refuse or drop of an object of a kind of Kubernetes' own."""
    return list(_look(_GROUPS[obj["apiVersion"]] + obj["kind"], obj, obj["kind"]))


def _look(kind: str, value: Any, path: str) -> Iterator[str]:
    inner = re.fullmatch(r"(List|Dict)\[(?:str, ?)?(.+)\]", kind)
    if inner and inner[1] == "List":
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for index, one in enumerate(value):
            yield from _look(inner[2], one, f"{path}[{index}]")
    elif inner:
        if not isinstance(value, dict):
            yield f"{path} is no map"
            return
        for key, one in value.items():
            yield from _look(inner[2], one, f"{path}.{key}")
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):
            yield f"{path} is {value!r}, which is no {kind}"
    elif hasattr(getattr(models, kind, None), "attribute_map"):
        yield from _look_into(getattr(models, kind), value, path)


def _look_into(model: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    kinds = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
    for key, one in value.items():
        if key not in kinds:
            yield f"{path}.{key} is no field of {model.__name__}"
        else:
            yield from _look(kinds[key], one, f"{path}.{key}")
