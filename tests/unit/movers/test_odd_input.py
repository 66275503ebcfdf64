"""Whatever a spec or a Secret holds: a Job, or a condition that names the field; never a crash, never a hot loop."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hack.generate_crds import TARGET
from tests.unit.movers.objects import destination, secret, source
from tests.unit.movers.simulated import Simulation

SOURCE: dict[str, Any] = {"sourcePVC": "data", "trigger": {"manual": "m"}}
ODD: list[Any] = [
    *(None, True, 0, -1, 2**31 - 1, 10**20, 1.5, "", " ", "x", "-5", "1Gi", "1e400", "9" * 50, "\0", "ü" * 300),
    *("0 0 30 2 *", "* * * * *", "@every 1s", "TZ=Nowhere 0 0 * * *", "CRON_TZ=UTC 0 0 * * *", "Europe/Berlin"),
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-13-45T00:00:00Z"),
    *([], {}, [None], [1], ["a"], {"a": 1}, [{}], {"key": "k"}, {"key": "k", "secretName": "nowhere"}),
]
TRIGGER = ["manual", "schedule", "timeZone", "jitter", "startingDeadlineSeconds", "runOnCreate"]


def names_of(plural: str) -> tuple[list[str], list[str]]:
    """Return the fields of `spec.restic` as the schema has them, and those of groups in it."""
    definition = yaml.safe_load((TARGET / f"volsync.backube_{plural}.yaml").read_text(encoding="utf-8"))
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    restic = spec["properties"]["restic"]["properties"]
    return sorted(restic), sorted({name for field in restic.values() for name in field.get("properties") or ()})


OF_SOURCES, INNER = names_of("replicationsources")
OF_DESTINATIONS, _ = names_of("replicationdestinations")
KEYS = ["RESTIC_REPOSITORY", "RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "X"]
odd = st.sampled_from(ODD)
value = odd | st.dictionaries(st.sampled_from(INNER), odd, max_size=2)


def parts(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), value, max_size=3)


def decided(one: Simulation) -> None:
    """Make the passes that there are to make; the result is a Job, a wait, or a condition with a next step."""
    one.settle()
    conditions = {c["type"]: c for c in one.status["conditions"]}
    synchronizing = conditions["Synchronizing"]
    if one.job() is None and synchronizing["reason"] == "Error":
        assert synchronizing["status"] == "False"
        assert " – " in synchronizing["message"]
        assert conditions["Healthy"]["status"] == "False"
    assert one.delay is None or one.delay > 0


@settings(max_examples=500)
@given(restic=parts(OF_SOURCES), trigger=parts(TRIGGER), other=parts(["sourcePVC", "paused", "rsync", "external"]))
def test_an_odd_source_is_answered(restic: Any, trigger: Any, other: Any) -> None:
    objects = source()
    objects[0]["spec"] |= other
    objects[0]["spec"]["restic"] |= restic
    objects[0]["spec"]["trigger"] = {"manual": "m", **trigger}
    decided(Simulation(objects))


@settings(max_examples=500)
@given(restic=parts(OF_DESTINATIONS), trigger=parts(TRIGGER))
def test_an_odd_destination_is_answered(restic: Any, trigger: Any) -> None:
    objects = destination()
    objects[0]["spec"]["restic"] |= restic
    objects[0]["spec"]["trigger"] = {"manual": "m", **trigger}
    decided(Simulation(objects))


@given(data=st.dictionaries(st.sampled_from(KEYS), st.sampled_from([one for one in ODD if isinstance(one, str)])))
def test_an_odd_secret_is_answered(data: dict[str, Any]) -> None:
    broken = {**secret(), "data": data}
    decided(Simulation(source(broken)))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rsync": {}}, "spec.restic: only one replication method can be supplied (there are restic, rsync)"),
        ({"restic": None}, "spec.restic: a replication method must be specified"),
        ({"restic": None, "rsync": {"sshUser": "a"}}, "spec.rsync: this operator has the restic mover only"),
        ({"restic": {"cacheCapacity": "1Zi"}}, "spec.restic.cacheCapacity"),
        ({"restic": {"cacheCapacity": "-1Gi"}}, "spec.restic.cacheCapacity"),
        ({"restic": {"capacity": "0"}}, "spec.restic.capacity"),
        ({"restic": {"copyMethod": "Copy"}}, "spec.restic.copyMethod: unsupported copyMethod: 'Copy'"),
        ({"restic": {"repository": ""}}, "spec.restic.repository: is not set"),
        ({"restic": {"retain": {"hourly": 0}}}, "spec.restic.retain: keeps nothing at all"),
        ({"sourcePVC": "nowhere"}, "spec.sourcePVC: PersistentVolumeClaim 'nowhere' not found"),
        ({"trigger": {"schedule": "every day"}}, "spec.trigger.schedule"),
        ({"trigger": {"schedule": "0 0 31 2 *"}}, "spec.trigger.schedule: '0 0 31 2 *' never matches a day"),
        ({"trigger": {"schedule": "@daily", "jitter": "soon"}}, "spec.trigger.jitter"),
        ({"trigger": {"schedule": "@daily", "startingDeadlineSeconds": 10**12}}, "startingDeadlineSeconds"),
    ],
)
def test_what_cannot_be_used_is_named(changes: dict[str, Any], field: str) -> None:
    objects = source()
    spec = objects[0]["spec"]
    for name, given_value in changes.items():
        merge = name == "restic" and isinstance(given_value, dict)
        spec[name] = {**spec["restic"], **given_value} if merge else copy.deepcopy(given_value)
    one = Simulation(objects)
    decided(one)
    healthy = next(c for c in one.status["conditions"] if c["type"] == "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("False", "Configuration")
    assert field in healthy["message"]
    assert one.of_kind("Job") == []


def test_a_prune_interval_beyond_the_calendar_means_never() -> None:
    one = Simulation(source(pruneIntervalDays=10**9))
    one.settle()
    job = one.job()
    assert job is not None
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["backup"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "secret should have fields"),
        ({"RESTIC_REPOSITORY": "YQ==", "AWS_ACCESS_KEY_ID": "YQ=="}, "secret is missing field: RESTIC_PASSWORD"),
        ({"RESTIC_REPOSITORY": "YQ==", "RESTIC_PASSWORD": ""}, "RESTIC_PASSWORD is empty"),
        ({"RESTIC_REPOSITORY": "IA==", "RESTIC_PASSWORD": "YQ=="}, "RESTIC_REPOSITORY is empty"),
    ],
)
def test_what_a_secret_lacks_is_named(data: dict[str, str], text: str) -> None:
    one = Simulation(source({**secret(), "data": data}))
    decided(one)
    healthy = next(c for c in one.status["conditions"] if c["type"] == "Healthy")
    assert text in healthy["message"]
    assert one.of_kind("Job") == []
