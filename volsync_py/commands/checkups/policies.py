"""The check of what changes pods before they are made: policies, and webhooks such as those of meshes. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from volsync_py.commands.checkups.facts import Facts, key_of, objects_in, texts_in
from volsync_py.commands.checkups.finding import Finding, warned
from volsync_py.commands.checkups.selectors import takes
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.names import job_name
from volsync_py.core.objects import Object, labels_of, mapping
from volsync_py.health.words import listed
from volsync_py.kube.resources import (
    KYVERNO_POLICIES,
    MUTATING_POLICIES,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    Resource,
)

# On every pod of a mover.
_OURS = {str(Label.CREATED_BY): CREATED_BY_US}
# On every namespace, by the API server.
_NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"
_PODS, _JOBS = ("", "pods"), ("batch", "jobs")
# Nor by its name: a mesh and what adds a variable look the same from here.
_UNSEEN = "whether it puts containers into them cannot be seen here"
# A few say which namespaces it is.
_MOST_NAMED = 3
_LEAVE_OUT = f"leave out pods with {Label.CREATED_BY}: {CREATED_BY_US}"


def policies(facts: Facts) -> Iterator[Finding]:
    """Find what puts containers into the pods of movers, or may."""
    for kind, adds in (
        (MUTATING_POLICIES, _policy_adds),
        (MUTATING_WEBHOOKS, _webhooks_add),
        (KYVERNO_POLICIES, _pattern_adds),
    ):
        for policy in facts.of(kind):
            said = adds(facts, policy)
            if said:
                yield warned(f"{kind.kind} {policy['metadata']['name']} {said}", _step(kind, policy))


def _step(kind: Resource, policy: Object) -> str:
    look = f"kubectl describe {kind.plural} {policy['metadata']['name']}"
    return f"see that what it adds ends by itself, or have it {_LEAVE_OUT}: {look}"


def _policy_adds(facts: Facts, policy: Object) -> str:
    """Return what a policy of the API server does to movers, "" if it does not concern them."""
    spec = mapping(policy, "spec")
    matches = mapping(spec, "matchConstraints")
    if _names_movers(spec) and takes(mapping(matches, "objectSelector"), _OURS):
        return _containers(spec, "movers")
    where = _joined(_spaces(facts, matches, "resourceRules"))
    return _containers(spec, f"movers in {where}, if it is bound there") if where else ""


def _pattern_adds(_: Facts, policy: Object) -> str:
    """Return what a policy of Kyverno's does to movers that it names."""
    return _containers(mapping(policy, "spec"), "movers") if _names_movers(policy.get("spec")) else ""


def _containers(spec: Object, whose: str) -> str:
    if "initContainers" in json.dumps(spec):
        return f"puts init containers into the pods of {whose}: none backs up before they have ended"
    changes = json.dumps([spec.get("mutations"), [rule.get("mutate") for rule in objects_in(spec, "rules")]])
    return f"changes the containers of {whose}" if '"containers"' in changes or "/containers/-" in changes else ""


def _webhooks_add(facts: Facts, configuration: Object) -> str:
    """Return what is to be said of webhooks, which may do anything, and hold pods up while they do not answer."""
    hooks = objects_in(configuration, "webhooks")
    for hook in hooks:
        selector = mapping(hook, "objectSelector")
        if _names_movers(selector) and takes(selector, _OURS) and _concerns(hook, "rules", _PODS, _JOBS):
            return "is called for the pods of movers, and may put containers into them"
    where = _joined({name for hook in hooks for name in _spaces(facts, hook, "rules")})
    return f"is called for the pods of movers in {where}, and may change them: {_UNSEEN}" if where else ""


def _names_movers(part: object) -> bool:
    text = json.dumps(part)
    return str(Label.CREATED_BY) in text and CREATED_BY_US in text


def _joined(names: set[str]) -> str:
    return listed(sorted(names), _MOST_NAMED)


def _spaces(facts: Facts, matches: Object, rules: str) -> set[str]:
    """Return the namespaces in which both selectors take a mover's pod that is asked about."""
    if not _concerns(matches, rules, _PODS):
        return set()
    spaces = {str(one["metadata"]["name"]): labels_of(one) for one in facts.of(NAMESPACES)}
    found = set()
    for one in facts.replications():
        name, job = key_of(one.object)[0], job_name(one.role, one.name)
        # As the API server and the controller of Jobs label them; nobody selects by a UID that is new each time.
        uid = {"controller-uid": "", "batch.kubernetes.io/controller-uid": ""}
        pod = {**one.restic.pod_labels, **_OURS, "job-name": job, "batch.kubernetes.io/job-name": job, **uid}
        space = {**spaces.get(name, {}), _NAME_OF_NAMESPACE: name}
        if takes(mapping(matches, "namespaceSelector"), space) and takes(mapping(matches, "objectSelector"), pod):
            found.add(name)
    return found


def _concerns(matches: Object, rules: str, *kinds: tuple[str, str]) -> bool:
    """Return whether any rule, and none that excludes, is for one of these kinds when it is created."""
    left_out = objects_in(matches, "excludeResourceRules")
    return any(
        any(_is_for(rule, kind) for rule in objects_in(matches, rules))
        and not any(_is_for(rule, kind) for rule in left_out)
        for kind in kinds
    )


def _is_for(rule: Object, kind: tuple[str, str]) -> bool:
    group, plural = kind
    return (
        bool({"*", "CREATE"} & set(texts_in(rule, "operations") or ["*"]))
        and bool({"*", group} & set(texts_in(rule, "apiGroups") or ["*"]))
        and bool({"*", "*/*", plural} & set(texts_in(rule, "resources")))
        and rule.get("scope") != "Cluster"
        and not texts_in(rule, "resourceNames")
    )
