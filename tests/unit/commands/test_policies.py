"""What `volsync-py doctor` makes of policies and webhooks that change pods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.commands.resources import source
from tests.unit.commands.test_checkups import facts, found, named, words
from volsync_py.commands.checkups.facts import MayNotRead
from volsync_py.kube.resources import (
    MUTATING_POLICIES,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    REPLICATION_SOURCES,
)

POD_RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
OURS = {"matchLabels": {"app.kubernetes.io/created-by": "volsync"}}
NOT_OURS = {"matchExpressions": [{"key": "app.kubernetes.io/created-by", "operator": "NotIn", "values": ["volsync"]}]}
# As Istio's own: namespaces that have been given the label, and pods that have not said no.
INJECTED = {"matchExpressions": [{"key": "istio-injection", "operator": "In", "values": ["enabled"]}]}
WILLING = {"matchExpressions": [{"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}]}
MESH = {"namespaceSelector": INJECTED, "objectSelector": WILLING, "rules": [POD_RULE]}
SPACE = named("Namespace", "media", None, metadata={"labels": {"istio-injection": "enabled"}})
CALLED = (
    "MutatingWebhookConfiguration mesh is called for the pods of movers in media, and may change them: whether it puts "
    "containers into them cannot be seen here"
)


def of_webhook(hook: dict[str, Any], *, pod_labels: dict[str, str] | None = None, spaces: Any = (SPACE,)) -> list[str]:
    """Return what is said of a webhook, where there is a source in the namespace media."""
    restic = {"repository": "r", "copyMethod": "Direct", "moverPodLabels": pod_labels or {}}
    given = {
        MUTATING_WEBHOOKS: [named("MutatingWebhookConfiguration", "mesh", None, webhooks=[hook])],
        REPLICATION_SOURCES: [source(spec={"restic": restic})],
        NAMESPACES: spaces,
    }
    return [one.why for check, one in found(facts(given)) if check == "policies"]


def rule(**changed: Any) -> dict[str, Any]:
    return {**MESH, "rules": [{**POD_RULE, **changed}]}


@pytest.mark.parametrize(
    "hook",
    [
        MESH,
        rule(operations=["*"]),
        rule(operations=["UPDATE", "CREATE"]),
        rule(resources=["*"], apiGroups=["*"]),
        rule(resources=["*/*"]),
        {**MESH, "rules": [{**POD_RULE, "resources": ["services"]}, POD_RULE]},
        {**MESH, "namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}}},
        {**MESH, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "media"}}},
        {**MESH, "namespaceSelector": {}, "objectSelector": {}},
        {"rules": [POD_RULE]},
        {**MESH, "objectSelector": {"matchExpressions": [{"key": "job-name", "operator": "Exists"}]}},
        {**MESH, "objectSelector": {"matchLabels": {"batch.kubernetes.io/job-name": "volsync-src-db"}}},
        {
            **MESH,
            "objectSelector": {
                "matchExpressions": [{"key": "batch.kubernetes.io/controller-uid", "operator": "Exists"}]
            },
        },
    ],
)
def test_a_webhook_whose_selectors_take_a_mover_is_told_and_not_more_than_is_known(hook: dict[str, Any]) -> None:
    assert of_webhook(hook) == [CALLED]


@pytest.mark.parametrize(
    "hook",
    [
        rule(resources=["services"]),
        rule(resources=["pods/exec"]),
        rule(operations=["UPDATE", "DELETE"]),
        rule(apiGroups=["metrics.k8s.io"]),
        rule(scope="Cluster"),
        rule(resourceNames=["another"]),
        {**MESH, "rules": []},
        {**MESH, "namespaceSelector": {"matchLabels": {"istio-injection": "disabled"}}},
        {**MESH, "namespaceSelector": {"matchExpressions": [{"key": "istio-injection", "operator": "DoesNotExist"}]}},
        {**MESH, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}},
        {**MESH, "objectSelector": {"matchLabels": {"app": "web"}}},
        {**MESH, "objectSelector": NOT_OURS},
        {**MESH, "objectSelector": {"matchExpressions": [{"key": "job-name", "operator": "DoesNotExist"}]}},
    ],
)
def test_a_webhook_that_no_mover_comes_to_is_no_matter(hook: dict[str, Any]) -> None:
    assert of_webhook(hook) == []


def test_labels_of_a_movers_pod_are_those_of_its_source() -> None:
    assert of_webhook(MESH, pod_labels={"sidecar.istio.io/inject": "true"}) == [CALLED]
    assert of_webhook(MESH, pod_labels={"sidecar.istio.io/inject": "false"}) == []


def test_a_namespace_without_the_label_is_not_meant() -> None:
    assert of_webhook(MESH, spaces=[named("Namespace", "media", None)]) == []
    assert of_webhook(MESH, spaces=[named("Namespace", "media", None), {**SPACE, "metadata": {"name": "x"}}]) == []


def test_a_namespace_that_may_not_be_read_is_a_right_that_is_missing() -> None:
    (said,) = of_webhook(MESH, spaces=MayNotRead("list namespaces"))
    assert "you may not list namespaces" in said
    assert of_webhook(rule(resources=["services"]), spaces=MayNotRead("list namespaces")) == []


def test_a_few_namespaces_are_named_and_the_others_counted() -> None:
    sources = [source(f"db{number}", namespace=f"n{number}") for number in range(5)]
    hooks = [named("MutatingWebhookConfiguration", "mesh", None, webhooks=[{"rules": [POD_RULE]}] * 2)]
    (said,) = words(facts({MUTATING_WEBHOOKS: hooks, REPLICATION_SOURCES: sources, NAMESPACES: []}), "policies")
    assert "for the pods of movers in n0, n1, n2 and 2 more, and" in said


def test_a_webhook_that_names_movers_is_told_without_any() -> None:
    hook = {"rules": [{"resources": ["jobs"]}], "objectSelector": OURS}
    given = [named("MutatingWebhookConfiguration", "mesh", None, webhooks=[hook])]
    assert words(facts({MUTATING_WEBHOOKS: given, REPLICATION_SOURCES: []}), "policies") == [
        "MutatingWebhookConfiguration mesh is called for the pods of movers, and may put containers into them"
    ]


def of_policy(mutations: list[Any], **matches: Any) -> list[str]:
    spec = {"matchConstraints": {"resourceRules": [POD_RULE], **matches}, "mutations": mutations}
    given = {MUTATING_POLICIES: [named("MutatingAdmissionPolicy", "add", None, spec=spec)], NAMESPACES: [SPACE]}
    return [one.why for check, one in found(facts(given)) if check == "policies"]


INIT = [{"applyConfiguration": {"expression": "Object{spec: Object.spec{initContainers: []}}"}}]
BESIDE = [{"jsonPatch": {"expression": '[JSONPatch{op: "add", path: "/spec/containers/-", value: 1}]'}}]
LABELS = [{"applyConfiguration": {"expression": "Object{metadata: Object.metadata{labels: {}}}"}}]


@pytest.mark.parametrize(
    ("mutations", "matches", "expected"),
    [
        (
            INIT,
            {"namespaceSelector": INJECTED},
            "puts init containers into the pods of movers in media, if it is bound",
        ),
        (BESIDE, {"namespaceSelector": INJECTED}, "changes the containers of movers in media, if it is bound there"),
        (INIT, {"objectSelector": OURS}, "puts init containers into the pods of movers: none backs up before"),
        (LABELS, {}, ""),
        (INIT, {"objectSelector": NOT_OURS}, ""),
        (INIT, {"excludeResourceRules": [POD_RULE]}, ""),
        (INIT, {"resourceRules": [{**POD_RULE, "resources": ["services"]}]}, ""),
        (INIT, {"namespaceSelector": {"matchLabels": {"istio-injection": "disabled"}}}, ""),
    ],
)
def test_a_policy_is_told_by_what_it_changes_where_it_takes_movers(
    mutations: list[Any], matches: dict[str, Any], expected: str
) -> None:
    said = of_policy(mutations, **matches)
    assert (len(said), expected in "".join(said)) == (1 if expected else 0, True)
