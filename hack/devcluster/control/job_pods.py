"""A Job's pods as objects.

How they are made, what admission would say, and what podFailurePolicy makes of the failed ones. Pure but
for the look at ServiceAccounts and Namespaces that admission needs.
"""

from __future__ import annotations

import copy
import json
import secrets

from hack.devcluster.api.objects import Object
from hack.devcluster.common.context import Context, key_of, owner_reference

FINALIZER = "batch.kubernetes.io/job-tracking"
# A namespace with this annotation gets no pods; its value is the reason, as a quota would give it.
REFUSE_PODS = "devcluster/refuse-pods"
# A namespace with this annotation gets its pods as a mutating policy makes them: its value, JSON, are fields of a spec.
SHAPE_PODS = "devcluster/shape-pods"
# Kubernetes leaves out vowels and what looks like other characters.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_BASE = 58


class Refused(Exception):
    """Admission does not let the pod in."""


def new_pod(job: Object) -> Object:
    """Make the Job's next pod."""
    template = copy.deepcopy(job["spec"]["template"])
    namespace, name = key_of(job)
    uid = job["metadata"]["uid"]
    base = f"{name}-"[:_LONGEST_BASE]
    metadata = template.get("metadata") or {}
    labels = {
        **(metadata.get("labels") or {}),
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": base,
            "name": base + "".join(secrets.choice(_ALPHABET) for _ in range(5)),
            "namespace": namespace,
            "labels": labels,
            "finalizers": [FINALIZER],
            "ownerReferences": [owner_reference({"apiVersion": "batch/v1", "kind": "Job", **job})],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }
    if metadata.get("annotations"):
        pod["metadata"]["annotations"] = metadata["annotations"]
    return pod


def admitted_pod(context: Context, job: Object) -> Object:
    """Make the Job's next pod as admission lets it in; raise Refused where a real API server would not."""
    namespace, name = key_of(job)
    account = job["spec"]["template"]["spec"].get("serviceAccountName") or "default"
    if account != "default" and context.get("serviceaccounts", namespace, account) is None:
        raise Refused(
            f'pods "{name}-" is forbidden: error looking up service account {namespace}/{account}: '
            f'serviceaccount "{account}" not found'
        )
    space = context.get("namespaces", "", namespace) or {"metadata": {}}
    annotations = space["metadata"].get("annotations") or {}
    if REFUSE_PODS in annotations:
        raise Refused(f'pods "{name}-" is forbidden: {annotations[REFUSE_PODS]}')
    pod = new_pod(job)
    pod["spec"] |= json.loads(annotations.get(SHAPE_PODS, "{}"))
    return pod


def action_for(job: Object, pod: Object) -> tuple[str, str]:
    """Return what podFailurePolicy says of a failed pod: Count, Ignore or FailJob, with a message."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or []
    where = "/".join(key_of(pod))
    for index, rule in enumerate(rules):
        codes = rule.get("onExitCodes")
        if codes is not None:
            found = _matching_container(codes, pod)
            if found:
                name, code = found
                what = f"Container {name} for pod {where} failed with exit code {code}"
                return rule["action"], f"{what} matching {rule['action']} rule at index {index}"
        for pattern in rule.get("onPodConditions") or []:
            wanted = (pattern["type"], pattern.get("status", "True"))
            if wanted in [(one["type"], one["status"]) for one in (pod.get("status") or {}).get("conditions") or []]:
                what = f"Pod {where} has condition {pattern['type']}"
                return rule["action"], f"{what} matching {rule['action']} rule at index {index}"
    return "Count", ""


def _matching_container(codes: Object, pod: Object) -> tuple[str, int] | None:
    for one in (pod.get("status") or {}).get("containerStatuses") or []:
        code = (one["state"].get("terminated") or {}).get("exitCode", 0)
        if code == 0 or codes.get("containerName") not in (None, one["name"]):
            continue
        if (code in codes["values"]) == (codes["operator"] == "In"):
            return one["name"], code
    return None
