"""A custom CA: where it may be, and what is said when it is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.movers.objects import container_of, destination, env_of, pod_of, source
from tests.unit.movers.seen import decision_on, status_of, words

FOUND = {"secretName": "tls", "configMapName": "tls"}
KINDS = pytest.mark.parametrize(("kind", "field"), [("Secret", "secretName"), ("ConfigMap", "configMapName")])


def holder(kind: str, key: str = "root") -> dict[str, Any]:
    meta = {"name": "tls", "namespace": "ns", "resourceVersion": "1"}
    return {"kind": kind, "metadata": meta, "data": {key: "Yw=="}}


def told(objects: list[dict[str, Any]]) -> str:
    decision = decision_on(objects)
    assert words(decision) == ["status"]
    return str(next(c for c in status_of(decision)["conditions"] if c["type"] == "Synchronizing")["message"])


@pytest.mark.parametrize("make", [source, destination])
@pytest.mark.parametrize("ca", [None, {}])
def test_without_a_custom_ca_there_is_no_trace_of_one(make: Any, ca: dict[str, Any] | None) -> None:
    objects = make(customCA=ca)
    assert "CUSTOM_CA" not in env_of(objects)
    assert "custom-ca" not in str(pod_of(objects))


@KINDS
def test_the_key_that_was_named_is_the_file_that_restic_is_told_of(kind: str, field: str) -> None:
    objects = [*destination(customCA={field: "tls", "key": "root"}), holder(kind)]
    items = [{"key": "root", "path": "ca.crt"}]
    volumes: dict[str, dict[str, Any]] = {
        "Secret": {"name": "custom-ca", "secret": {"secretName": "tls", "items": items}},
        "ConfigMap": {"name": "custom-ca", "configMap": {"name": "tls", "items": items}},
    }
    assert volumes[kind] in pod_of(objects)["volumes"]
    assert {"name": "custom-ca", "mountPath": "/customCA"} in container_of(objects)["volumeMounts"]
    assert env_of(objects)["CUSTOM_CA"] == "/customCA/ca.crt"


def test_of_two_sources_the_secret_counts() -> None:
    objects = [*source(customCA={**FOUND, "key": "root"}), holder("Secret"), holder("ConfigMap", "another")]
    (volume,) = (v for v in pod_of(objects)["volumes"] if v["name"] == "custom-ca")
    assert "secret" in volume


@KINDS
def test_a_ca_that_is_not_there_is_named(kind: str, field: str) -> None:
    assert f"{kind.lower()} 'tls' not found" in told(source(customCA={field: "tls", "key": "root"}))


@KINDS
def test_a_key_that_is_not_there_is_named(kind: str, field: str) -> None:
    objects = [*source(customCA={field: "tls", "key": "root"}), holder(kind, "another")]
    assert f"{kind.lower()} is missing field: root" in told(objects)


@pytest.mark.parametrize("ca", [{"key": "root"}, {"secretName": "tls"}, {"configMapName": "tls"}])
def test_a_ca_that_would_be_ignored_is_refused(ca: dict[str, Any]) -> None:
    # Differs from VolSync, which then talks to the server without it.
    assert "spec.restic.customCA.key" in told([*source(customCA=ca), holder("Secret"), holder("ConfigMap")])
