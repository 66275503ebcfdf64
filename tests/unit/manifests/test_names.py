"""The installation has VolSync's names: scripts, alerts, bindings and policies of people's know them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.manifests.helm_chart import CONSTRAINTS, MONITORS, on_a_cluster_with, one, rendered
from tests.unit.manifests.test_manifests import MANIFESTS, documents, of_kind

# What people scale, restart, scrape, bind and select by; what a binding of our own refers to is nobody's.
NAMES = [
    ("Deployment", "volsync"),
    ("Service", "volsync-metrics"),
    ("ServiceAccount", "volsync"),
    ("PodDisruptionBudget", "volsync"),
    ("NetworkPolicy", "volsync"),
    ("ServiceMonitor", "volsync-metrics"),
    ("SecurityContextConstraints", "volsync-privileged-mover"),
]
POD_LABELS = {
    "app.kubernetes.io/name": "volsync",
    "app.kubernetes.io/instance": "volsync",
    "control-plane": "volsync-controller",
}
OVERLAYS = sorted(MANIFESTS.glob("overlays/*/kustomization.yaml"))


def only(kind: str) -> dict[str, Any]:
    """Return the only object of a kind."""
    (found,) = [d for d in documents("") if d["kind"] == kind]
    return found


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_what_people_know_by_name_has_volsyncs(kind: str, name: str) -> None:
    assert only(kind)["metadata"]["name"] == name


def test_the_chart_has_the_same() -> None:
    everything = {"podDisruptionBudget": {"enabled": True}, "networkPolicy": {"enabled": True}}
    objects = rendered(everything, words=on_a_cluster_with(MONITORS, CONSTRAINTS))

    assert set(NAMES) <= {(o["kind"], o["metadata"]["name"]) for o in objects}
    monitor, ours = one(objects, "ServiceMonitor")["spec"], only("ServiceMonitor")["spec"]
    assert (monitor["jobLabel"], monitor["endpoints"]) == (ours["jobLabel"], ours["endpoints"])


def test_scripts_find_the_managers_container_and_its_command_is_ours() -> None:
    template = of_kind("Deployment")["spec"]["template"]
    (container,) = template["spec"]["containers"]

    # Applied over a Deployment of VolSync's, what is not said stays: its command, for one.
    assert (container["name"], container["command"], container["args"][0]) == ("manager", ["volsync-py"], "manager")
    assert template["spec"]["serviceAccountName"] == only("ServiceAccount")["metadata"]["name"]


def test_the_selector_is_volsyncs_because_it_never_changes() -> None:
    spec = of_kind("Deployment")["spec"]

    assert spec["selector"]["matchLabels"] == POD_LABELS == spec["template"]["metadata"]["labels"]


def test_whatever_selects_the_manager_does() -> None:
    patches = yaml.safe_load((MANIFESTS / "overlays" / "ha" / "kustomization.yaml").read_text())["patches"]
    (spread,) = [op["value"][0] for patch in patches for op in yaml.safe_load(patch["patch"])]
    selectors = [
        only("Service")["spec"]["selector"],
        only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        spread["labelSelector"]["matchLabels"],
    ]

    assert [s for s in selectors if not (s and s.items() <= POD_LABELS.items())] == []


def test_the_scrape_job_is_the_one_that_alerts_ask_for() -> None:
    service, spec = only("Service"), only("ServiceMonitor")["spec"]
    labels = service["metadata"]["labels"]

    # Prometheus' operator: the value of this label of the Service; without it, the Service's name.
    assert labels[spec["jobLabel"]] == service["metadata"]["name"] == "volsync-metrics"
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    # Of VolSync's own monitors, too, if one is left.
    assert POD_LABELS.items() <= labels.items()
    (endpoint,), (port,) = spec["endpoints"], service["spec"]["ports"]
    assert (endpoint["port"], port["name"], endpoint["scheme"]) == ("https", "https", "https")


def test_only_who_has_prometheus_operator_gets_a_monitor() -> None:
    folders = [*MANIFESTS.glob("overlays/*"), MANIFESTS / "base", MANIFESTS / "rbac"]

    assert [f.name for f in folders if any(d["kind"] == "ServiceMonitor" for d in documents(str(f)))] == ["monitoring"]


def test_bindings_are_the_managers_accounts() -> None:
    account = only("ServiceAccount")["metadata"]
    subjects = [(s["kind"], s["name"], s["namespace"]) for d in documents("") for s in d.get("subjects", [])]

    assert subjects
    assert set(subjects) == {("ServiceAccount", account["name"], account["namespace"])}


def test_bindings_have_names_of_their_own_because_what_one_refers_to_never_changes() -> None:
    names = {d["metadata"]["name"] for d in documents("") if "roleRef" in d}

    assert names
    assert [name for name in names if not name.startswith("volsync-py-")] == []


def test_who_may_scrape_volsync_may_scrape_us() -> None:
    assert "volsync-metrics-reader" in {d["metadata"]["name"] for d in documents("") if d["kind"] == "ClusterRole"}


def test_the_namespace_is_its_owners() -> None:
    assert [d for d in documents("") if d["kind"] == "Namespace"] == []


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.parent.name)
def test_a_patch_of_an_overlay_is_for_something_that_is_there(path: Path) -> None:
    overlay = yaml.safe_load(path.read_text())
    there = {(d["kind"], d["metadata"]["name"]) for d in documents("") if "metadata" in d}
    wanted = {(p["target"]["kind"], p["target"]["name"]) for p in overlay.get("patches", [])}
    wanted |= {("Deployment", r["name"]) for r in overlay.get("replicas", [])}

    assert wanted - there == set()
