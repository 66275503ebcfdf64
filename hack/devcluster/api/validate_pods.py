"""Validation of pods, and of the templates that Jobs make pods of."""

from __future__ import annotations

import copy

from hack.devcluster.api.names import dns_label
from hack.devcluster.api.objects import Object
from hack.devcluster.api.problems import Problems

_RESTART = ("Always", "Never", "OnFailure")
_PULL = ("Always", "IfNotPresent", "Never")
_MESSAGES = ("FallbackToLogsOnError", "File")
# What each volume has to say besides its name.
_MUST_NAME = {
    "persistentVolumeClaim": "claimName",
    "secret": "secretName",
    "hostPath": "path",
    "configMap": "name",
    "ephemeral": "volumeClaimTemplate",
}
_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
# What the API itself fills in may be missing from what a client sends.
_OWN = ("nodeName", "restartPolicy", "terminationGracePeriodSeconds")


def pod(problems: Problems, obj: Object, old: Object | None) -> None:
    """Check a pod."""
    spec(problems, obj.get("spec") or {}, "spec")
    if old is not None and _fixed(obj.get("spec") or {}, old["spec"]) != _fixed(old["spec"], old["spec"]):
        problems.forbidden("spec", _CHANGE)
    if old is not None:
        for name in sorted(_gates(obj) - _gates(old)):
            problems.forbidden(
                "spec.schedulingGates", f"only deletion is allowed, but found new scheduling gate '{name}'"
            )


def _gates(obj: Object) -> set[str]:
    return {str(one.get("name")) for one in (obj.get("spec") or {}).get("schedulingGates") or []}


def _fixed(given: Object, old: Object) -> Object:
    """Return what must not change."""
    fixed = copy.deepcopy(given)
    for field in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        fixed.pop(field, None)
    for field in _OWN:
        if field in old:
            fixed.setdefault(field, old[field])
    for one in [*(fixed.get("containers") or []), *(fixed.get("initContainers") or [])]:
        one.pop("image", None)
    return fixed


def spec(problems: Problems, given: Object, path: str, *, restart_checked: bool = False) -> None:
    """Check the spec of a pod."""
    if not restart_checked:
        problems.one_of(f"{path}.restartPolicy", given.get("restartPolicy"), _RESTART)
    grace = given.get("terminationGracePeriodSeconds")
    problems.at_least(f"{path}.terminationGracePeriodSeconds", grace, 0)
    problems.at_least(f"{path}.activeDeadlineSeconds", given.get("activeDeadlineSeconds"), 1)
    volumes = _volumes(problems, given.get("volumes") or [], f"{path}.volumes")
    if not given.get("containers"):
        problems.required(f"{path}.containers")
    seen: set[str] = set()
    for kind in ("initContainers", "containers"):
        for index, one in enumerate(given.get(kind) or []):
            where = f"{path}.{kind}[{index}]"
            _container(problems, one, where, volumes)
            if one.get("name") in seen:
                problems.duplicate(f"{where}.name", one["name"])
            seen.add(one.get("name") or "")


def _volumes(problems: Problems, given: list[Object], path: str) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(given):
        name, where = volume.get("name") or "", f"{path}[{index}]"
        if not name:
            problems.required(f"{where}.name")
        else:
            problems.text(f"{where}.name", name, dns_label(name))
        if name in names:
            problems.duplicate(f"{where}.name", name)
        names.add(name)
        kinds = [key for key in volume if key != "name"]
        if not kinds:
            problems.required(where, "must specify a volume type")
        for kind in kinds[1:]:
            problems.forbidden(f"{where}.{kind}", "may not specify more than 1 volume type")
        for kind, field in _MUST_NAME.items():
            if kind in volume and not volume[kind].get(field):
                problems.required(f"{where}.{kind}.{field}")
        limit = (volume.get("emptyDir") or {}).get("sizeLimit")
        if limit is not None:
            problems.quantity(f"{where}.emptyDir.sizeLimit", limit)
    return names


def _container(problems: Problems, one: Object, path: str, volumes: set[str]) -> None:
    if not one.get("name"):
        problems.required(f"{path}.name")
    else:
        problems.text(f"{path}.name", one["name"], dns_label(one["name"]))
    if not one.get("image"):
        problems.required(f"{path}.image")
    problems.one_of(f"{path}.imagePullPolicy", one.get("imagePullPolicy"), _PULL)
    problems.one_of(f"{path}.terminationMessagePolicy", one.get("terminationMessagePolicy"), _MESSAGES)
    _mounts(problems, one.get("volumeMounts") or [], f"{path}.volumeMounts", volumes)
    for index, entry in enumerate(one.get("env") or []):
        where = f"{path}.env[{index}]"
        if not entry.get("name"):
            problems.required(f"{where}.name")
        elif "=" in entry["name"]:
            problems.invalid(f"{where}.name", entry["name"], "must not contain '='")
        if entry.get("value") and "valueFrom" in entry:
            problems.invalid(f"{where}.valueFrom", "", "may not be specified when `value` is not empty")
        _source(problems, entry.get("valueFrom"), f"{where}.valueFrom")
    for index, source in enumerate(one.get("envFrom") or []):
        if len([key for key in ("secretRef", "configMapRef") if key in source]) != 1:
            problems.invalid(f"{path}.envFrom[{index}]", "", "must specify one of: `configMapRef` or `secretRef`")
    resources = one.get("resources") or {}
    for kind in ("limits", "requests"):
        for name, amount in (resources.get(kind) or {}).items():
            problems.quantity(f"{path}.resources.{kind}[{name}]", amount)


def _source(problems: Problems, source: Object | None, path: str) -> None:
    if source is None:
        return
    if len(source) != 1:
        problems.invalid(path, "", "must specify exactly one of its fields")
    for kind in ("secretKeyRef", "configMapKeyRef"):
        if kind in source and not source[kind].get("key"):
            problems.required(f"{path}.{kind}.key")
    if "fieldRef" in source and not source["fieldRef"].get("fieldPath"):
        problems.required(f"{path}.fieldRef.fieldPath")


def _mounts(problems: Problems, given: list[Object], path: str, volumes: set[str]) -> None:
    seen: set[str] = set()
    for index, mount in enumerate(given):
        name, target = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            problems.required(f"{path}[{index}].name")
        if name not in volumes:
            problems.missing(f"{path}[{index}].name", name)
        if not target:
            problems.required(f"{path}[{index}].mountPath")
        elif target in seen:
            problems.invalid(f"{path}[{index}].mountPath", target, "must be unique")
        seen.add(target)
        if ".." in (mount.get("subPath") or "").split("/"):
            problems.invalid(f"{path}[{index}].subPath", mount["subPath"], "must not contain '..'")
