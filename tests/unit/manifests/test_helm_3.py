"""The chart with Helm 3, which many still have: it makes what Helm 4 makes, and refuses the same."""

from __future__ import annotations

from typing import Any

import pytest

from hack.generate_chart import CHART
from hack.tool_cache import TOOLS
from tests.unit.manifests.helm_chart import (
    CONSTRAINTS,
    EVERYTHING,
    MONITORS,
    Object,
    cluster,
    container_of,
    helm,
    on_a_cluster_with,
    refused,
    rendered,
)

pytestmark = pytest.mark.skipif(
    not TOOLS["helm3"].path.exists(), reason="Helm 3 is made on demand, in minutes: hack/tools helm3"
)


def by_name(objects: list[Object]) -> dict[Any, Object]:
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def test_helm_3_finds_no_fault_with_the_chart() -> None:
    assert helm("version", "--short", program="helm3").stdout.startswith("v3.")
    for values in ({}, EVERYTHING):
        said = helm("lint", "--strict", str(CHART), values=values, program="helm3").stdout
        assert "0 chart(s) failed" in said
        assert "[WARNING]" not in said


@pytest.mark.parametrize("words", [[], on_a_cluster_with(MONITORS, CONSTRAINTS)], ids=["plain", "openshift"])
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_both_make_the_same_objects(values: Object, words: list[str]) -> None:
    # Without a cluster, one that is compiled from its source takes it for 1.20, and one that is released for its own.
    words = [*words, "--kube-version", "1.36.0"]
    assert by_name(rendered(values, words=words, program="helm3")) == by_name(rendered(values, words=words))


@pytest.mark.parametrize(
    ("values", "words", "text"),
    [
        ({"maxMover": 3}, (), "values don't meet the specifications of the schema"),
        ({"image": {"tag": 1.2}}, (), "values don't meet the specifications of the schema"),
        ({"image": {"repository": "quay.io/backube/volsync"}}, (), "name one of volsync-py"),
        ({"imagePullSecrets": [{"name": "one"}]}, ("--kube-version", "1.29.0"), "needs Kubernetes 1.30 or later"),
    ],
)
def test_both_refuse_the_same(values: Object, words: tuple[str, ...], text: str) -> None:
    assert text in refused(values, *words)
    assert text in refused(values, *words, program="helm3")


def test_a_tag_of_digits_is_taken_as_it_is_written() -> None:
    for given in ({"values": {"image": {"tag": 20261130}}}, {"words": ("--set", "image.tag=20261130")}):
        objects = rendered(**given, program="helm3")
        assert container_of(objects)["image"] == "volsync-py:20261130"


def test_the_deployment_that_is_there_keeps_its_selector(tmp_path: Any) -> None:
    path = "/apis/apps/v1/namespaces/volsync-system/deployments/volsync"
    labels = {"app": "operator"}
    there = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "volsync"}}
    with cluster(tmp_path, {path: {**there, "spec": {"selector": {"matchLabels": labels}}}}) as words:
        objects = rendered(words=words, program="helm3")
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
