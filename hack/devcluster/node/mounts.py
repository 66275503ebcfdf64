"""A pod's volumes as folders, and its volumeMounts as binds.

Guarantees: nothing starts before every volume is there; what is missing is said in kubelet's words. Secrets
and ConfigMaps are written with their modes, and fsGroup is applied, before the first container runs. Folders
of claims are storage's; everything else lives and dies with the pod's own folder.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from attrs import frozen

from hack.devcluster.api.objects import Object
from hack.devcluster.api.quantities import quantity_bytes
from hack.devcluster.common.context import Context
from hack.devcluster.node.pods import ConfigError, claim_name, content, expand
from hack.devcluster.node.runtime_client import RuntimeClient


class VolumeMissing(Exception):
    """A volume cannot be mounted as things are: FailedMount."""


@frozen
class Volume:
    """A prepared volume."""

    path: str
    read_only: bool = False
    scratch: bool = False
    # Takes the pod's fsGroup by a walk over its files.
    grouped: bool = False


def prepare(context: Context, runtime: RuntimeClient, pod: Object, folder: Path) -> dict[str, Volume]:
    """Make every volume of the pod ready; raises VolumeMissing."""
    volumes = {}
    security = pod["spec"].get("securityContext") or {}
    group = security.get("fsGroup")
    for volume in pod["spec"].get("volumes") or []:
        made = _prepare_one(context, runtime, pod, volume, folder / "volumes" / volume["name"], group)
        volumes[volume["name"]] = made
        if group is not None and made.grouped and not _belongs(made.path, int(group), security):
            runtime.call("own_by_group", path=made.path, group=int(group), timeout_seconds=600.0)
    return volumes


def _belongs(path: str, group: int, security: Object) -> bool:
    return security.get("fsGroupChangePolicy") == "OnRootMismatch" and os.stat(path).st_gid == group


def _prepare_one(
    context: Context, runtime: RuntimeClient, pod: Object, volume: Object, path: Path, group: int | None
) -> Volume:
    if claim_name(pod, volume):
        return _claim(context, pod, claim_name(pod, volume), volume.get("persistentVolumeClaim") or {})
    if "hostPath" in volume:
        return Volume(volume["hostPath"]["path"])
    for key, kind, name_key in (("secret", "secrets", "secretName"), ("configMap", "configmaps", "name")):
        if key in volume:
            _write_entries(context, pod, kind, volume[key], volume[key][name_key], path, group)
            return Volume(str(path), read_only=True)
    if "emptyDir" in volume:
        options = volume["emptyDir"] or {}
        if options.get("medium") == "Memory":
            size = quantity_bytes(options.get("sizeLimit") or 0)
            if not path.exists():
                runtime.call("make_memory", path=str(path), size_bytes=size)
        else:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o777)
        return Volume(str(path), scratch=True, grouped=True)
    kinds = ", ".join(key for key in volume if key != "name")
    raise VolumeMissing(f'MountVolume.SetUp failed for volume "{volume["name"]}" : no such plugin: {kinds}')


def _claim(context: Context, pod: Object, name: str, source: Object) -> Volume:
    claim = context.get("persistentvolumeclaims", pod["metadata"]["namespace"], name)
    if claim is None:
        raise VolumeMissing(f'persistentvolumeclaim "{name}" not found')
    volume = claim["spec"].get("volumeName")
    if not volume or (claim.get("status") or {}).get("phase") != "Bound":
        raise VolumeMissing(f'PVC "{name}" is not bound')
    path = context.state / "volumes" / volume
    if not path.is_dir():
        raise VolumeMissing(f'MountVolume.MountDevice failed for volume "{volume}" : volume not found')
    # A volume that many may read is written by none.
    read_only = bool(source.get("readOnly")) or claim["spec"].get("accessModes") == ["ReadOnlyMany"]
    return Volume(str(path), read_only=read_only, grouped=not read_only)


def _write_entries(
    context: Context, pod: Object, plural: str, source: Object, name: str, path: Path, group: int | None
) -> None:
    found = context.get(plural, pod["metadata"]["namespace"], name)
    if found is None and not source.get("optional"):
        raise VolumeMissing(f'MountVolume.SetUp failed for volume : {plural[:-1]} "{name}" not found')
    values = content(found) if found else {}
    default = source.get("defaultMode", 0o644)
    items = source.get("items") or [{"key": key, "path": key} for key in values]
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    for item in items:
        if item["key"] not in values:
            if source.get("optional"):
                continue
            raise VolumeMissing(f"MountVolume.SetUp failed for volume : references non-existent key: {item['key']}")
        file = path / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(values[item["key"]])
        mode = item.get("mode", default)
        _set_mode(file, mode if group is None else mode | 0o440, group)


def _set_mode(file: Path, mode: int, group: int | None) -> None:
    if group is not None and os.geteuid() == 0:
        # Even root may lack the right to; the file is this user's then, as the pod is.
        with contextlib.suppress(PermissionError):
            os.chown(file, -1, int(group))
    file.chmod(mode)


def binds(container: Object, volumes: dict[str, Volume], variables: dict[str, str]) -> list[Object]:
    """Return the container's mounts for the sandbox, outer paths before inner ones."""
    mounted = []
    for mount in container.get("volumeMounts") or []:
        volume = volumes[mount["name"]]
        sub_path = mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables)
        if ".." in sub_path.split("/") or sub_path.startswith("/"):
            raise ConfigError(f"subPath {sub_path} must stay inside its volume")
        mounted.append(
            {
                "source": volume.path,
                "subPath": sub_path,
                "target": "/" + mount["mountPath"].strip("/"),
                "readOnly": volume.read_only or bool(mount.get("readOnly")),
                "scratch": volume.scratch,
            }
        )
    return sorted(mounted, key=lambda one: str(one["target"]).count("/"))
