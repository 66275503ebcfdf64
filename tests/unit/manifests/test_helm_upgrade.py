"""The chart where something is there already: what never changes is kept, and what is somebody else's left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.manifests.helm_chart import (
    CONSTRAINTS,
    EVERYTHING,
    OURS,
    Object,
    at,
    cluster,
    on_a_cluster_with,
    one,
    rendered,
)

# Without a cluster to ask.
SELECTOR = {
    "app.kubernetes.io/name": "volsync",
    "app.kubernetes.io/instance": "volsync",
    "control-plane": "volsync-controller",
}


def selectors(objects: list[Object]) -> list[Object]:
    """Return each selector of the manager's pods."""
    paths = [("Deployment", "spec/selector/matchLabels"), ("Service", "spec/selector")]
    paths += [("ServiceMonitor", "spec/selector/matchLabels"), ("PodMonitor", "spec/selector/matchLabels")]
    paths += [("NetworkPolicy", "spec/podSelector/matchLabels"), ("PodDisruptionBudget", "spec/selector/matchLabels")]
    return [at(one(objects, kind), path) for kind, path in paths]


def test_every_selector_is_the_same_and_of_the_pods() -> None:
    objects = rendered(EVERYTHING)

    assert all(found == SELECTOR for found in selectors(objects))
    assert SELECTOR.items() <= at(one(objects, "Deployment"), "spec/template/metadata/labels").items()


def test_labels_that_are_given_take_no_selectors_place() -> None:
    labels = at(one(rendered({"podLabels": {"control-plane": "mine"}}), "Deployment"), "spec/template/metadata/labels")

    assert SELECTOR.items() <= labels.items()


def test_a_deployment_that_is_there_keeps_its_selector(tmp_path: Path) -> None:
    kept = {"app": "whatever", "app.kubernetes.io/name": "of-another-chart"}
    there = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "volsync", "namespace": "volsync-system", **OURS},
        "spec": {"selector": {"matchLabels": kept}},
    }
    with cluster(tmp_path, {"/apis/apps/v1/namespaces/volsync-system/deployments/volsync": there}) as words:
        objects = rendered(EVERYTHING, words=words)

    assert all(found == kept for found in selectors(objects))
    assert kept.items() <= at(one(objects, "Deployment"), "spec/template/metadata/labels").items()
    assert kept.items() <= one(objects, "Service")["metadata"]["labels"].items()


def test_a_first_installation_has_the_selector_that_files_have(tmp_path: Path) -> None:
    with cluster(tmp_path, {}) as words:
        assert selectors(rendered(EVERYTHING, words=words)) == selectors(rendered(EVERYTHING))


ELSEWHERE = {"meta.helm.sh/release-name": "volsync", "meta.helm.sh/release-namespace": "elsewhere"}


@pytest.mark.parametrize(
    ("metadata", "given"),
    [({}, False), ({**OURS, "annotations": ELSEWHERE}, False), (OURS, True)],
    ids=["volsyncs", "another-release", "ours"],
)
def test_constraints_of_somebody_else_are_left_alone(tmp_path: Path, metadata: Object, given: bool) -> None:
    name = "volsync-privileged-mover"
    there = {
        "apiVersion": "security.openshift.io/v1",
        "kind": "SecurityContextConstraints",
        "metadata": {"name": name, **metadata},
    }
    with cluster(tmp_path, {f"/apis/security.openshift.io/v1/securitycontextconstraints/{name}": there}) as words:
        # Not every version asks the cluster for its kinds when it only makes files.
        kinds = {o["kind"] for o in rendered(words=[*words, *on_a_cluster_with(CONSTRAINTS)])}

    assert ("SecurityContextConstraints" in kinds) is given


def test_what_a_binding_refers_to_is_called_as_nothing_of_volsyncs() -> None:
    names = {o["metadata"]["name"] for o in rendered() if o["kind"].endswith("Binding")}

    assert names
    assert all(name.startswith("volsync-py-") for name in names)
