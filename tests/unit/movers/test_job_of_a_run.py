"""The Job of a run: image, account, volumes, environment, pause, and what stays when the spec changes."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from tests.unit.movers.objects import (
    container_of,
    destination,
    env_of,
    pod_of,
    secret,
    source,
)
from tests.unit.movers.seen import NOW, SETTINGS, decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import Outcome, Report, SnapshotFacts
from volsync_py.core.actions import Create

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
BOTH = pytest.mark.parametrize("make", [source, destination])


def env_with(objects: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    decision = decision_on(objects, settings=evolve(SETTINGS, **settings))
    (job,) = (a.object for a in decision.actions if isinstance(a, Create) and a.object["kind"] == "Job")
    env: list[dict[str, Any]] = job["spec"]["template"]["spec"]["containers"][0]["env"]
    return env


def space(annotations: dict[str, str]) -> dict[str, Any]:
    return {"kind": "Namespace", "metadata": {"name": "ns", "annotations": annotations}}


# ---- what the pod is made of


@BOTH
def test_both_movers_run_the_image_that_was_found(make: Any) -> None:
    assert container_of(make())["image"] == SETTINGS.image


@pytest.mark.parametrize(("make", "name"), [(source, "volsync-src-n"), (destination, "volsync-dst-n")])
def test_a_mover_has_an_account_of_its_own(make: Any, name: str) -> None:
    objects = make()
    assert pod_of(objects)["serviceAccountName"] == name
    assert f"create ServiceAccount/{name}" in words(decision_on(objects))


@BOTH
def test_an_account_of_the_user_is_used_and_none_is_made(make: Any) -> None:
    account = {"kind": "ServiceAccount", "metadata": {"name": "mine", "namespace": "ns"}}
    objects = [*make(moverServiceAccount="mine"), account]
    assert pod_of(objects)["serviceAccountName"] == "mine"
    assert not [word for word in words(decision_on(objects)) if "ServiceAccount" in word]


@BOTH
def test_an_account_of_the_user_that_is_missing_is_named_and_nothing_is_made(make: Any) -> None:
    decision = decision_on(make(moverServiceAccount="mine"))
    assert words(decision) == ["status"]
    assert "ServiceAccount 'mine' not found" in str(status_of(decision)["conditions"])


@pytest.mark.parametrize(("make", "cache"), [(source, "volsync-src-n-cache"), (destination, "volsync-dst-n-cache")])
def test_a_pod_has_exactly_three_volumes_data_cache_and_a_folder_in_memory(make: Any, cache: str) -> None:
    assert pod_of(make())["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "cache", "persistentVolumeClaim": {"claimName": cache}},
        {"name": "tempdir", "emptyDir": {"medium": "Memory"}},
    ]
    assert [m["mountPath"] for m in container_of(make())["volumeMounts"]] == ["/data", "/cache", "/tmp"]


@BOTH
def test_a_container_asks_for_nothing_by_default(make: Any) -> None:
    assert container_of(make())["resources"] == {}


@pytest.mark.parametrize(
    ("modes", "real", "read_only"),
    [
        (["ReadOnlyMany"], None, True),
        (["ReadWriteOnce", "ReadOnlyMany"], ["ReadOnlyMany"], True),
        (["ReadOnlyMany"], ["ReadOnlyMany", "ReadWriteMany"], False),
        (["ReadWriteOnce"], None, False),
        (["ReadWriteMany"], ["ReadWriteMany"], False),
    ],
)
def test_a_volume_that_nobody_can_write_is_mounted_read_only(
    modes: list[str], real: list[str] | None, read_only: bool
) -> None:
    objects = source()
    objects[1]["spec"]["accessModes"] = modes
    objects[1]["status"]["accessModes"] = real
    assert pod_of(objects)["volumes"][0]["persistentVolumeClaim"].get("readOnly", False) is read_only


@pytest.mark.parametrize(
    ("annotations", "privileged"),
    [
        ({}, "0"),
        ({"volsync.backube/privileged-movers": ""}, "0"),
        ({"volsync.backube/privileged-movers": "false"}, "0"),
        ({"volsync.backube/privileged-movers": "somethingelse"}, "0"),
        ({"volsync.backube/privileged-movers": "true"}, "1"),
        ({"volsync.backube/privileged-movers": "TRUE"}, "1"),
    ],
)
def test_only_the_word_true_makes_movers_privileged(annotations: dict[str, str], privileged: str) -> None:
    objects = source(space(annotations))
    assert env_of(objects)["PRIVILEGED_MOVER"] == privileged
    assert ("add" in container_of(objects)["securityContext"]["capabilities"]) is (privileged == "1")


def test_a_destination_has_the_same_defaults_for_every_variable() -> None:
    env = env_of(destination())
    assert {name: env[name] for name in ("FORGET_OPTIONS", "RESTORE_AS_OF", "SELECT_PREVIOUS", "RESTORE_OPTIONS")} == {
        "FORGET_OPTIONS": "--keep-last 1",
        "RESTORE_AS_OF": "",
        "SELECT_PREVIOUS": "0",
        "RESTORE_OPTIONS": "",
    }


def test_without_google_credentials_there_is_no_trace_of_them() -> None:
    objects = destination()
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in env_of(objects)
    assert "gcs-credentials" not in str(pod_of(objects))


def test_only_keys_that_the_secret_has_are_asked_for() -> None:
    names = {e["name"] for e in container_of(source(secret(AWS_ACCESS_KEY_ID="a", NOT_RCLONE_VAR="x")))["env"]}
    absent = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "B2_ACCOUNT_ID", "OS_AUTH_URL"}
    assert names & {*absent, "NOT_RCLONE_VAR"} == set()
    assert "AWS_ACCESS_KEY_ID" in names


def test_keys_of_azures_workload_identity_are_optional_references() -> None:
    keys = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
    env = env_of(source(secret(**dict.fromkeys(keys, "a"))))
    for key in keys:
        assert env[key] == {"secretKeyRef": {"name": "repository", "key": key, "optional": True}}


def test_no_proxy_is_passed_on_when_the_manager_has_none() -> None:
    assert {e["name"] for e in env_with(source())} & set(PROXIES) == set()


@BOTH
def test_all_six_proxy_variables_are_passed_on_and_the_others_stay(make: Any) -> None:
    given = tuple((name, f"value of {name}") for name in PROXIES)
    without, env = env_with(make()), env_with(make(), proxies=given)
    added = [(e["name"], e.get("value")) for e in env if e["name"] in PROXIES]
    assert added == list(given)
    assert [e for e in env if e["name"] not in PROXIES] == without


# ---- while the Job runs


def test_pausing_takes_the_pod_from_the_job_and_going_on_gives_the_same_job_a_new_one() -> None:
    one = Simulation(source())
    one.settle()
    first = one.job()
    assert first is not None
    uid, seen = first["metadata"]["uid"], [first["spec"]["parallelism"]]
    for paused in (True, False):
        one.resource["spec"]["paused"] = paused
        one.settle()
        job = one.job()
        assert job is not None
        assert job["metadata"]["uid"] == uid
        seen.append(job["spec"]["parallelism"])
    assert seen == [1, 0, 1]


@pytest.mark.parametrize(
    "changed",
    [
        {"moverResources": {"limits": {"memory": "1Gi"}}},
        {"unlock": "now"},
        {"retain": {"last": "3"}},
        {"moverPodLabels": {"a": "b"}},
        {"pruneIntervalDays": 0},
    ],
)
def test_a_run_ends_as_it_began_although_the_spec_and_the_image_change(changed: dict[str, Any]) -> None:
    one = Simulation(source())
    one.settle()
    before = str(one.job())
    one.resource["spec"]["restic"] |= changed
    one.resource["metadata"]["generation"] = 2
    newer = evolve(SETTINGS, image="mover:2")
    assert {w for w in words(decision_on(one.objects, NOW, newer)) if w != "status"} == set()
    one.settle()
    assert str(one.job()) == before


def test_the_next_run_has_the_new_image() -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(BACKED_UP)
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    one.resource["spec"]["trigger"]["manual"] = "two"
    (job,) = (
        a.object
        for a in decision_on(one.objects, one.now, evolve(SETTINGS, image="mover:2")).actions
        if isinstance(a, Create) and a.object["kind"] == "Job"
    )
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "mover:2"


def run(one: Simulation, **restic: Any) -> list[str]:
    """Make one run and return its arguments."""
    for name, value in restic.items():
        one.resource["spec"]["restic"][name] = value
    tag = f"{one.resource['spec']['trigger']['manual']}+"
    one.resource["spec"]["trigger"]["manual"] = tag
    one.settle()
    job = one.job()
    assert job is not None
    args: list[str] = job["spec"]["template"]["spec"]["containers"][0]["args"]
    one.end_job(BACKED_UP)
    assert one.status["lastManualSync"] == tag
    return args


def test_an_unlock_is_served_once_for_each_value_and_forgotten_when_it_is_cleared() -> None:
    one = Simulation(source())
    seen = []
    for value in ("a", "a", "b", None, "b"):
        args = run(one, unlock=value)
        seen.append((value, args, one.status["restic"].get("lastUnlocked")))
    assert seen == [
        ("a", ["unlock", "backup"], "a"),
        ("a", ["backup"], "a"),
        ("b", ["unlock", "backup"], "b"),
        (None, ["backup"], None),
        ("b", ["unlock", "backup"], "b"),
    ]
