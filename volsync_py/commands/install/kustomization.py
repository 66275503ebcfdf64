"""Builds what `kubectl kustomize` builds of the manifests, where neither kubectl nor a checkout is.

It knows the part of kustomize that our manifests use and refuses the rest; the tests compare what comes out with
kubectl's own, folder by folder. Unlike kustomize it takes several overlays of one base at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.resources.abc import Traversable
from typing import Any

import yaml

Object = dict[str, Any]
# libyaml reads the definitions in a tenth of the time, where PyYAML was built with it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "CustomResourceDefinition",
        "ClusterRole",
        "ClusterRoleBinding",
        "SecurityContextConstraints",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
_NO_FIELDS = frozenset({"apiVersion", "kind"})


class NotKnown(ValueError):
    """A kustomization uses what is not known here."""


def build(root: Traversable, folders: Iterable[str]) -> list[Object]:
    """Return the objects of some folders below the root, each once, as the folders change them, in order."""
    objects: list[Object] = []
    built: set[str] = set()
    for folder in folders:
        _Folder(root, folder, built).add_to(objects)
    return objects


class _Folder:
    """One folder with a kustomization, and which folders are built already."""

    def __init__(self, root: Traversable, path: str, built: set[str]) -> None:
        self._root, self._path, self._built = root, path, built

    def add_to(self, objects: list[Object]) -> None:
        """Add the folder's resources, and change what is there as it says."""
        if self._path in self._built:
            return
        self._built.add(self._path)
        (found,) = yaml.load_all(self._read("kustomization.yaml"), _Loader)
        fields: Object = {name: value for name, value in found.items() if name not in _NO_FIELDS}
        for resource in fields.pop("resources", []):
            if resource.endswith(".yaml"):
                objects += filter(None, yaml.load_all(self._read(resource), _Loader))
            else:
                _Folder(self._root, _joined(self._path, resource), self._built).add_to(objects)
        for name, value in fields.items():
            if name not in _FIELDS:
                raise NotKnown(f"{self._path}/kustomization.yaml: {name}")
            _FIELDS[name](objects, value)

    def _read(self, name: str) -> str:
        file = self._root
        for part in (*self._path.split("/"), name):
            file /= part
        return file.read_text(encoding="utf-8")


def _joined(path: str, relative: str) -> str:
    parts = path.split("/")
    for part in relative.split("/"):
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _set_namespace(objects: list[Object], namespace: str) -> None:
    for obj in objects:
        if obj["kind"] == "Namespace":
            obj["metadata"]["name"] = namespace
        elif obj["kind"] not in _CLUSTER_SCOPED:
            obj["metadata"]["namespace"] = namespace


def _add_labels(objects: list[Object], labels: list[Object]) -> None:
    for label in labels:
        if set(label) != {"pairs"}:
            raise NotKnown(f"labels: {', '.join(label)}")
        for obj in objects:
            obj["metadata"].setdefault("labels", {}).update(label["pairs"])


def _set_replicas(objects: list[Object], replicas: list[Object]) -> None:
    for wanted in replicas:
        for obj in _of("Deployment", wanted["name"], objects):
            obj["spec"]["replicas"] = wanted["count"]


def _patch(objects: list[Object], patches: list[Object]) -> None:
    for patch in patches:
        target = patch["target"]
        for obj in list(_of(target["kind"], target["name"], objects)):
            (operations,) = yaml.load_all(patch["patch"], _Loader)
            for operation in operations:
                _apply(obj, operation)


def _apply(obj: Object, operation: Object) -> None:
    """Carry out one operation of a JSON patch."""
    *way, last = operation["path"].lstrip("/").split("/")
    place: Any = obj
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if operation["op"] == "remove":
        del place[last]
    elif operation["op"] not in {"add", "replace"}:
        raise NotKnown(f"patches: {operation['op']}")
    elif last == "-":
        place.append(operation["value"])
    else:
        place[last] = operation["value"]


def _of(kind: str, name: str, objects: list[Object]) -> Iterator[Object]:
    return (obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name))


_FIELDS: dict[str, Callable[[list[Object], Any], None]] = {
    "namespace": _set_namespace,
    "labels": _add_labels,
    "replicas": _set_replicas,
    "patches": _patch,
}
