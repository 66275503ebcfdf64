"""What a run that failed for good waits for: what its message tells to mend, the next slot, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.movers.objects import claim, destination, job_of, secret, source
from tests.unit.movers.seen import NOW, SETTINGS, answer, decision_on, status_of
from tests.unit.movers.simulated import Simulation
from volsync_py.api.spec import parse
from volsync_py.contract.report import ErrorClass, Outcome, Report
from volsync_py.core.labels import Annotation
from volsync_py.core.result import StepResult
from volsync_py.core.times import format_rfc3339
from volsync_py.core.view import Kind, Objects, Unread, View
from volsync_py.movers.restic.preflight import certificate_authority, check_preconditions
from volsync_py.movers.restic.retry import failed_attempt, wait_for_retry

Objects_ = list[dict[str, Any]]


def view_of(objects: Objects_) -> View:
    claims = (o for o in objects if o["kind"] == Kind.CLAIM)
    return View(now=NOW, settings=SETTINGS, objects=Objects.of("ns", claims))


def failed(objects: Objects_, error_class: str, **annotations: str) -> dict[str, Any]:
    """Return the attempt that is recorded of a Job which ended now."""
    job = job_of(objects)
    job["metadata"]["annotations"].pop(Annotation.CUSTOM_CA_VERSION, None)
    job["metadata"]["annotations"] |= annotations
    job["status"] = {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": format_rfc3339(NOW)}]}
    recorded = failed_attempt(parse(objects[0], ZoneInfo("UTC")), view_of(objects), job, error_class, "no")
    assert recorded is not None
    return {key: value for key, value in recorded.as_json().items() if value is not None}


def held(objects: Objects_, attempt: dict[str, Any]) -> bool:
    """Return whether the next attempt still waits."""
    objects[0]["status"] = {"attempt": attempt}
    replication, view = parse(objects[0], ZoneInfo("UTC")), view_of(objects)
    try:
        step = wait_for_retry(replication, view)
    except Unread as unread:
        answers = {need: answer(need, objects, replication) for need in unread.reads}
        step = wait_for_retry(replication, view.with_reads(answers))
    assert step is None or (isinstance(step, StepResult) and (step.unhealthy or step.error) is not None)
    return step is not None


def authority(kind: str, version: str) -> dict[str, Any]:
    meta = {"name": "tls", "namespace": "ns", "resourceVersion": version}
    return {"kind": kind, "metadata": meta, "data": {"ca.crt": "Yw=="}}


@pytest.mark.parametrize(("kind", "field"), [("Secret", "secretName"), ("ConfigMap", "configMapName")])
def test_a_corrected_certificate_ends_the_wait_after_access_was_denied(kind: str, field: str) -> None:
    objects = [*source(secret(), customCA={field: "tls", "key": "ca.crt"}), authority(kind, "3")]
    attempt = failed(objects, "AccessDenied", **{Annotation.CUSTOM_CA_VERSION: "3"})
    assert attempt["customCAVersion"] == "3"
    assert held(objects, attempt)
    objects[-1] = authority(kind, "4")
    assert not held(objects, attempt)


@pytest.mark.parametrize(("kind", "field"), [("Secret", "secretName"), ("ConfigMap", "configMapName")])
def test_the_run_goes_on_with_the_corrected_certificate(kind: str, field: str) -> None:
    one = Simulation([*source(secret(), customCA={field: "tls", "key": "ca.crt"}), authority(kind, "3")])
    one.settle()
    one.end_job(Report(Outcome.FAILED, ErrorClass.ACCESS_DENIED, "certificate signed by unknown authority"))
    assert (one.job(), one.status["attempt"]["customCAVersion"]) == (None, "3")
    one.now += timedelta(minutes=1)
    one.settle()
    assert one.job() is None
    (found,) = (o for o in one.objects if o["metadata"]["name"] == "tls")
    found["metadata"]["resourceVersion"] = "4"
    one.now += timedelta(minutes=1)
    one.settle()
    assert one.job() is not None


@pytest.mark.parametrize(("kind", "field"), [("Secret", "secretName"), ("ConfigMap", "configMapName")])
def test_where_the_certificate_is_comes_with_the_version_that_was_looked_at(kind: str, field: str) -> None:
    objects = [*source(secret(), customCA={field: "tls", "key": "ca.crt"}), authority(kind, "3")]
    replication, view = parse(objects[0], ZoneInfo("UTC")), view_of(objects)
    with pytest.raises(Unread) as unread:
        check_preconditions(replication, view, objects[1])
    needs = [need for need in unread.value.reads if need.name == "tls"]
    found = certificate_authority(replication, view.with_reads({n: answer(n, objects, replication) for n in needs}))
    assert found is not None
    assert (found.key, found.secret or found.config_map, found.version) == ("ca.crt", "tls", "3")


def test_an_attempt_of_an_older_manager_has_no_version_of_the_certificate_and_waits_for_the_secret() -> None:
    objects = [*source(secret(), customCA={"secretName": "tls", "key": "ca.crt"}), authority("Secret", "3")]
    attempt = failed(objects, "AccessDenied")
    assert "customCAVersion" not in attempt
    assert held(objects, attempt)


def test_a_resource_without_a_trigger_is_tried_again_after_half_an_hour() -> None:
    objects = source()
    objects[0]["spec"].pop("trigger")
    attempt = failed(objects, "WrongPassword")
    assert attempt["nextAttemptTime"] == format_rfc3339(NOW + timedelta(minutes=30))


def test_a_manual_trigger_has_no_next_slot() -> None:
    assert "nextAttemptTime" not in failed(source(), "WrongPassword")


def test_an_enlarged_claim_ends_the_wait_after_it_was_full() -> None:
    objects = destination()
    attempt = failed(objects, "TargetFull")
    assert attempt["targetSize"] == "3Gi"
    assert held(objects, attempt)
    larger = claim("data")
    larger["status"]["capacity"]["storage"] = "6Gi"
    objects[1] = larger
    assert not held(objects, attempt)
    assert "targetSize" not in failed(destination(), "WrongPassword")


@pytest.mark.parametrize("due", [None, "", "odd"])
def test_a_failure_that_is_tried_again_without_a_time_for_it_is_tried_now(due: str | None) -> None:
    objects = source()
    attempt = failed(objects, "Unreachable")
    assert held(objects, attempt)
    assert not held(objects, {**attempt, "nextAttemptTime": due})


def test_what_is_mended_or_asked_for_again_is_under_way_while_its_job_is_deleted() -> None:
    for changed in ("secret", "run-now"):
        objects = source(secret())
        attempt, job = failed(objects, "WrongPassword"), job_of(objects)
        objects[0]["status"] = {"attempt": attempt, "lastSyncStartTime": format_rfc3339(NOW - timedelta(minutes=9))}
        failure = {"type": "Failed", "status": "True", "lastTransitionTime": format_rfc3339(NOW)}
        job["status"] = {"conditions": [failure]}
        job["metadata"]["deletionTimestamp"] = format_rfc3339(NOW)
        if changed == "secret":
            (found,) = (one for one in objects if one["kind"] == "Secret")
            found["metadata"]["resourceVersion"] = "other"
        else:
            objects[0]["metadata"]["annotations"] = {"volsync-py/run-now": "1"}
        conditions = status_of(decision_on([*objects, job]))["conditions"]
        (told,) = (one for one in conditions if one["type"] == "Synchronizing")
        assert (told["status"], "Job" in told["message"]) == ("True", True), changed


@pytest.mark.parametrize(
    ("error_class", "earlier", "generation", "said"),
    [
        ("WrongPassword", False, 0, "False Error"),
        ("Unreachable", False, 0, "True SyncInProgress"),
        ("WrongPassword", True, 0, "True SyncInProgress"),
        ("WrongPassword", False, 1, "True SyncInProgress"),
    ],
    ids=["stopped", "tried again", "another Job's failure", "the spec was changed"],
)
def test_what_only_a_change_helps_is_not_under_way_until_its_job_is_gone(
    error_class: str, earlier: bool, generation: int, said: str
) -> None:
    objects = source(secret())
    objects[0]["metadata"]["generation"] = 4
    attempt, job = failed(objects, error_class), job_of(objects)
    if earlier:
        attempt["lastFailureTime"] = format_rfc3339(NOW - timedelta(minutes=5))
    objects[0]["status"] = {"attempt": attempt, "lastSyncStartTime": format_rfc3339(NOW - timedelta(minutes=9))}
    objects[0]["metadata"]["generation"] += generation
    job["status"] = {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": format_rfc3339(NOW)}]}
    job["metadata"]["deletionTimestamp"] = format_rfc3339(NOW)
    conditions = status_of(decision_on([*objects, job]))["conditions"]
    (told,) = (one for one in conditions if one["type"] == "Synchronizing")
    assert f"{told['status']} {told['reason']}" == said
