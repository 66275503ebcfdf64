"""Kubernetes' own types inside our definitions, as it publishes them: `python -m hack.kubernetes_types` takes them.

What comes out is a part of Kubernetes' OpenAPI document, unchanged but for its order. Needs Go, and the network once.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from volsync_py.api import fields

Schema = dict[str, Any]
# What a version does not know is pruned from users' objects, so this one is never set back.
VERSION = "v1.36.3"
TARGET = Path(__file__).parent / "kubernetes_types.json"
PUBLISHED = "api/openapi-spec/v3/api__v1_openapi.json"
CORE = "io.k8s.api.core.v1."
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
# Fields of `spec.restic` and of the source of a mover volume, each with the type that it has.
POD_FIELDS = {
    "moverSecurityContext": "PodSecurityContext",
    "moverResources": "ResourceRequirements",
    "moverAffinity": "Affinity",
    "moverTolerations": "Toleration",
}
VOLUME_FIELDS = {
    "persistentVolumeClaim": "PersistentVolumeClaimVolumeSource",
    "secret": "SecretVolumeSource",
    "nfs": "NFSVolumeSource",
}
# What a structural schema has too. The merge of lists and maps is the pod's own.
_KEPT = {"type", "format", "description", "required", "x-kubernetes-map-type"}
_KEPT |= {"x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
# A default would be written into users' objects, where the pod gets it anyway; unions are not known in definitions.
_LEFT_OUT = {"default", "x-kubernetes-unions"}


def schema_of(name: str, description: str, *, quantity: Schema) -> Schema:
    """Return the structural schema of a type, each text, list and map of it with an end; `quantity` is that of a size.

    Raises KeyError if the type was not taken, ValueError if it is published with words that are not known here.
    """
    types = json.loads(TARGET.read_text(encoding="utf-8"))["types"]
    return {**_structural(types[CORE + name], types, quantity), "description": description}


def _structural(published: Schema, types: dict[str, Schema], quantity: Schema) -> Schema:
    """Return a schema without references; one beside which something is said has them inside `allOf`."""
    (reference,) = [part["$ref"] for part in (published, *published.get("allOf", [])) if "$ref" in part] or [""]
    if reference:
        name = _name(reference)
        told = {key: published[key] for key in ("description",) if key in published}
        return {**(quantity if name == QUANTITY else _structural(types[name], types, quantity)), **told}
    inner = {"properties", "items", "additionalProperties"}
    if unknown := set(published) - _KEPT - _LEFT_OUT - inner:
        raise ValueError(f"published with {', '.join(sorted(unknown))}, which is not known here")
    made = {key: value for key, value in published.items() if key in _KEPT}
    if "properties" in published:
        properties = published["properties"].items()
        made["properties"] = {key: _structural(value, types, quantity) for key, value in properties}
    for key in ("items", "additionalProperties"):
        if key in published:
            made[key] = _structural(published[key], types, quantity)
    return {**made, **_end(made)}


def _end(schema: Schema) -> Schema:
    """Return where a text, list or map ends."""
    if schema["type"] == "string":
        return {"maxLength": fields.LONGEST_TEXT}
    if schema["type"] == "array":
        return {"maxItems": fields.MOST_ITEMS}
    return {"maxProperties": fields.MOST_ITEMS} if "additionalProperties" in schema else {}


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _references(schema: Any) -> Iterator[str]:
    """Return the names of the types that a schema is made of."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield _name(schema["$ref"])
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def taken(published: dict[str, Schema]) -> dict[str, Schema]:
    """Return the types of our fields, and those that they are made of."""
    found: dict[str, Schema] = {}
    wanted = [CORE + name for name in (*POD_FIELDS.values(), *VOLUME_FIELDS.values())]
    while wanted:
        name = wanted.pop()
        if name not in found and name != QUANTITY:
            found[name] = published[name]
            wanted += _references(published[name])
    return dict(sorted(found.items()))


def main() -> None:
    """Write the file."""
    command = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@{VERSION}"]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    document = json.loads((Path(json.loads(told)["Dir"]) / PUBLISHED).read_text(encoding="utf-8"))
    content = {"kubernetes": VERSION, "types": taken(document["components"]["schemas"])}
    TARGET.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
