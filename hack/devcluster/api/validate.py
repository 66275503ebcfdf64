"""Validation of the built-in kinds, for those that the operator and its users write.

Guarantees: what is refused here a real API server refuses too, with the same field; the reverse is not promised.
Pure but for looking up the StorageClass of a claim that is to grow. Types have been checked before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hack.devcluster.api import validate_pods, validate_volumes
from hack.devcluster.api.names import label_value, qualified
from hack.devcluster.api.objects import Object
from hack.devcluster.api.problems import Problems
from hack.devcluster.api.registry import Registry, Resource

_MOST_ANNOTATION_BYTES = 256 * 1024
_EVENT_TYPES = ("Normal", "Warning")


def check(res: Resource, obj: Object, old: Object | None, registry: Registry) -> None:
    """Raise 422 if the object cannot be, or not become what it is to become."""
    problems = Problems()
    metadata(problems, obj["metadata"], "metadata")
    one = _KINDS.get(res.plural)
    # What is being created has its shape checked first: the rest relies on it.
    if one is not None:
        one(problems, obj, old)
    problems.refuse(res, obj["metadata"].get("name") or obj["metadata"].get("generateName") or "")
    if res.plural == "persistentvolumeclaims" and old is not None:
        validate_volumes.check_growth(obj, old, lambda name: _storage_class(registry, name))


def _storage_class(registry: Registry, name: str) -> Object | None:
    return registry.get(registry.resource("storage.k8s.io", "storageclasses"), None, name)


def metadata(problems: Problems, meta: Object, path: str) -> None:
    """Check labels, annotations, finalizers and owners."""
    labels(problems, meta.get("labels") or {}, f"{path}.labels")
    annotations = meta.get("annotations") or {}
    for key in annotations:
        problems.text(f"{path}.annotations", key, qualified(key.lower()))
    if sum(len(k) + len(v.encode(errors="replace")) for k, v in annotations.items()) > _MOST_ANNOTATION_BYTES:
        problems.invalid(f"{path}.annotations", "", f"must have at most {_MOST_ANNOTATION_BYTES} bytes")
    for index, finalizer in enumerate(meta.get("finalizers") or []):
        problems.text(f"{path}.finalizers[{index}]", finalizer, qualified(finalizer))
    for index, owner in enumerate(meta.get("ownerReferences") or []):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                problems.invalid(f"{path}.ownerReferences[{index}].{field}", "", f"{field} must not be empty")


def labels(problems: Problems, given: dict[str, str], path: str) -> None:
    """Check labels."""
    for key, value in given.items():
        problems.text(path, key, qualified(key))
        problems.text(path, value, label_value(value))


def _job(problems: Problems, job: Object, old: Object | None) -> None:
    spec = job.get("spec") or {}
    for field in ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        problems.at_least(f"spec.{field}", spec.get(field), 0)
    name = job["metadata"].get("name") or ""
    if len(name) > 63:
        problems.invalid("spec.template.labels", name, "must be no more than 63 characters")
    problems.one_of("spec.podReplacementPolicy", spec.get("podReplacementPolicy"), ("Failed", "TerminatingOrFailed"))
    template = spec.get("template") or {}
    labels(problems, (template.get("metadata") or {}).get("labels") or {}, "spec.template.labels")
    pod = template.get("spec") or {}
    restart = pod.get("restartPolicy") or "Always"
    if restart not in ("OnFailure", "Never"):
        problems.unsupported("spec.template.spec.restartPolicy", restart, ("OnFailure", "Never"))
    if spec.get("podFailurePolicy"):
        if restart != "Never":
            problems.invalid(
                "spec.template.spec.restartPolicy",
                restart,
                'only "Never" is supported when podFailurePolicy is specified',
            )
        if spec.get("podReplacementPolicy", "Failed") != "Failed":
            problems.unsupported("spec.podReplacementPolicy", spec["podReplacementPolicy"], ("Failed",))
    validate_pods.spec(problems, pod, "spec.template.spec", restart_checked=True)
    if old is not None:
        _job_change(problems, spec, old.get("spec") or {})


def _job_change(problems: Problems, new: Object, old: Object) -> None:
    for field in ("completions", "selector", "template", "podFailurePolicy", "completionMode", "managedBy"):
        if new.get(field) != old.get(field):
            problems.invalid(f"spec.{field}", "", "field is immutable")


def _role(problems: Problems, role: Object, old: Object | None) -> None:
    for index, rule in enumerate(role.get("rules") or []):
        for field in ("verbs", "resources", "apiGroups"):
            if not rule.get(field) and not (field != "verbs" and rule.get("nonResourceURLs")):
                problems.required(f"rules[{index}].{field}")


def _role_binding(problems: Problems, binding: Object, old: Object | None) -> None:
    role = binding.get("roleRef") or {}
    if role.get("apiGroup", "rbac.authorization.k8s.io") not in ("rbac.authorization.k8s.io", ""):
        problems.unsupported("roleRef.apiGroup", role["apiGroup"], ("rbac.authorization.k8s.io",))
    if role.get("kind") not in ("Role", "ClusterRole"):
        problems.unsupported("roleRef.kind", role.get("kind", ""), ("ClusterRole", "Role"))
    if not role.get("name"):
        problems.required("roleRef.name")
    for index, subject in enumerate(binding.get("subjects") or []):
        path = f"subjects[{index}]"
        if not subject.get("name"):
            problems.required(f"{path}.name")
        if subject.get("kind") not in ("ServiceAccount", "User", "Group"):
            problems.unsupported(f"{path}.kind", subject.get("kind", ""), ("Group", "ServiceAccount", "User"))
    before = (old or {}).get("roleRef") or {}
    if old is not None and any(role.get(field) != before.get(field) for field in ("kind", "name")):
        problems.invalid("roleRef", role, "cannot change roleRef")


def _event(problems: Problems, event: Object, old: Object | None) -> None:
    about = event.get("involvedObject") or {}
    namespace = about.get("namespace") or "default"
    if namespace != event["metadata"].get("namespace", namespace):
        problems.invalid("involvedObject.namespace", about.get("namespace", ""), "does not match event.namespace")
    if old is None and event.get("reportingController"):
        _new_event(problems, event)


def _new_event(problems: Problems, event: Object) -> None:
    """Check what only events.k8s.io asks for."""
    if not event.get("eventTime"):
        problems.required("eventTime")
    problems.text("reportingController", event["reportingController"], qualified(event["reportingController"]))
    for field, most in (("reportingInstance", 128), ("action", 128), ("reason", 128)):
        if not event.get(field):
            problems.required(field)
        elif len(event[field]) > most:
            problems.invalid(field, "", f"can have at most {most} characters")
    if len(event.get("note") or "") > 1024:
        problems.invalid("note", "", "can have at most 1024 characters")
    if event.get("type") not in _EVENT_TYPES:
        problems.invalid("type", event.get("type", ""), f"has invalid value: {event.get('type', '')}")


def _lease(problems: Problems, lease: Object, old: Object | None) -> None:
    spec = lease.get("spec") or {}
    problems.at_least("spec.leaseDurationSeconds", spec.get("leaseDurationSeconds"), 1)
    problems.at_least("spec.leaseTransitions", spec.get("leaseTransitions"), 0)


def _service(problems: Problems, service: Object, old: Object | None) -> None:
    spec = service.get("spec") or {}
    if not spec.get("ports") and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        problems.required("spec.ports")
    for index, port in enumerate(spec.get("ports") or []):
        if not 1 <= (port.get("port") or 0) <= 65535:
            problems.invalid(f"spec.ports[{index}].port", port.get("port", 0), "must be between 1 and 65535, inclusive")


def _secret(problems: Problems, obj: Object, old: Object | None) -> None:
    for part in [part for part in ("data", "stringData", "binaryData") if isinstance(obj.get(part), dict)]:
        for key in obj.get(part) or {}:
            if not key or len(key) > 253 or any(not (c.isalnum() or c in "-_.") for c in key):
                why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                problems.invalid(f"{part}[{key}]", key, why)
    if "type" in obj and old is not None and old.get("type") not in (None, obj["type"]):
        problems.invalid("type", obj["type"], "field is immutable")


def _definition(problems: Problems, crd: Object, old: Object | None) -> None:
    spec = crd.get("spec") or {}
    names = spec.get("names") or {}
    for field, value in (
        ("group", spec.get("group")),
        ("names.plural", names.get("plural")),
        ("names.kind", names.get("kind")),
    ):
        if not value:
            problems.required(f"spec.{field}")
    problems.one_of("spec.scope", spec.get("scope", ""), ("Cluster", "Namespaced"))
    versions = spec.get("versions") or []
    if sum(bool(v.get("storage")) for v in versions) != 1 or not all(v.get("name") for v in versions):
        problems.invalid(
            "spec.versions",
            [v.get("name") for v in versions],
            "must have exactly one version marked as storage version",
        )
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if crd["metadata"].get("name") != wanted:
        problems.invalid("metadata.name", crd["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group')


_KINDS: dict[str, Callable[[Problems, Any, Any], None]] = {
    "pods": validate_pods.pod,
    "jobs": _job,
    "persistentvolumeclaims": validate_volumes.claim,
    "persistentvolumes": validate_volumes.volume,
    "storageclasses": validate_volumes.storage_class,
    "volumesnapshots": validate_volumes.snapshot,
    "volumesnapshotclasses": validate_volumes.snapshot_class,
    "roles": _role,
    "clusterroles": _role,
    "rolebindings": _role_binding,
    "clusterrolebindings": _role_binding,
    "events": _event,
    "leases": _lease,
    "services": _service,
    "secrets": _secret,
    "configmaps": _secret,
    "customresourcedefinitions": _definition,
}
