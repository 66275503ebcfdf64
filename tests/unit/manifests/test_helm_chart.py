"""The chart as a whole, and what it has in common with the manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from hack import generate_chart
from hack.generate_chart import CHART, MANIFESTS
from tests.unit.manifests import api_types
from tests.unit.manifests.helm_chart import (
    CONSTRAINTS,
    EVERYTHING,
    MONITORS,
    Object,
    helm,
    of_manifests,
    on_a_cluster_with,
    one,
    pod_of,
    refused,
    rendered,
)


def test_helm_finds_no_fault_with_the_chart() -> None:
    for values in ({}, EVERYTHING):
        said = helm("lint", "--strict", str(CHART), values=values).stdout
        assert "0 chart(s) failed" in said
        assert "[WARNING]" not in said


def test_the_chart_and_the_manifests_leave_the_version_to_the_tag() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    deployment = (MANIFESTS / "base" / "deployment.yaml").read_text(encoding="utf-8")

    assert (chart["name"], chart["version"], chart["appVersion"]) == ("volsync", "0.0.0", "0.0.0")
    assert "image: volsync-py:0.0.0\n" in deployment


def test_what_is_made_of_the_manifests_and_the_values_is_not_stale() -> None:
    stale = [path.name for path, text in generate_chart.files().items() if path.read_text(encoding="utf-8") != text]

    assert stale == [], "python -m hack.generate_chart"


def test_every_value_is_explained_and_has_a_place_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    def leaves(properties: Object, above: str = "") -> Iterator[str]:
        for name, inner in properties.items():
            if "properties" in inner:
                yield from leaves(inner["properties"], f"{above}{name}.")
            else:
                yield above + name

    explained = {path for path, _, _ in generate_chart.rows()}
    # The first is Helm's own; the second is there because whoever names one image by an anchor names it all.
    assert set(leaves(schema["properties"])) - explained == {"global", "restic.pullPolicy"}
    assert explained - set(leaves(schema["properties"])) == set()


@pytest.mark.parametrize("words", [[], on_a_cluster_with(MONITORS, CONSTRAINTS)], ids=["plain", "openshift"])
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_every_object_has_fields_that_the_api_knows(values: Object, words: list[str]) -> None:
    objects = rendered(values, words=words)

    others = {o["kind"] for o in objects if not api_types.is_builtin(o)}
    assert [p for o in objects if api_types.is_builtin(o) for p in api_types.problems(o)] == []
    monitoring = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "GrafanaDashboard"}
    assert others <= {*monitoring, "SecurityContextConstraints"}
    names = [(o["kind"], o["metadata"]["name"]) for o in objects]
    assert len(set(names)) == len(names)


def test_the_types_of_the_api_are_no_rubber_stamp() -> None:
    wrong = one(rendered(), "Deployment") | {"spec": {"replicas": "2", "template": {"specs": {}}}}

    assert api_types.problems(wrong) == [
        "Deployment.spec.replicas is '2', which is no int",
        "Deployment.spec.template.specs is no field of V1PodTemplateSpec",
    ]


def test_the_manager_is_that_of_the_manifests() -> None:
    ours, theirs = pod_of(rendered()), pod_of(of_manifests("base/deployment.yaml"))
    own = {"name", "image", "imagePullPolicy", "command", "args", "env"}

    assert {k: v for k, v in ours.items() if k not in {"containers", "serviceAccountName"}} == {
        k: v for k, v in theirs.items() if k not in {"containers", "serviceAccountName"}
    }
    assert {k: v for k, v in ours["containers"][0].items() if k not in own} == {
        k: v for k, v in theirs["containers"][0].items() if k not in own
    }
    assert ours["containers"][0]["image"] == theirs["containers"][0]["image"]


def granted(objects: list[Object]) -> list[tuple[str, str]]:
    """Return each role that is bound to the manager's account, by kind and rules."""
    account = one(objects, "ServiceAccount")["metadata"]["name"]
    bound = set()
    for binding in (o for o in objects if o["kind"].endswith("Binding")):
        assert [s["name"] for s in binding["subjects"]] == [account]
        assert binding["kind"] == binding["roleRef"]["kind"] + "Binding"
        bound.add((binding["roleRef"]["kind"], binding["roleRef"]["name"]))
    roles = {(o["kind"], o["metadata"]["name"]): o for o in objects if o["kind"] in {"Role", "ClusterRole"}}
    return sorted((kind, json.dumps(roles[kind, name]["rules"], sort_keys=True)) for kind, name in bound)


