"""Write docs/fields.md from the definitions: `python -m hack.generate_fields_page` after a change of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hack.generate_crds import definitions
from hack.kubernetes_types import POD_FIELDS, VOLUME_FIELDS
from hack.pages import DOCS, code, table
from hack.schema_fields import Schema

TARGET = DOCS / "fields.md"
# Kubernetes' own types, which its own documentation describes.
_OF_KUBERNETES = {**POD_FIELDS, "moverTolerations": "Toleration"}
_HEAD = """# Fields

Made from the definitions in `manifests/crds`. `kubectl explain replicationsource.spec.restic` says the same in a
cluster. Texts, lists and maps have a maximum length.

A field is optional, unless it says that it must be given. But without these the condition `Healthy` says what is
missing, and nothing runs: `restic` with `repository` and `copyMethod`; in a source also `sourcePVC`; in a destination
also `destinationPVC`, or `capacity` and `accessModes`.
"""
_OF_THE_KIND = {
    "ReplicationSource": "Backs a claim up. `kubectl get vsrs` lists them.",
    "ReplicationDestination": "Restores a backup. `kubectl get vsrd` lists them.",
}
_SECTIONS = {"spec": "what you write", "status": "what the operator writes"}
Row = tuple[str, str, str]


def rows(schema: Schema, path: str, required: bool = False) -> Iterator[Row]:
    """Return path, type and meaning of a field and of those in it."""
    name = path.rpartition(".")[2].removesuffix("[]")
    note = " Must be given." if required else ""
    own = _OF_KUBERNETES.get(name) or VOLUME_FIELDS.get(name)
    kind = f"Kubernetes' {own}" if own and "properties" in _item(schema) else _kind(schema)
    yield path, kind, f"{schema.get('description', '')}{note}{_bounds(schema)}"
    if kind.startswith("Kubernetes"):
        return
    inner = _item(schema)
    base = f"{path}[]" if schema.get("type") == "array" else path
    for key, value in inner.get("properties", {}).items():
        yield from rows(value, f"{base}.{key}", key in inner.get("required", ()))


def _item(schema: Schema) -> Schema:
    found: Any = schema.get("items", schema)
    return dict(found)


def _kind(schema: Schema) -> str:
    if "anyOf" in schema:
        return "quantity"
    if schema.get("format") == "date-time":
        return "time"
    kind = str(schema.get("type", ""))
    if kind == "array":
        return f"list of {_kind(_item(schema))}s"
    if kind == "object" and "additionalProperties" in schema:
        return "map of strings"
    return kind


def _bounds(schema: Schema) -> str:
    one = _item(schema)
    said = ""
    if "enum" in one:
        said += " One of " + ", ".join(code(str(value)) for value in one["enum"]) + "."
    # Some fields take less by their schema, which is VolSync's, than the operator does; their meaning says so.
    if ("minimum" in one or "maximum" in one) and "at least" not in one.get("description", ""):
        said += f" {_range(one.get('minimum'), one.get('maximum'))}."
    if "default" in schema:
        said += f" Default: {code(str(schema['default']))}."
    return said


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"At least {least}"
    return f"At most {most}" if least is None else f"From {least} to {most}"


def page() -> str:
    """Return the page."""
    text = _HEAD
    for definition in definitions():
        kind = definition["spec"]["names"]["kind"]
        version = definition["spec"]["versions"][0]
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        text += f"\n## {kind}\n\n{_OF_THE_KIND[kind]}\n"
        for section, meaning in _SECTIONS.items():
            text += f"\n### {kind}: `{section}`, {meaning}\n\n"
            found = list(rows(properties[section], section))[1:]
            text += table(("field", "type", "meaning"), ((code(path), type_, note) for path, type_, note in found))
    return text


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
