"""The definitions have Kubernetes' own types as it publishes them, and take what was always taken."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.devcluster.api import schema as devcluster
from hack.devcluster.api.errors import StatusError
from hack.generate_crds import definitions, files
from hack.kubernetes_types import CORE, POD_FIELDS, QUANTITY, VOLUME_FIELDS, schema_of, taken
from hack.kubernetes_types import TARGET as PUBLISHED
from hack.protobuf_fields import TARGET as GO_TYPES
from tests.unit.movers.objects import destination, source

Object = dict[str, Any]
SCHEMAS = {d["spec"]["names"]["kind"]: d["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for d in definitions()}
GOLDEN = Path(__file__).parents[1] / "golden" / "volsync-objects"
SIZE: Object = {"x-kubernetes-int-or-string": True}
# What a node of a structural schema may say; Kubernetes refuses a definition with any other word in it.
WORDS = {"type", "format", "description", "properties", "required", "items", "additionalProperties", "enum", "pattern"}
WORDS |= {"minimum", "maximum", "minItems", "maxItems", "maxProperties", "maxLength", "anyOf"}
WORDS |= {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-map-type"}
WORDS |= {"x-kubernetes-list-type", "x-kubernetes-list-map-keys"}


def nodes(schema: Object, path: str = "") -> Iterator[tuple[str, Object]]:
    """Return each schema in a schema, with where it is."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}.{key}")


def full(schema: Object) -> Any:
    """Return a value that has all fields of a schema."""
    if schema.get("x-kubernetes-int-or-string"):
        return "1500m"
    if schema["type"] == "object":
        values = {"some/key": full(schema["additionalProperties"])} if "additionalProperties" in schema else {}
        return values | {name: full(inner) for name, inner in schema.get("properties", {}).items()}
    if schema["type"] == "array":
        return [full(schema["items"])]
    return {"string": "text", "integer": 2, "boolean": True}[schema["type"]]


def kept(kind: str, restic: Object) -> tuple[Object, list[str]]:
    """Return `spec.restic` as it is stored, and the fields that are not known."""
    obj: Object = {"metadata": {"name": "n"}, "spec": {"restic": copy.deepcopy(restic)}}
    unknown = devcluster.admit(SCHEMAS[kind], obj, "o")
    return obj["spec"]["restic"], unknown


def refused(restic: Object) -> str:
    """Return where and why a source is refused."""
    with pytest.raises(StatusError) as raised:
        kept("ReplicationSource", restic)
    return json.dumps(raised.value.body())


@pytest.mark.parametrize(
    ("path", "content"), files().items(), ids=lambda one: one.name if isinstance(one, Path) else ""
)
def test_the_definitions_are_what_is_generated(path: Path, content: str) -> None:
    assert path.read_text(encoding="utf-8") == content, "run python -m hack.generate_crds"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_definition_is_a_structural_schema_and_sets_nothing_by_itself(kind: str) -> None:
    for path, node in nodes(SCHEMAS[kind]):
        assert set(node) <= WORDS, path
        assert ("type" in node) is not bool(node.get("x-kubernetes-int-or-string")), path
        assert ("anyOf" in node) <= ("x-kubernetes-int-or-string" in node), path
        assert set(node.get("required", [])) <= set(node.get("properties", {})), path
        keys = set(node.get("x-kubernetes-list-map-keys", []))
        assert keys <= set(node.get("items", {}).get("required", [])), path


def test_a_definition_is_small_enough_for_an_annotation_of_its_own() -> None:
    # Kubernetes' limit of all annotations, which `kubectl apply` without --server-side meets.
    assert all(len(json.dumps(definition)) < 256 * 1024 for definition in definitions())


def test_each_type_has_the_fields_that_its_go_type_has() -> None:
    messages = json.loads(GO_TYPES.read_text(encoding="utf-8"))["messages"]
    by_go_type = {name.rpartition(".")[2]: {field[1] for field in fields} for name, fields in messages.items()}
    types = json.loads(PUBLISHED.read_text(encoding="utf-8"))["types"]
    published = {name.rpartition(".")[2]: set(one["properties"]) for name, one in types.items()}
    assert published == {name: by_go_type[name] for name in published}
    assert {*POD_FIELDS.values(), *VOLUME_FIELDS.values()} <= set(published)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_nothing_that_a_pod_may_have_is_pruned(kind: str) -> None:
    pod = {name: full(schema_of(of, "", quantity=SIZE)) for name, of in POD_FIELDS.items()}
    volumes = [
        {"mountPath": name, "volumeSource": {name: full(schema_of(of, "", quantity=SIZE))}}
        for name, of in VOLUME_FIELDS.items()
    ]
    restic = {**pod, "moverTolerations": [pod["moverTolerations"]], "moverVolumes": volumes}
    assert kept(kind, restic) == (restic, [])