def test_the_manager_has_the_rights_of_the_manifests() -> None:
    files = [f"rbac/{path.name}" for path in sorted((MANIFESTS / "rbac").glob("*.yaml"))]
    manifests = [d for path in [*files, "base/service_account.yaml"] for d in of_manifests(path) if "metadata" in d]

    assert granted(rendered()) == granted(manifests)
    overlay = of_manifests("overlays/openshift/scc_role.yaml")
    assert granted(rendered(words=on_a_cluster_with(CONSTRAINTS))) == granted([*manifests, *overlay])


def test_who_names_pull_secrets_gets_what_their_copies_take() -> None:
    theirs = of_manifests("overlays/pull-secrets/pull_secrets_policy.yaml")
    role, _ = of_manifests("overlays/pull-secrets/pull_secrets_role.yaml")
    plain, objects = rendered(), rendered({"imagePullSecrets": [{"name": "one"}], "serviceAccount": {"name": "own"}})
    more = [o for o in objects if o["metadata"]["name"] == "volsync-py-pull-secrets"]
    limit = one(more, "ValidatingAdmissionPolicy")["spec"]

    assert len(objects) == len(plain) + len(more)
    rules = [{k: v for k, v in rule.items() if k != "resourceNames"} for rule in role["rules"]]
    assert one(more, "ClusterRole")["rules"] == rules
    assert one(more, "ClusterRoleBinding")["subjects"][0]["name"] == "own"
    (condition,) = limit.pop("matchConditions")
    assert condition["expression"] == 'request.userInfo.username == "system:serviceaccount:volsync-system:own"'
    assert limit == {k: v for k, v in theirs[0]["spec"].items() if k != "matchConditions"}
    bound = one(more, "ValidatingAdmissionPolicyBinding")["spec"]
    assert bound == {**theirs[1]["spec"], "policyName": "volsync-py-pull-secrets"}


def test_nobody_may_write_secrets_where_nothing_limits_which() -> None:
    values, limit = {"imagePullSecrets": [{"name": "one"}]}, "ValidatingAdmissionPolicy"

    said = refused(values, "--kube-version", "1.29.0")
    assert "imagePullSecrets needs Kubernetes 1.30 or later, and this is v1.29.0" in said
    assert one(rendered(values, words=("--kube-version", "1.30.0")), limit)
    # Whoever asks for no copies needs nothing of it.
    assert not [o for o in rendered(words=("--kube-version", "1.29.0")) if o["kind"] == limit]


def test_nobody_else_gets_a_right_without_being_asked() -> None:
    objects = rendered()
    bound = {o["roleRef"]["name"] for o in objects if o["kind"].endswith("Binding")}
    free = {o["metadata"]["name"] for o in objects if o["kind"] in {"Role", "ClusterRole"}} - bound

    assert free == {"volsync-metrics-reader"}
    assert not any("aggregate" in label for o in objects for label in o["metadata"].get("labels", {}))


def test_roles_for_people_are_those_of_the_manifests() -> None:
    objects = rendered(EVERYTHING)

    for role in of_manifests("rbac/users.yaml"):
        ours = one(objects, "ClusterRole", role["metadata"]["name"])
        assert ours["rules"] == role["rules"]
        assert (role["metadata"].get("labels") or {}).items() <= ours["metadata"]["labels"].items()


def test_definitions_are_those_of_the_manifests_and_stay_when_the_release_goes() -> None:
    objects = rendered()

    for path in sorted((MANIFESTS / "crds").glob("volsync*.yaml")):
        (definition,) = of_manifests(f"crds/{path.name}")
        ours = one(objects, "CustomResourceDefinition", definition["metadata"]["name"])
        annotations = ours["metadata"].pop("annotations")
        assert annotations.pop("helm.sh/resource-policy") == "keep"
        assert annotations == definition["metadata"].pop("annotations", {})
        assert ours == definition
    assert not any(o["kind"] == "CustomResourceDefinition" for o in rendered({"manageCRDs": False}))


def test_the_namespace_is_left_to_its_owner() -> None:
    for objects in (rendered(), rendered(EVERYTHING)):
        assert not any(o["kind"] == "Namespace" for o in objects)
        spaced = {o["metadata"].get("namespace") for o in objects} - {None}
        assert spaced == {"volsync-system"}


def test_on_openshift_the_namespace_says_which_user_the_manager_is() -> None:
    objects = rendered(words=on_a_cluster_with(CONSTRAINTS))

    assert pod_of(objects)["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    ours, (theirs,) = one(objects, "SecurityContextConstraints"), of_manifests("overlays/openshift/scc.yaml")
    metadata = ours.pop("metadata")
    assert metadata["name"] == theirs.pop("metadata")["name"]
    assert metadata["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert ours == theirs
