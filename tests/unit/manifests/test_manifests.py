"""What the manifests promise, read from the files as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.samples import BACKUP, IMAGE, RESTORE, SAMPLES, SET_UPS
from volsync_py.core.names import pull_secret_name

MANIFESTS = Path(__file__).parents[3] / "manifests"
PULL_SECRETS = "overlays/pull-secrets"
READING_ALL = {"list", "watch", "*", "deletecollection"}


def documents(folder: str) -> Iterator[dict[str, Any]]:
    for path in sorted((MANIFESTS / folder).rglob("*.yaml")):
        # Templates are no YAML, and test_helm_chart.py has them rendered; Prometheus' rules are no object.
        if {"helm", "monitoring"} & {path.relative_to(MANIFESTS).parts[0]}:
            continue
        yield from (d for d in yaml.safe_load_all(path.read_text()) if d)


def rules(folder: str, *kinds: str) -> Iterator[dict[str, Any]]:
    for document in documents(folder):
        if document["kind"] in (kinds or ("Role", "ClusterRole")):
            yield from document.get("rules", [])


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = [d for d in documents("base") if d["kind"] == kind]
    return found


@pytest.mark.parametrize("path", sorted(MANIFESTS.rglob("kustomization.yaml")), ids=lambda p: p.parent.name)
def test_a_kustomization_names_only_what_is_there(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text())

    missing = [r for r in kustomization["resources"] if not (path.parent / r).exists()]
    assert missing == []


def test_no_file_is_left_out_of_its_kustomization() -> None:
    for path in MANIFESTS.rglob("kustomization.yaml"):
        named = set(yaml.safe_load(path.read_text())["resources"])
        there = {p.name for p in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert there - named == set(), path


def test_nobody_lists_or_watches_secrets_or_config_maps() -> None:
    wide = [
        rule
        for rule in rules("")
        if {"secrets", "configmaps", "*"} & set(rule.get("resources", [])) and READING_ALL & set(rule["verbs"])
    ]
    assert wide == []


def rights_on_secrets(folder: str) -> list[dict[str, Any]]:
    return [rule for rule in rules(folder) if {"secrets", "*"} & set(rule.get("resources", []))]


def test_nobody_is_granted_to_write_secrets_unless_copies_are_asked_for() -> None:
    folders = [path.name for path in MANIFESTS.iterdir() if path.is_dir() and path.name != "overlays"]
    folders += [f"overlays/{path.name}" for path in (MANIFESTS / "overlays").iterdir()]
    folders.remove(PULL_SECRETS)

    assert {verb for folder in folders for rule in rights_on_secrets(folder) for verb in rule["verbs"]} == {"get"}


def test_copies_of_pull_secrets_are_asked_for_and_granted_together() -> None:
    overlay = yaml.safe_load((MANIFESTS / PULL_SECRETS / "kustomization.yaml").read_text())
    ((target, patch),) = [(one["target"], yaml.safe_load(one["patch"])) for one in overlay["patches"]]
    flag, _, value = patch[0]["value"].partition("=")
    of_any_name, of_copies = rights_on_secrets(PULL_SECRETS)

    assert target["name"] == of_kind("Deployment")["metadata"]["name"]
    assert flag == "--mover-image-pull-secrets"
    # A role cannot limit by name what is not there yet.
    assert (of_any_name["verbs"], "resourceNames" in of_any_name) == (["create"], False)
    assert of_copies["resourceNames"] == [pull_secret_name(name) for name in value.split(",")]


def test_what_a_role_cannot_limit_the_policy_does_for_the_managers_account() -> None:
    (policy,) = [one for one in documents(PULL_SECRETS) if one["kind"] == "ValidatingAdmissionPolicy"]
    (binding,) = [one for one in documents(PULL_SECRETS) if one["kind"] == "ValidatingAdmissionPolicyBinding"]
    (subject,) = next(one["subjects"] for one in documents(PULL_SECRETS) if one["kind"] == "ClusterRoleBinding")
    (condition,) = policy["spec"]["matchConditions"]

    assert (binding["spec"]["policyName"], binding["spec"]["validationActions"]) == (
        policy["metadata"]["name"],
        ["Deny"],
    )
    assert f'"system:serviceaccount:{subject["namespace"]}:{subject["name"]}"' in condition["expression"]
    assert subject["name"] == of_kind("ServiceAccount")["metadata"]["name"]


def test_the_manager_has_no_wildcards() -> None:
    assert [r for r in rules("") if "*" in [*r["verbs"], *r.get("resources", []), *r.get("apiGroups", [])]] == []


def test_the_lease_is_volsyncs_and_no_other() -> None:
    leases = [r for r in rules("rbac") if "leases" in r.get("resources", []) and r["verbs"] != ["create"]]

    assert [r["resourceNames"] for r in leases] == [["b95b3104.backube"]]


def test_every_binding_names_a_role_that_is_there() -> None:
    roles = {(d["kind"], d["metadata"]["name"]) for d in documents("") if d["kind"] in {"Role", "ClusterRole"}}
    wanted = {(d["roleRef"]["kind"], d["roleRef"]["name"]) for d in documents("") if "roleRef" in d}

    assert wanted - roles == set()


def test_the_manager_meets_pod_security_restricted() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_movers_run_from_the_managers_own_image() -> None:
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    environment = {e["name"]: e.get("value") for e in container["env"]}

    assert environment["VOLSYNC_PY_IMAGE"] == container["image"]


def test_the_managers_flags_are_flags_of_the_manager() -> None:
    from volsync_py.manager.settings import parse_settings

    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    command, *flags = container["args"]
    settings = parse_settings(flags, {"VOLSYNC_PY_IMAGE": container["image"]}, pod_namespace="")

    assert command == "manager"
    assert (settings.metrics.secure, settings.metrics.require_rbac, settings.election.enabled) == (True, True, True)


def test_probes_and_services_name_ports_that_are_there() -> None:
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {p["name"] for p in container["ports"]}
    probes = {container[p]["httpGet"]["port"] for p in ("livenessProbe", "readinessProbe")}
    service = {p["targetPort"] for p in of_kind("Service")["spec"]["ports"]}

    assert probes | service <= ports


def test_the_samples_are_complete_objects() -> None:
    kinds = {d["kind"] for d in documents("samples")}

    assert kinds == {"PersistentVolumeClaim", "ReplicationDestination", "ReplicationSource", "Secret"}
    assert all(d["metadata"]["name"] and d["apiVersion"] for d in documents("samples"))


def test_each_sample_is_applied_by_a_test_and_no_other_is_named() -> None:
    assert {*BACKUP, *RESTORE, *IMAGE, *SET_UPS} == {path.stem for path in SAMPLES.iterdir()}


def schemas() -> dict[str, Any]:
    """Return the schema of each of our kinds."""
    return {
        crd["spec"]["names"]["kind"]: version["schema"]["openAPIV3Schema"]
        for crd in documents("crds")
        if crd["kind"] == "CustomResourceDefinition"
        for version in crd["spec"]["versions"]
    }


@pytest.mark.parametrize("kind", ["ReplicationSource", "ReplicationDestination"])
def test_the_samples_fit_the_schemas(kind: str) -> None:
    import jsonschema

    for sample in (d for d in documents("samples") if d["kind"] == kind):
        problems = [e.message for e in jsonschema.Draft202012Validator(schemas()[kind]).iter_errors(sample)]
        assert problems == []
