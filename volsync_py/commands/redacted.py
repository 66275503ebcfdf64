"""Objects and texts as they may be attached to a report: what is not known to be harmless is left out. Pure.

Objects are made anew from what is listed here, so a field that somebody invents next year is not in them. Texts, such
as messages and logs, lose what reads like a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from volsync_py.commands.words import plain
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object
from volsync_py.movers.restic.outcome import CLASSES

HIDDEN = "(hidden)"
# A password may hold a slash, and an at sign: all up to the last one goes.
_USER_INFORMATION = re.compile(r"//[^\s]*@")
# What follows the name of a secret on its line; `key ID`, by which restic names a key, is none.
_NAMED = re.compile(
    r"(?P<name>[\w.-]*(?:passw|passphrase|pwd|secret|token|credential|authorization|signature|account[_-]?key|"
    r"access[_-]?key|private[_-]?key|api[_-]?key|\bsig\b)[\w.-]*)(?P<mark>\\*[\"']?\s*[=:]\s*).+",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(Bearer|Basic)\s+\S+", re.IGNORECASE)
# A JSON web token, and the ids of keys of AWS.
_SHAPED = re.compile(r"\beyJ[\w-]{8,}\.[\w.-]+|\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_KNOWN_LABELS = ("app.kubernetes.io/", "volsync.backube/", "volsync-py/", "batch.kubernetes.io/", "control-plane")
_KNOWN_ANNOTATIONS = frozenset(map(str, Annotation))
_META = ("name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp", "finalizers")
_OWNER = ("kind", "name", "uid", "controller")
_REFERENCES = ("name", "key", "claimName", "secretName", "fieldPath", "resource")
# The only flag values of a manager that are kept: numbers, durations, addresses, sizes, words such as json.
_FLAG = re.compile(r"--[a-z-]+(=[\w.:-]{0,32})?")


def text_of(said: str) -> str:
    """Return a text without what reads like a secret, and as it may go to a terminal."""
    said = _PRIVATE_KEY.sub(HIDDEN, said)
    said = _USER_INFORMATION.sub(f"//{HIDDEN}@", said)
    said = _NAMED.sub(_hide_named, said)
    said = _SCHEME.sub(rf"\1 {HIDDEN}", said)
    return plain(_SHAPED.sub(HIDDEN, said), lines=True)


def _hide_named(found: re.Match[str]) -> str:
    # A class of failure, with the cause after it.
    return found[0] if found["name"] in CLASSES else f"{found['name']}{found['mark']}{HIDDEN}"


def value_of(value: Any) -> Any:
    """Return a value whose names are harmless, with its texts redacted; what stands under the name of a secret goes."""
    if isinstance(value, dict):
        return {
            text_of(str(name)): HIDDEN if isinstance(inner, str) and _names_secret(str(name)) else value_of(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [value_of(one) for one in value]
    return text_of(value) if isinstance(value, str) else value


def _names_secret(name: str) -> bool:
    # `secretName` and its like are names of objects, which are needed to understand anything.
    return bool(_NAMED.fullmatch(f"{name}=x")) and name not in {"secretName", "secretVersion", "lastTokenTime"}


def object_of(obj: Object) -> Object:
    """Return one of the kinds that are ours, as it may be read by anybody; of another kind no more than its name."""
    kind = str(obj.get("kind"))
    made: Object = {"apiVersion": plain(obj.get("apiVersion")), "kind": plain(kind), "metadata": _metadata(obj)}
    for part, redact in _PARTS.get(kind, {}).items():
        if part in obj:
            made[part] = redact(obj[part])
    return made


def _metadata(obj: Object) -> Object:
    meta = _dict(obj.get("metadata"))
    made = {name: value_of(meta[name]) for name in _META if name in meta}
    made["ownerReferences"] = [_picked(one, _OWNER) for one in _dicts(meta.get("ownerReferences"))]
    made["labels"] = {
        plain(name): value_of(value) if str(name).startswith(_KNOWN_LABELS) or name == "job-name" else HIDDEN
        for name, value in _dict(meta.get("labels")).items()
    }
    made["annotations"] = {
        plain(name): value_of(value) if name in _KNOWN_ANNOTATIONS else HIDDEN
        for name, value in _dict(meta.get("annotations")).items()
    }
    return {name: value for name, value in made.items() if value not in ({}, [])}


def _pod_spec(value: Any) -> Object:
    spec = _dict(value)
    names = (
        "nodeName",
        "hostname",
        "restartPolicy",
        "serviceAccountName",
        "securityContext",
        "affinity",
        "tolerations",
    )
    made = _picked(spec, (*names, "nodeSelector", "schedulingGates", "priorityClassName", "runtimeClassName"))
    for part in ("initContainers", "containers"):
        made[part] = [_container(one) for one in _dicts(spec.get(part))]
    made["volumes"] = [_volume(one) for one in _dicts(spec.get("volumes"))]
    return {name: found for name, found in made.items() if found not in ({}, [])}


def _container(container: Object) -> Object:
    made = _picked(container, ("name", "image", "resources", "securityContext"))
    words = [w for key in ("command", "args") for w in (container.get(key) or []) if isinstance(w, str)]
    made["words"] = [value_of(word) if _FLAG.fullmatch(word) else HIDDEN for word in words]
    made["env"] = [_variable(one) for one in _dicts(container.get("env"))]
    made["envFrom"] = [{kind: _references(of) for kind, of in one.items()} for one in _dicts(container.get("envFrom"))]
    made["volumeMounts"] = [_picked(one, ("name", "mountPath")) for one in _dicts(container.get("volumeMounts"))]
    return made


def _variable(variable: Object) -> Object:
    sources = _dict(variable.get("valueFrom"))
    if sources:
        return {"name": value_of(variable.get("name")), "from": {kind: _references(of) for kind, of in sources.items()}}
    return {"name": value_of(variable.get("name")), "value": HIDDEN}


def _volume(volume: Object) -> Object:
    return {plain(name): _references(of) if isinstance(of, dict) else value_of(of) for name, of in volume.items()}


def _references(value: Any) -> Object:
    """Return which object is meant, and nothing of its options."""
    return {name: value_of(found) for name, found in _dict(value).items() if name in _REFERENCES}


def _job_spec(value: Any) -> Object:
    spec = _dict(value)
    made = _picked(spec, ("parallelism", "backoffLimit", "suspend", "activeDeadlineSeconds", "completions"))
    return {**made, "template": {"spec": _pod_spec(_dict(spec.get("template")).get("spec"))}}


def _deployment_spec(value: Any) -> Object:
    spec = _dict(value)
    pod = _pod_spec(_dict(spec.get("template")).get("spec"))
    return {**_picked(spec, ("replicas", "strategy")), "template": {"spec": pod}}


def _event_object(value: Any) -> Object:
    return _picked(_dict(value), ("kind", "name", "namespace", "uid"))


def _picked(value: Object, names: tuple[str, ...]) -> Object:
    return {name: value_of(value[name]) for name in names if name in value}


_Redact = Callable[[Any], Any]
_OF_RESOURCE: dict[str, _Redact] = {"spec": value_of, "status": value_of}
_PARTS: dict[str, dict[str, _Redact]] = {
    "ReplicationSource": _OF_RESOURCE,
    "ReplicationDestination": _OF_RESOURCE,
    "PersistentVolumeClaim": _OF_RESOURCE,
    "VolumeSnapshot": _OF_RESOURCE,
    "Job": {"spec": _job_spec, "status": value_of},
    "Pod": {"spec": _pod_spec, "status": value_of},
    "Deployment": {"spec": _deployment_spec, "status": value_of},
    "Event": {
        "involvedObject": _event_object,
        **dict.fromkeys(("type", "reason", "message", "count", "firstTimestamp", "lastTimestamp"), value_of),
    },
}


def _dict(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[Object]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
