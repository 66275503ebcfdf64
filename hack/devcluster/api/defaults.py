"""What the API fills in when an object is created: of Jobs what binds them to their pods, of pods what kubelet wants.

Guarantees: in place; nothing that is given is changed. Only defaults that somebody of this cluster reads.
"""

from __future__ import annotations

from hack.devcluster.api.objects import Object

CRD_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def on_create(plural: str, obj: Object, now: str) -> None:
    """Complete a new object; it has its UID and its name already."""
    spec = obj.get("spec")
    if plural == "namespaces":
        obj["status"] = {"phase": "Active"}
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    elif plural == "customresourcedefinitions":
        _definition(obj, now)
    elif plural == "jobs" and isinstance(spec, dict):
        fill(plural, obj)
        _select_pods(obj)
    else:
        fill(plural, obj)


def give_class(claim: Object, classes: list[Object]) -> None:
    """Give a new claim the default class; one without it gets it as soon as there is one, from the controller."""
    is_default = (c for c in classes if (c["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true")
    name = next((c["metadata"]["name"] for c in is_default), None)
    if name is not None and isinstance(claim.get("spec"), dict):
        claim["spec"].setdefault("storageClassName", name)


def fill(plural: str, obj: Object) -> None:
    """Set the fields that also an update gets when it leaves them out."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    if plural == "jobs":
        _job(spec)
    elif plural == "pods":
        _pod(spec)
    elif plural == "persistentvolumeclaims":
        spec.setdefault("volumeMode", "Filesystem")


def _job(spec: Object) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    for field, value in (
        ("parallelism", 1),
        ("backoffLimit", 6),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
        ("podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"),
    ):
        if spec.get(field) is None:
            spec[field] = value
    template = spec.get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        _pod(template["spec"])


def _pod(spec: Object) -> None:
    if spec.get("restartPolicy") is None:
        spec["restartPolicy"] = "Always"
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = 30


def _select_pods(job: Object) -> None:
    spec, meta = job["spec"], job["metadata"]
    template = spec.get("template")
    if spec.get("manualSelector") or not isinstance(template, dict):
        return
    uid, name = meta["uid"], meta["name"]
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    for prefix in ("", "batch.kubernetes.io/"):
        labels |= {f"{prefix}controller-uid": uid, f"{prefix}job-name": name}
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})


def _definition(crd: Object, now: str) -> None:
    """Serve the kind at once, and keep the definition until its objects are gone."""
    finalizers = crd["metadata"].setdefault("finalizers", [])
    if CRD_CLEANUP not in finalizers:
        finalizers.append(CRD_CLEANUP)
    names = dict(crd["spec"]["names"])
    names.setdefault("singular", str(names["kind"]).lower())
    names.setdefault("listKind", f"{names['kind']}List")
    accepted = [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    crd["status"] = {
        "acceptedNames": names,
        "storedVersions": [v["name"] for v in crd["spec"]["versions"] if v.get("storage")],
        "conditions": [
            {"type": kind, "status": "True", "reason": reason, "message": text, "lastTransitionTime": now}
            for kind, reason, text in accepted
        ],
    }
