"""What follows from a pod's object alone: environment, command line, user, and the status to show.

Guarantees: the rules of kubelet for `$(VAR)`, valueFrom, security contexts and phases. Pure but for the reads
of Secrets and ConfigMaps through the callable it is given. Starts nothing.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from hack.devcluster.api.objects import Object
from hack.devcluster.node.linux import CAPABILITIES
from hack.devcluster.node.sandbox import DEFAULT_CAPABILITIES

Read = Callable[[str, str], Object | None]

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_FIELD_KEY = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_ALL_CAPABILITIES = "ALL"


class ConfigError(Exception):
    """The container cannot be made from its spec as things are: CreateContainerConfigError."""


@frozen
class Identity:
    """Who the container's process is."""

    uid: int
    gid: int
    groups: list[int]
    capabilities: list[str]
    no_new_privs: bool


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(VAR)` where VAR is known, and `$$` by `$`."""

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else variables.get(name, match.group(0))

    return _REFERENCE.sub(replacement, text)


def environment(pod: Object, container: Object, bins: tuple[str, ...], read: Read) -> dict[str, str]:
    """Build the container's environment."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    variables = {
        "PATH": os.pathsep.join([*bins, path]),
        "HOME": "/",
        "HOSTNAME": hostname(pod),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    for source in container.get("envFrom") or []:
        variables.update(_from_source(source, read, pod["metadata"]["namespace"]))
    for entry in container.get("env") or []:
        if "valueFrom" in entry:
            value = _from_reference(pod, entry["valueFrom"], read)
            if value is not None:
                variables[entry["name"]] = value
        else:
            variables[entry["name"]] = expand(entry.get("value") or "", variables)
    return variables


def _from_source(source: Object, read: Read, namespace: str) -> dict[str, str]:
    plural, key = ("secrets", "secretRef") if "secretRef" in source else ("configmaps", "configMapRef")
    reference = source[key]
    found = read(plural, reference["name"])
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{plural.removesuffix("s")} "{reference["name"]}" not found')
    prefix = source.get("prefix", "")
    return {prefix + name: value.decode(errors="replace") for name, value in content(found).items()}


def content(obj: Object) -> dict[str, bytes]:
    """Return the entries of a Secret or a ConfigMap."""
    if obj["kind"] == "Secret":
        return {name: base64.b64decode(text or "") for name, text in (obj.get("data") or {}).items()}
    binary = {name: base64.b64decode(text) for name, text in (obj.get("binaryData") or {}).items()}
    return {name: text.encode() for name, text in (obj.get("data") or {}).items()} | binary


def _from_reference(pod: Object, source: Object, read: Read) -> str | None:
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    for plural, kind, key in (
        ("secrets", "Secret", "secretKeyRef"),
        ("configmaps", "ConfigMap", "configMapKeyRef"),
    ):
        if key in source:
            reference = source[key]
            found = read(plural, reference["name"])
            values = content(found) if found else {}
            if reference["key"] in values:
                return values[reference["key"]].decode(errors="replace")
            if reference.get("optional"):
                return None
            if found is None:
                raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
            where = f"{pod['metadata']['namespace']}/{reference['name']}"
            raise ConfigError(f"couldn't find key {reference['key']} in {kind} {where}")
    raise ConfigError(f"unsupported valueFrom: {', '.join(source)}")


def _field(pod: Object, path: str) -> str:
    match = _FIELD_KEY.fullmatch(path)
    if match:
        return str((pod["metadata"].get(match[1]) or {}).get(match[2], ""))
    if path in ("status.podIP", "status.hostIP", "status.podIPs", "status.hostIPs"):
        return "127.0.0.1"
    value: Any = pod
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)


def hostname(pod: Object) -> str:
    """Return the pod's host name, at most 63 characters."""
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name[:63].rstrip("-.")


def command_line(container: Object, variables: Mapping[str, str]) -> list[str]:
    """Return the command with its arguments; an image's own entry point is not to be had here."""
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    if not container.get("command"):
        raise ConfigError("no command specified")
    return [expand(str(word), variables) for word in words]


def identity(pod: Object, container: Object) -> Identity:
    """Work out user, groups and capabilities."""
    outer, inner = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}
    merged = {**outer, **inner}
    uid, gid = int(merged.get("runAsUser") or 0), int(merged.get("runAsGroup") or 0)
    if merged.get("runAsNonRoot") and uid == 0:
        if merged.get("runAsUser") == 0:
            raise ConfigError("container's runAsUser breaks non-root policy")
        raise ConfigError("container has runAsNonRoot and image will run as root")
    groups = {gid, *map(int, outer.get("supplementalGroups") or [])}
    if outer.get("fsGroup") is not None:
        groups.add(int(outer["fsGroup"]))
    escalation = inner.get("allowPrivilegeEscalation")
    return Identity(uid, gid, sorted(groups), _capabilities(inner), no_new_privs=escalation is False)


def _capabilities(security: Object) -> list[str]:
    if security.get("privileged"):
        return list(CAPABILITIES)
    asked = security.get("capabilities") or {}
    drop = {name.removeprefix("CAP_") for name in asked.get("drop") or []}
    add = {name.removeprefix("CAP_") for name in asked.get("add") or []}
    kept = set() if _ALL_CAPABILITIES in drop else set(DEFAULT_CAPABILITIES) - drop
    return sorted(set(CAPABILITIES) if _ALL_CAPABILITIES in add else kept | add)


def claims_of(pod: Object) -> set[str]:
    """Return the names of the claims that a pod uses."""
    return {name for one in pod["spec"].get("volumes") or [] if (name := claim_name(pod, one))}


def claim_name(pod: Object, volume: Object) -> str:
    """Return the name of the claim behind a volume, "" if there is none; one that the pod brings along has its name."""
    if "ephemeral" in volume:
        return f"{pod['metadata']['name']}-{volume['name']}"
    return str((volume.get("persistentVolumeClaim") or {}).get("claimName") or "")
