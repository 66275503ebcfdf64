"""What of a repository Secret the manager refuses before there is a pod, in which words, and what it lets be tried."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.test_locations import FORMS, windows
from tests.unit.movers.objects import KEYS, claim, destination, env_of, secret, source
from tests.unit.movers.seen import decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import Outcome, Report, SnapshotFacts, StepReport
from volsync_py.movers.restic.masked import masked

S3 = "s3:http://s3.example.com/bucket"
REPO = {"mountPath": "repo", "volumeSource": {"persistentVolumeClaim": {"claimName": "repo"}}}


def told(objects: list[dict[str, Any]]) -> str:
    """Return what the condition says of a resource that gets nothing."""
    decision = decision_on(objects)
    assert words(decision) == ["status"]
    healthy = next(c for c in status_of(decision)["conditions"] if c["type"] == "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("False", "Configuration")
    message: str = healthy["message"]
    return message


def of(make: Any, *more: Any, restic: dict[str, Any] | None = None, **data: str) -> list[dict[str, Any]]:
    """Return a resource whose repository Secret holds the data."""
    objects = make(*more, **(restic or {}))
    return [o for o in objects if o["kind"] != "Secret"] + [secret(**data)]


def document(objects: list[dict[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(env_of(objects)["VOLSYNC_PY_RUN"])
    return value


@pytest.mark.parametrize("make", [source, destination])
@pytest.mark.parametrize(
    "place",
    ["s3.example.com/backups/app", "local:app", "../app", "/data/app", "/tmp/app", "local:/cache", "/mnt/../data/app"],
)
def test_a_repository_inside_the_container_gets_no_job(make: Any, place: str) -> None:
    text = told(of(make, RESTIC_REPOSITORY=place))
    assert text == (
        "spec.restic.repository: Secret 'repository': RESTIC_REPOSITORY is a path in the mover's container, which is "
        "not kept – begin it with s3:, rest:, azure:, b2:, gs:, swift:, sftp: or rclone:, or mount a volume "
        "(moverVolumes) and name a path below its mount"
    )


@pytest.mark.parametrize("place", ["foo:bar", "s3.example.com:9000/backups", "http://user:secr3t@host/"])
def test_a_prefix_that_restic_does_not_know_gets_no_job(place: str) -> None:
    assert "begins with no backend that restic knows" in told(of(source, RESTIC_REPOSITORY=place))


@pytest.mark.parametrize("place", ["/mnt/repo", "/mnt/repo/app", "local:/mnt/repo/app/", "/mnt/repo\n"])
def test_a_folder_below_a_volume_of_the_users_is_no_question(place: str) -> None:
    objects = of(source, claim("repo"), restic={"moverVolumes": [REPO]}, RESTIC_REPOSITORY=place)
    assert document(objects)["repositoryOnVolume"] is False


@pytest.mark.parametrize("place", ["/repository", "local:/repository/app", "/mnt/repository", "/mnt"])
def test_of_a_folder_that_a_policy_may_have_mounted_the_mover_is_asked(place: str) -> None:
    objects = of(source, claim("repo"), restic={"moverVolumes": [REPO]}, RESTIC_REPOSITORY=place)
    assert document(objects)["repositoryOnVolume"] is True


def test_of_a_server_nobody_asks_for_a_volume() -> None:
    assert document(of(source, RESTIC_REPOSITORY=S3))["repositoryOnVolume"] is False


@given(form=st.sampled_from(FORMS), password=st.text(min_size=4, max_size=16))
def test_nothing_of_a_password_is_in_what_the_manager_writes(form: str, password: str) -> None:
    # What is written of one that is refused, and of one that is not.
    others = ("\0 \0", "%00")
    written, *public = (
        str(decision_on(of(source, RESTIC_REPOSITORY=form.format(p))).actions) for p in (password, *others)
    )
    assert not [w for w in windows(password) if w in written and w not in "".join(public)]


@pytest.mark.parametrize(
    "url",
    [
        "rest:http://user:secr3t pass@127.0.0.1:1/r",
        "rest:http://user:secr/3t@127.0.0.1:1/r",
        "rest:http://user:secr#3t@127.0.0.1:1/r",
        "rest:http://user:12345/secr3t@127.0.0.1:1/r",
    ],
)
def test_a_password_that_is_not_encoded_gets_no_job_but_the_keys_to_use(url: str) -> None:
    text = told(of(source, RESTIC_REPOSITORY=url))
    assert "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD" in text
    assert "%-encoded" in text
    assert not [w for w in windows("secr3t") | windows("127.0.0.1") if w in text]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"RESTIC_PACK_SIZE": "256"}, "RESTIC_PACK_SIZE in the repository Secret is not between 4 and 128 (MiB)"),
        ({"RESTIC_COMPRESSION": "zstd"}, "RESTIC_COMPRESSION in the repository Secret is no compression – use one of"),
        ({"RESTIC_READ_CONCURRENCY": "x"}, "RESTIC_READ_CONCURRENCY in the repository Secret is no number"),
        (
            {"RESTIC_REPOSITORY": S3, "AWS_ACCESS_KEY": "a", "AWS_SECRET_ACCESS_KEY": "b"},
            "there is no AWS_ACCESS_KEY_ID, and restic does not read AWS_ACCESS_KEY – add AWS_ACCESS_KEY_ID",
        ),
        (
            {"RESTIC_REPOSITORY": S3, "aws_access_key_id": "a", "aws_secret_access_key": "b"},
            "there is no AWS_ACCESS_KEY_ID and no AWS_SECRET_ACCESS_KEY",
        ),
        ({"RESTIC_REPOSITORY": "b2:bucket:x", "B2_ACCOUNT_ID": "a"}, "there is no B2_ACCOUNT_KEY"),
        ({"RESTIC_REPOSITORY": "b2:bucket:x", "B2_APPLICATION_KEY": "a"}, "restic does not read B2_APPLICATION_KEY"),
        ({"RESTIC_REPOSITORY": "azure:c:/", "AZURE_ACCOUNT_KEY": "a"}, "there is no AZURE_ACCOUNT_NAME"),
        ({"RESTIC_REPOSITORY": "swift:c:/", "OS_PASSWORD": "a"}, "there is no OS_AUTH_URL"),
        (
            {"RESTIC_REPOSITORY": "gs:b:/", "GOOGLE_APPLICATION_CREDENTIALS": "/credentials/key.json"},
            "GOOGLE_APPLICATION_CREDENTIALS is no JSON – put the content of the key's file there",
        ),
        ({"RESTIC_REPOSITORY": "s3:https://s3.example.com/"}, "RESTIC_REPOSITORY names no bucket"),
    ],
)
def test_what_no_mover_can_work_with_is_told_before_a_pod(data: dict[str, Any], text: str) -> None:
    assert text in told(of(source, **data))


@pytest.mark.parametrize(
    ("data", "restic"),
    [
        # The keys may come from a policy, from the node, or from the cloud.
        ({"RESTIC_REPOSITORY": S3}, {}),
        ({"RESTIC_REPOSITORY": S3, "AWS_ACCESS_KEY_ID": "a"}, {}),
        ({"RESTIC_REPOSITORY": S3, "AWS_PROFILE": "a"}, {}),
        ({"RESTIC_REPOSITORY": "s3:s3.amazonaws.com/bucket", "AWS_ACCESS_KEY": "a"}, {}),
        ({"RESTIC_REPOSITORY": "s3:https://s3.eu-central-1.amazonaws.com/bucket", "AWS_ACCESS_KEY": "a"}, {}),
        ({"RESTIC_REPOSITORY": "s3:eu-central-1/bucket", "AWS_ACCESS_KEY": "a"}, {}),
        ({"RESTIC_REPOSITORY": S3, "AWS_ACCESS_KEY": "a"}, {"moverServiceAccount": "mine"}),
        ({"RESTIC_REPOSITORY": S3, "AWS_ACCESS_KEY": "a"}, {"moverVolumes": [REPO]}),
        ({"RESTIC_REPOSITORY": "b2:bucket:x"}, {}),
        ({"RESTIC_REPOSITORY": "azure:c:/"}, {}),
        ({"RESTIC_REPOSITORY": "azure:c:/", "AZURE_ACCOUNT_NAME": "a"}, {}),
        ({"RESTIC_REPOSITORY": "azure:c:/", "AZURE_ACCOUNT_NAME": "a", "AZURE_FEDERATED_TOKEN_FILE": "f"}, {}),
        ({"RESTIC_REPOSITORY": "gs:b:/", "GOOGLE_PROJECT_ID": "a"}, {}),
        ({"RESTIC_REPOSITORY": "swift:c:/", "OS_PASSWORD": "a", "ST_AUTH": "b"}, {}),
        ({"RESTIC_REPOSITORY": "rest:http://host/", "RESTIC_REST_USERNAME": "a"}, {}),
        ({"RESTIC_REPOSITORY": "rclone:nas:path"}, {}),
        # Keys for something else.
        ({"RESTIC_REPOSITORY": "rest:http://host/", "AWS_ACCESS_KEY": "a", "B2_ACCOUNT_ID": "b"}, {}),
        ({"RESTIC_REPOSITORY": S3, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "ACCESS_KEY": "c"}, {}),
        ({"RESTIC_PACK_SIZE": "64\n", "RESTIC_COMPRESSION": " max "}, {}),
    ],
)
def test_what_may_work_is_tried(data: dict[str, str], restic: dict[str, Any]) -> None:
    account = {"kind": "ServiceAccount", "metadata": {"name": "mine", "namespace": "ns"}}
    assert env_of(of(source, account, claim("repo"), restic=restic, **data))


def test_a_copy_is_not_made_for_a_repository_that_is_refused() -> None:
    assert "container" in told(of(source, restic={"copyMethod": "Clone"}, RESTIC_REPOSITORY="app"))


def test_a_secret_that_was_mended_is_noticed_by_itself() -> None:
    one = Simulation(of(source, RESTIC_REPOSITORY="app"))
    one.settle()
    assert one.job() is None
    assert one.delay is not None
    (found,) = (o for o in one.objects if o["kind"] == "Secret")
    found["data"]["RESTIC_REPOSITORY"] = base64.b64encode(KEYS["RESTIC_REPOSITORY"].encode()).decode()
    one.settle()
    assert one.job() is not None


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.WARNING, Outcome.FAILED])
@pytest.mark.parametrize(
    "url", ["rest:http://me:canary@host/r", "https://me:can/ary@x@host:1/r", "s3:http://:canary@h/b"]
)
def test_the_password_of_a_url_in_a_report_goes_no_further(url: str, outcome: Outcome) -> None:
    told_by_mover = f"Fatal: unable to open repository at {url}: refused"
    failed = StepReport("forget", Outcome.FAILED, "Unreachable", told_by_mover)
    report = Report(
        outcome,
        "Unreachable" if outcome != Outcome.SUCCEEDED else "",
        told_by_mover,
        steps=(failed,),
        items=(url,),
        log=told_by_mover,
        snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"),
    )
    one = Simulation(source())
    one.settle()
    one.end_job(report)
    written = str(one.status)
    assert "***@" in written
    assert not [part for part in ("canary", "can/", "ary@") if part in written]


@pytest.mark.parametrize(
    "url", ["https://host:8000/team@prod/path", "rest:http://me:***@host/r", "s3:https://host/a@b"]
)
def test_a_url_without_a_password_is_told_as_it_is(url: str) -> None:
    assert masked(f"at {url}: refused") == f"at {url}: refused"
