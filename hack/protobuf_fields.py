"""Write which fields Kubernetes' protobuf messages have, read off its Go types: `python -m hack.protobuf_fields`.

What comes out is data for `hack/devcluster/api/protobuf.py`, of the kinds that the development cluster serves. The Go
types and not the .proto files, because those tell neither what JSON calls a field nor what it leaves out. Needs Go, and
the network once.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

VERSION = "v0.36.3"
TARGET = Path(__file__).parent / "devcluster" / "api" / "protobuf_fields.json"
META, CORE = "k8s.io/apimachinery/pkg/apis/meta/v1", "k8s.io/api/core/v1"
# Groups by the package of their types, with the kinds that clients send.
KINDS = {
    CORE: "Namespace Pod Secret ConfigMap PersistentVolumeClaim PersistentVolume ServiceAccount Node Service Event",
    "k8s.io/api/batch/v1": "Job",
    "k8s.io/api/apps/v1": "Deployment",
    "k8s.io/api/events/v1": "Event",
    "k8s.io/api/coordination/v1": "Lease",
    "k8s.io/api/storage/v1": "StorageClass",
    "k8s.io/api/rbac/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "k8s.io/api/policy/v1": "Eviction",
    META: "DeleteOptions",
}
GROUPS = {
    CORE: "",
    META: "meta",
    "k8s.io/api/events/v1": "events.k8s.io",
    "k8s.io/api/coordination/v1": "coordination.k8s.io",
    "k8s.io/api/storage/v1": "storage.k8s.io",
    "k8s.io/api/rbac/v1": "rbac.authorization.k8s.io",
}
# Written by hand in Go, so that the tags do not tell what JSON looks like.
SPECIAL = {
    f"{META}.Time": "time",
    f"{META}.MicroTime": "time",
    f"{META}.FieldsV1": "json",
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "quantity",
    "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "int-or-string",
    "k8s.io/apimachinery/pkg/runtime.RawExtension": "json",
}
_SIMPLE = {"string": "string", "bool": "bool", "int32": "int", "int64": "int", "uint32": "int", "[]byte": "bytes"}
_TYPE = re.compile(r"^type (\w+) (?:struct \{\n(.*?)^\}|([^\n{]+)$)", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r'^\t(?:\w+ +)?(\S+) +`json:"([^",]*)([^"]*)"[^`]*protobuf:"(?:bytes|varint),(\d+)', re.MULTILINE)
_IMPORT = re.compile(r'^\s*(?:import )?(\w+)? ?"(k8s\.io/[^"]+)"$', re.MULTILINE)


class Types:
    """The Go types of some packages."""

    def __init__(self) -> None:
        self._folders = {module: _folder(module) for module in ("k8s.io/api", "k8s.io/apimachinery")}
        self._texts: dict[str, str] = {}
        self.messages: dict[str, list[list[Any]]] = {}

    def add(self, package: str, name: str) -> str:
        """Take a type with all that it is made of; return what its values are."""
        full = f"{package}.{name}"
        if full in SPECIAL:
            return SPECIAL[full]
        if package.endswith("/pkg/types"):
            return "string"
        found = next((m for m in _TYPE.finditer(self._text(package)) if m[1] == name), None)
        if found is None:
            raise SystemExit(f"no type {full}")
        if found[3]:
            return self._value(package, found[3].strip())
        label = full.removeprefix("k8s.io/").removeprefix("api/").removeprefix("apimachinery/pkg/apis/")
        if label not in self.messages:
            fields = self.messages[label] = []
            for go_type, json_name, options, number in _FIELD.findall(found[2]):
                value = self._value(package, go_type.removeprefix("*"))
                mark = "inline" if "inline" in options else "pointer" if go_type.startswith("*") else ""
                fields.append([int(number), json_name, value, mark])
        return label

    def _value(self, package: str, go_type: str) -> str:
        if go_type in _SIMPLE:
            return _SIMPLE[go_type]
        if go_type.startswith("[]"):
            return f"[]{self._value(package, go_type[2:].removeprefix('*'))}"
        if go_type.startswith("map["):
            return f"map:{self._value(package, go_type.partition(']')[2])}"
        alias, dot, name = go_type.rpartition(".")
        if not dot:
            return self.add(package, go_type)
        imports = {short or path.rsplit("/", 1)[1]: path for short, path in _IMPORT.findall(self._text(package))}
        return self.add(imports[alias], name)

    def _text(self, package: str) -> str:
        if package not in self._texts:
            module = next(m for m in self._folders if package.startswith(f"{m}/"))
            folder = self._folders[module] / package.removeprefix(f"{module}/")
            files = [p for p in sorted(folder.glob("*.go")) if "generated" not in p.name and "_test" not in p.name]
            self._texts[package] = "\n".join(path.read_text(encoding="utf-8") for path in files)
        return self._texts[package]


def _folder(module: str) -> Path:
    command = ["go", "mod", "download", "-json", f"{module}@{VERSION}"]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return Path(json.loads(told)["Dir"])


def main() -> None:
    """Write the file."""
    types = Types()
    kinds: dict[str, str] = {}
    for package, names in KINDS.items():
        group = GROUPS.get(package, package.split("/")[-2])
        for name in names.split():
            kinds[f"{group}/v1 {name}".removeprefix("/")] = types.add(package, name)
    # In all groups alike.
    kinds["v1 DeleteOptions"] = kinds.pop("meta/v1 DeleteOptions")
    lines = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(types.messages.items())]
    text = ",\n".join(lines)
    TARGET.write_text(
        f'{{"kubernetes": "{VERSION}",\n"kinds": {json.dumps(kinds)},\n"messages": {{\n{text}\n}}}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    main()