def golden() -> Iterator[Any]:
    for path in sorted(GOLDEN.glob("*.yaml")):
        for obj in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if obj and obj["kind"] in SCHEMAS:
                yield pytest.param(obj, id=f"{path.stem}-{obj['kind']}")


@pytest.mark.parametrize("obj", list(golden()))
def test_objects_of_volsyncs_are_taken_as_they_are(obj: Object) -> None:
    taken_as = copy.deepcopy(obj)
    assert devcluster.admit(SCHEMAS[obj["kind"]], taken_as, "o") == []
    assert taken_as == obj


@pytest.mark.parametrize("size", [1, 0, "1", "1Gi", "100m", ".5", "+1", "1e3", "2.5E-1", "128974848000m"])
def test_a_size_is_taken_as_it_is_written(size: Any) -> None:
    restic = {"moverResources": {"limits": {"memory": size}, "requests": {"vendor.example/gpu": size}}}
    assert kept("ReplicationSource", restic) == (restic, [])


def test_null_is_as_good_as_left_out() -> None:
    rules = {"requiredDuringSchedulingIgnoredDuringExecution": None}
    restic: Object = {
        "moverAffinity": {"podAffinity": rules, "nodeAffinity": None},
        "moverSecurityContext": {"fsGroup": None},
    }
    restic |= {"moverTolerations": [{"key": None, "operator": "Exists"}], "moverResources": {"limits": None}}
    stored, unknown = kept("ReplicationSource", restic)
    assert unknown == []
    assert stored == {
        "moverAffinity": {"podAffinity": {}},
        "moverSecurityContext": {},
        "moverTolerations": [{"operator": "Exists"}],
        "moverResources": {},
    }


@pytest.mark.parametrize(
    ("restic", "told"),
    [
        ({"moverSecurityContext": {"runAsUser": "root"}}, "moverSecurityContext.runAsUser"),
        ({"moverSecurityContext": {"seccompProfile": {}}}, "moverSecurityContext.seccompProfile.type"),
        ({"moverResources": {"limits": {"cpu": "much"}}}, "moverResources.limits.cpu"),
        ({"moverResources": {"limits": ["1"]}}, "moverResources.limits"),
        ({"moverTolerations": [{"tolerationSeconds": "1"}]}, "moverTolerations[0].tolerationSeconds"),
        (
            {"moverAffinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}},
            "podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey",
        ),
        (
            {"moverVolumes": [{"mountPath": "m", "volumeSource": {"persistentVolumeClaim": {"readOnly": True}}}]},
            "moverVolumes[0].volumeSource.persistentVolumeClaim.claimName",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_no_pod_could_have_is_refused_with_its_place(restic: Object, told: str) -> None:
    assert f"spec.restic.{told}" in refused(restic).replace("spec.restic.moverAffinity.", "spec.restic.")


def test_a_misspelt_field_is_told_and_not_kept() -> None:
    restic = {"moverAffinity": {"nodeAfinity": {}}, "moverTolerations": [{"Key": "k", "operator": "Exists"}]}
    stored, unknown = kept("ReplicationSource", restic)
    assert stored == {"moverAffinity": {}, "moverTolerations": [{"operator": "Exists"}]}
    assert unknown == ["spec.restic.moverAffinity.nodeAfinity", "spec.restic.moverTolerations[0].Key"]


@pytest.mark.parametrize("objects", [source(), destination()], ids=["source", "destination"])
def test_what_decisions_are_tested_with_is_what_a_cluster_stores(objects: list[Object]) -> None:
    obj = copy.deepcopy(objects[0])
    assert devcluster.admit(SCHEMAS[obj["kind"]], obj, "o") == []


def test_a_word_that_is_published_and_not_known_here_is_no_schema(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = {CORE + "Toleration": {"type": "object", "properties": {"key": {"type": "string", "const": "k"}}}}
    published = tmp_path / "types.json"
    published.write_text(json.dumps({"types": found}))
    monkeypatch.setattr("hack.kubernetes_types.TARGET", published)
    with pytest.raises(ValueError, match="const"):
        schema_of("Toleration", "", quantity=SIZE)


def test_only_the_types_that_ours_are_made_of_are_taken() -> None:
    names: dict[str, Object] = {
        CORE + name: {"type": "object"} for name in (*POD_FIELDS.values(), *VOLUME_FIELDS.values(), "Pod", "Inner")
    }
    names[CORE + "Affinity"] = {"properties": {"a": {"allOf": [{"$ref": f"#/components/schemas/{CORE}Inner"}]}}}
    names[CORE + "Inner"] = {"properties": {"q": {"$ref": f"#/components/schemas/{QUANTITY}"}}}
    assert set(taken(names)) == set(names) - {CORE + "Pod"}
