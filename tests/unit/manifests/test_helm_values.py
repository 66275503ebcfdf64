"""What the chart's values mean; those of VolSync's chart mean what they mean there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.manifests.helm_chart import (
    EVERYTHING,
    MONITORS,
    Object,
    at,
    container_of,
    on_a_cluster_with,
    one,
    pod_of,
    refused,
    rendered,
    settings_of,
)


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("volsync", {}, "volsync"),
        ("my-volsync-2", {}, "my-volsync-2"),
        ("backup", {}, "backup-volsync"),
        ("backup", {"fullnameOverride": "volsync"}, "volsync"),
        ("backup", {"nameOverride": "restic"}, "backup-restic"),
        ("r" * 53, {"nameOverride": "n" * 20}, "r" * 53 + "-" + "n" * 9),
    ],
)
def test_objects_are_called_as_volsyncs_are(release: str, values: Object, name: str) -> None:
    objects = rendered(values, release=release)

    assert one(objects, "Deployment")["metadata"]["name"] == name
    assert one(objects, "ServiceAccount")["metadata"]["name"] == name
    assert container_of(objects)["name"] == "manager"
    service = one(objects, "Service")
    assert service["metadata"]["name"] == f"{name[:55]}-metrics"
    assert [(p["name"], p["port"]) for p in service["spec"]["ports"]] == [("https", 8443)]
    labels = [v for o in objects for v in o["metadata"].get("labels", {}).values()]
    assert max(map(len, labels)) <= 63


@pytest.mark.parametrize(
    "key", ["podLabels", "podAnnotations", "nodeSelector", "affinity", "tolerations", "imagePullSecrets"]
)
def test_a_value_that_is_set_to_nothing_is_empty(key: str) -> None:
    # With Helm, null takes the chart's own value away.
    assert container_of(rendered({key: None}))["name"] == "manager"


@pytest.mark.parametrize(
    ("values", "manager", "mover"),
    [
        ({}, "volsync-py:0.0.0", "volsync-py:0.0.0"),
        ({"image": {"tag": "2"}}, "volsync-py:2", "volsync-py:2"),
        ({"image": {"image": "r/v@sha256:1"}}, "r/v@sha256:1", "r/v@sha256:1"),
        ({"image": {"repository": "r/v"}, "restic": None}, "r/v:0.0.0", "r/v:0.0.0"),
        ({"image": {"repository": "r/v", "tag": "2"}, "restic": {"repository": "r/m"}}, "r/v:2", "r/m:2"),
        ({"image": {"repository": "r/v"}, "restic": {"tag": "3"}}, "r/v:0.0.0", "r/v:3"),
        ({"restic": {"image": "r/m@sha256:2", "tag": "3"}}, "volsync-py:0.0.0", "r/m@sha256:2"),
    ],
)
def test_images_are_named_as_in_volsyncs_chart(values: Object, manager: str, mover: str) -> None:
    objects = rendered(values)

    assert container_of(objects)["image"] == manager
    assert settings_of(objects).mover_image == mover


@pytest.mark.parametrize("tag", ["20261130", "20261130154735", "7"])
@pytest.mark.parametrize("key", ["image", "restic"])
@pytest.mark.parametrize("where", ["file", "words"])
def test_a_tag_of_digits_is_taken_as_it_is_written(key: str, tag: str, where: str) -> None:
    objects = rendered({key: {"tag": int(tag)}}) if where == "file" else rendered(words=("--set", f"{key}.tag={tag}"))

    assert settings_of(objects).mover_image == f"volsync-py:{tag}"
    assert container_of(objects)["image"] == f"volsync-py:{tag if key == 'image' else '0.0.0'}"


@pytest.mark.parametrize("key", ["image", "restic"])
@pytest.mark.parametrize(
    "named",
    [
        {"repository": "quay.io/backube/volsync"},
        {"image": "quay.io/backube/volsync@sha256:1"},
        {"repository": "mirror:5000/backube/volsync", "tag": "0.17.0"},
    ],
)
def test_an_image_of_volsyncs_is_refused_with_what_to_do(key: str, named: Object) -> None:
    assert f"{key} names " in (said := refused({key: named}))
    assert "name one of volsync-py" in said


def test_the_manager_is_told_what_volsyncs_is_told() -> None:
    settings = settings_of(rendered())

    assert container_of(rendered())["args"][1:5] == [
        "--metrics-bind-address=:8443",
        "--health-probe-bind-address=:8081",
        "--leader-elect",
        "--scc-name=volsync-privileged-mover",
    ]
    assert (settings.metrics.secure, settings.metrics.require_rbac, settings.election.enabled) == (True, True, True)
    assert (settings.max_movers, settings.mover_image_pull_secrets) == (0, ())


def test_the_manager_is_told_what_the_values_say() -> None:
    settings = settings_of(rendered(EVERYTHING))

    assert not settings.metrics.require_rbac
    assert settings.mover_image_pull_secrets == ("one", "two")
    assert (settings.max_movers, settings.time_zone.name, settings.log_level) == (20, "Europe/Berlin", "debug")
    assert settings.proxies == {"HTTPS_PROXY": "http://proxy:3128"}


POD = "spec/template/spec"
PLACES = [
    ("Deployment", "spec/replicas", 2),
    ("Deployment", "spec/template/metadata/annotations/p", "a"),
    ("Deployment", "spec/template/metadata/labels/p", "l"),
    ("Deployment", f"{POD}/containers/0/imagePullPolicy", "Always"),
    ("Deployment", f"{POD}/containers/0/resources/limits", {"cpu": "1", "memory": "2Gi"}),
    ("Deployment", f"{POD}/containers/0/securityContext/privileged", False),
    ("Deployment", f"{POD}/containers/0/securityContext/readOnlyRootFilesystem", True),
    ("Deployment", f"{POD}/containers/0/volumeMounts/1/mountPath", "/etc/localtime"),
    ("Deployment", f"{POD}/volumes/1/hostPath/path", "/etc/localtime"),
    ("Deployment", f"{POD}/imagePullSecrets", [{"name": "one"}, {"name": "two"}]),
    ("Deployment", f"{POD}/securityContext", EVERYTHING["podSecurityContext"]),
    ("Deployment", f"{POD}/nodeSelector", {"n": "s"}),
    ("Deployment", f"{POD}/tolerations/0/key", "t"),
    ("Deployment", f"{POD}/affinity", {"podAntiAffinity": {}}),
    ("Deployment", f"{POD}/priorityClassName", "system-cluster-critical"),
    ("Deployment", f"{POD}/serviceAccountName", "operator"),
    ("ServiceAccount", "metadata/annotations", {"a": "b"}),
    ("Service", "spec/ipFamilyPolicy", "PreferDualStack"),
    ("Service", "spec/ipFamilies", ["IPv6", "IPv4"]),
    ("ServiceMonitor", "metadata/labels/release", "prometheus"),
    ("ServiceMonitor", "spec/endpoints/0/interval", "30s"),
    ("PodMonitor", "spec/podMetricsEndpoints/0/scrapeTimeout", "10s"),
    ("NetworkPolicy", "spec/ingress/0/from/0/namespaceSelector/matchLabels", {"metrics": "enabled"}),
    ("NetworkPolicy", "spec/ingress/0/ports/0/port", 8443),
    ("PodDisruptionBudget", "spec/maxUnavailable", 1),
]


@pytest.mark.parametrize(("kind", "path", "value"), PLACES, ids=[f"{kind}/{path}" for kind, path, _ in PLACES])
def test_a_value_arrives_in_its_place(kind: str, path: str, value: Any) -> None:
    assert at(one(rendered(EVERYTHING), kind), path) == value


def test_what_is_not_asked_for_is_not_there() -> None:
    kinds = {o["kind"] for o in rendered()}

    assert kinds & {"ServiceMonitor", "PodMonitor", "NetworkPolicy", "PodDisruptionBudget"} == set()
    assert not any(o["kind"] == "ServiceAccount" for o in rendered({"serviceAccount": {"create": False}}))
    assert pod_of(rendered({"serviceAccount": {"create": False}}))["serviceAccountName"] == "default"


def test_without_authentication_its_roles_are_left_out() -> None:
    names = {o["metadata"]["name"] for o in rendered({"metrics": {"disableAuth": True}})}

    assert {o["metadata"]["name"] for o in rendered()} - names == {"volsync-metrics-reader", "volsync-py-metrics-auth"}


def test_values_of_volsyncs_chart_are_taken() -> None:
    image = {"repository": "registry/volsync-py", "tag": "1"}
    movers = dict.fromkeys(("restic", "rclone", "rsync", "rsync-tls", "syncthing"), image)
    values = {"manageCRDs": True, "metrics": {"disableAuth": True}, "fullnameOverride": "volsync", "image": image}
    values |= {"podSecurityContext": {"runAsUser": 1000, "runAsGroup": 1000}, "x-image": image, **movers}
    others = {k: v for k, v in values.items() if k not in {"rclone", "rsync", "rsync-tls", "syncthing", "x-image"}}

    assert rendered(values) == rendered(others)


@pytest.mark.parametrize(
    "wrong",
    [
        {"maxMover": 3},
        {"maxMovers": "three"},
        {"extraArgs": "--log-level=debug"},
        {"extraArgs": ["log-level=debug"]},
        {"image": {"pullPolicy": "Sometimes"}},
        {"monitoring": {"serviceMonitor": {"enabled": "yes"}}},
        {"monitoring": {"prometheusRules": {"enabled": True}}},
        {"service": {"ipFamilies": ["IPv5"]}},
        {"podLabels": {"a": 1}},
        {"imagePullSecrets": ["name"]},
        {"image": {"tag": 1.2}},
        # Numbers are not exact there.
        {"image": {"tag": 9007199254740993}},
    ],
    ids=json.dumps,
)
def test_a_value_that_is_mistyped_is_refused(wrong: Object) -> None:
    assert "values don't meet the specifications of the schema" in refused(wrong)


@pytest.mark.parametrize("enabled", ["auto", True])
def test_where_prometheus_operator_is_the_job_is_volsync_metrics(enabled: Any) -> None:
    values = {"monitoring": {"serviceMonitor": {"enabled": enabled}}}
    objects = rendered(values, release="backup", words=on_a_cluster_with(MONITORS))
    monitor, service = one(objects, "ServiceMonitor"), one(objects, "Service")

    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "volsync-metrics"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {p["name"] for p in service["spec"]["ports"]}
    assert (endpoint["scheme"], endpoint["tlsConfig"]) == ("https", {"insecureSkipVerify": True})
    assert "bearerTokenFile" in endpoint


def test_no_token_is_sent_to_who_asks_for_none() -> None:
    (endpoint,) = one(rendered(EVERYTHING), "ServiceMonitor")["spec"]["endpoints"]

    assert "bearerTokenFile" not in endpoint


def test_monitors_may_be_turned_off() -> None:
    values = {"monitoring": {"serviceMonitor": {"enabled": False}}}

    assert not any(o["kind"] == "ServiceMonitor" for o in rendered(values, words=on_a_cluster_with(MONITORS)))


def test_a_monitor_of_pods_finds_them_and_their_job() -> None:
    objects = rendered(EVERYTHING)
    monitor, template = one(objects, "PodMonitor"), one(objects, "Deployment")["spec"]["template"]

    assert template["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "volsync-metrics"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    ports = {p["name"] for p in template["spec"]["containers"][0]["ports"]}
    assert {e["port"] for e in monitor["spec"]["podMetricsEndpoints"]} <= ports


def test_a_monitor_of_pods_that_would_be_turned_away_is_refused() -> None:
    assert "monitoring.podMonitor needs authorization" in refused({"monitoring": {"podMonitor": {"enabled": True}}})
    key = {"credentials": {"name": "token", "key": "token"}}
    objects = rendered({"monitoring": {"podMonitor": {"enabled": True, "authorization": key}}})
    assert at(one(objects, "PodMonitor"), "spec/podMetricsEndpoints/0/authorization") == key
