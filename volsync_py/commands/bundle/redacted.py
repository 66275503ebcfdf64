"""Objects as they may be attached to a report: what is not known to be harmless is left out. Pure.

Objects are made anew from what is listed here, so a field that somebody invents next year is not in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from volsync_py.commands.bundle.texts import HIDDEN, names_secret, text_of
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, mapping, mappings
from volsync_py.health.words import plain

# Names of names: without them, nothing that refers to another object is understood.
_NO_SECRETS = frozenset({"key", "topologyKey", "secretName", "secretVersion", "lastTokenTime"})
# Lists of words that somebody has written for a program, and maps whose values are anybody's.
_WORDS_OF_PROGRAMS = frozenset({"command", "args"})
_OF_ANYBODY = frozenset({"parameters", "annotations", "labels", "moverPodLabels"})
_KNOWN_LABELS = ("app.kubernetes.io/", "volsync.backube/", "volsync-py/", "batch.kubernetes.io/", "control-plane")
_KNOWN_ANNOTATIONS = frozenset(map(str, Annotation))
_META = ("name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp", "finalizers")
_OWNER = ("kind", "name", "uid", "controller")
_REFERENCES = ("name", "key", "claimName", "secretName", "fieldPath", "resource")
_FLAG = re.compile(r"(?P<name>--[a-z][a-z0-9-]{0,62})(?:=(?P<value>.*))?", re.DOTALL)
_MANAGER = "manager"
# The manager's flags whose values are kept: numbers, durations, addresses, words such as json. Its others name files,
# Secrets and images, and another program may mean anything by any flag.
KEPT_FLAGS = frozenset(
    f"--{name}"
    for name in (
        "enable-http2 ended-job-shown health-probe-bind-address leader-elect leader-elect-lease-duration "
        "leader-elect-renew-deadline leader-elect-retry-period log-format log-level max-movers metrics-auth "
        "metrics-bind-address metrics-require-rbac metrics-secure mover-contact-timeout mover-retry-lock "
        "mover-stall-timeout namespace page-bind-address retry-base-delay retry-max-delay scc-name tls-min-version "
        "workers zap-devel zap-encoder zap-log-level zap-stacktrace-level zap-time-encoding"
    ).split()
)
_KEPT_VALUE = re.compile(r"[\w.:-]{0,32}")


def value_of(value: Any) -> Any:
    """Return a value whose names are harmless, with its texts redacted; what stands under the name of a secret goes."""
    if isinstance(value, dict):
        # A variable or a header, whose name is that of a secret or of anything.
        pair = {"name", "value"} <= value.keys()
        return {
            text_of(str(name)): HIDDEN if pair and name == "value" else _named(str(name), inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        words = [one for one in value if isinstance(one, str)]
        if any(word.startswith("-") for word in words):
            return _words(words)
        return [value_of(one) for one in value]
    return text_of(value) if isinstance(value, str) else value


def _named(name: str, value: Any) -> Any:
    """Return a value as it may be read under its name."""
    if name in _WORDS_OF_PROGRAMS and isinstance(value, str | list):
        return _words([one for one in ([value] if isinstance(value, str) else value) if isinstance(one, str)])
    if name in _OF_ANYBODY and isinstance(value, dict):
        return {plain(inner): HIDDEN for inner in value}
    is_text = isinstance(value, str) or (isinstance(value, list) and any(isinstance(one, str) for one in value))
    return HIDDEN if is_text and names_secret(name) and name not in _NO_SECRETS else value_of(value)


def object_of(obj: Object) -> Object:
    """Return one of the kinds that are ours, as it may be read by anybody; of another kind no more than its name."""
    kind = str(obj.get("kind"))
    made: Object = {"apiVersion": plain(obj.get("apiVersion")), "kind": plain(kind), "metadata": _metadata(obj)}
    for part, redact in _PARTS.get(kind, {}).items():
        if part in obj:
            made[part] = redact(obj[part])
    return made


def _metadata(obj: Object) -> Object:
    meta = mapping(obj, "metadata")
    made = {name: value_of(meta[name]) for name in _META if name in meta}
    made["ownerReferences"] = [_picked(one, _OWNER) for one in mappings(meta.get("ownerReferences"))]
    made["labels"] = {
        plain(name): value_of(value) if str(name).startswith(_KNOWN_LABELS) or name == "job-name" else HIDDEN
        for name, value in mapping(meta, "labels").items()
    }
    made["annotations"] = {
        plain(name): value_of(value) if name in _KNOWN_ANNOTATIONS else HIDDEN
        for name, value in mapping(meta, "annotations").items()
    }
    return {name: value for name, value in made.items() if value not in ({}, [])}


def _pod_spec(value: Any, *, kept: str = "") -> Object:
    """Return the spec of a pod; of the container that is called `kept`, values of flags are kept."""
    spec = mapping(value)
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
        made[part] = [_container(one, keeps=bool(kept) and one.get("name") == kept) for one in mappings(spec.get(part))]
    made["volumes"] = [_volume(one) for one in mappings(spec.get("volumes"))]
    return {name: found for name, found in made.items() if found not in ({}, [])}


def _container(container: Object, *, keeps: bool) -> Object:
    made = _picked(container, ("name", "image", "resources", "securityContext"))
    words = [w for key in ("command", "args") for w in (container.get(key) or []) if isinstance(w, str)]
    made["words"] = _words(words, keeps=keeps)
    made["env"] = [_variable(one) for one in mappings(container.get("env"))]
    made["envFrom"] = [
        {kind: _references(of) for kind, of in one.items()} for one in mappings(container.get("envFrom"))
    ]
    made["volumeMounts"] = [_picked(one, ("name", "mountPath")) for one in mappings(container.get("volumeMounts"))]
    return made


def _words(words: list[str], *, keeps: bool = False) -> list[str]:
    """Return the words for a program: of flags the names, and nothing of what follows one that names a secret."""
    made, before = [], ""
    for word in words:
        follows = before.startswith("-") and "=" not in before and names_secret(before)
        made.append(HIDDEN if follows else _argument(word, keeps=keeps))
        before = word
    return made


def _argument(word: str, *, keeps: bool) -> str:
    """Return a flag's name, with its value where that is one of the manager's, and harmless."""
    found = _FLAG.fullmatch(word)
    if found is None:
        return HIDDEN
    name, value = found["name"], found["value"]
    if value is None:
        return name
    return word if keeps and name in KEPT_FLAGS and _KEPT_VALUE.fullmatch(value) else f"{name}={HIDDEN}"


def _variable(variable: Object) -> Object:
    sources = mapping(variable, "valueFrom")
    if sources:
        return {"name": value_of(variable.get("name")), "from": {kind: _references(of) for kind, of in sources.items()}}
    return {"name": value_of(variable.get("name")), "value": HIDDEN}


def _volume(volume: Object) -> Object:
    return {plain(name): _references(of) if isinstance(of, dict) else value_of(of) for name, of in volume.items()}


def _references(value: Any) -> Object:
    """Return which object is meant, and nothing of its options."""
    return {name: value_of(found) for name, found in mapping(value).items() if name in _REFERENCES}


def _job_spec(value: Any) -> Object:
    spec = mapping(value)
    made = _picked(spec, ("parallelism", "backoffLimit", "suspend", "activeDeadlineSeconds", "completions"))
    return {**made, "template": {"spec": _pod_spec(mapping(spec, "template").get("spec"))}}


def _deployment_spec(value: Any) -> Object:
    spec = mapping(value)
    pod = _pod_spec(mapping(spec, "template").get("spec"), kept=_MANAGER)
    return {**_picked(spec, ("replicas", "strategy")), "template": {"spec": pod}}


def _event_object(value: Any) -> Object:
    return _picked(mapping(value), ("kind", "name", "namespace", "uid"))


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
