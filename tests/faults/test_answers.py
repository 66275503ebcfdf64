"""What each kind of storage answers × what becomes of a backup, with real restic: the class, in time, and what to do.

The servers answer in their providers' form; restic reaches those that it knows by name only (Azure, Google, B2) through
a proxy. SFTP and rclone need programs that are not here: their messages are in the table of the unit tests alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from tests.faults.answers import (
    Answer,
    Scripted,
    azure_error,
    b2_error,
    google_error,
    json_error,
    s3_error,
    use_azure,
    use_b2,
    use_google,
    use_rest,
    use_s3,
    use_s3_of_a_region,
    use_swift,
    with_token,
)
from tests.faults.telling import Tell
from tests.integration.mover.backends import Server, Trouble, rest_server
from tests.integration.mover.harness import Mover

SHORT = {"contactSeconds": 6, "retryLockSeconds": 1, "stallSeconds": 20, "killSeconds": 10}
# What a library tries by itself before restic is told, the contact deadline, and a busy machine.
LONGEST_VERDICT_SECONDS = 60
DENIED, WRONG, FULL, DOWN = "AccessDenied", "Configuration", "TargetFull", "Unreachable"
TITLE = f"{'answer':32}{'class':20}{'s':>6}  the user reads"


@frozen
class Row:
    """One answer to everything; the class, and a word of what the user is told to do."""

    use: Callable[[Mover, Scripted], None]
    answer: Callable[[str, str], Answer]
    expected: str
    advice: str = ""


def always(answer: Answer) -> Callable[[str, str], Answer]:
    return lambda command, path: answer


def s3(status: int, code: str, message: str, expected: str, advice: str = "") -> Row:
    return Row(use_s3, always(s3_error(status, code, message)), expected, advice)


ROWS = {
    "S3 InvalidAccessKeyId": s3(
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        DENIED,
        "AWS_ACC",
    ),
    "S3 SignatureDoesNotMatch": s3(
        403, "SignatureDoesNotMatch", "The request signature we calculated does not match …", DENIED, "AWS_SECRET"
    ),
    "S3 ExpiredToken": s3(400, "ExpiredToken", "The provided token has expired.", DENIED, "AWS_SESSION_TOKEN"),
    "S3 InvalidToken": s3(
        400, "InvalidToken", "The provided token is malformed or otherwise not valid.", DENIED, "AWS_SESSION_TOKEN"
    ),
    "S3 RequestTimeTooSkewed": s3(
        403, "RequestTimeTooSkewed", "The difference between the request time and the current time …", DENIED, "clock"
    ),
    "S3 AllAccessDisabled": s3(
        403, "AllAccessDisabled", "All access to this object has been disabled", DENIED, "account"
    ),
    "S3 AccountProblem": s3(403, "AccountProblem", "There is a problem with your AWS account", DENIED, "account"),
    "Ceph UserSuspended": s3(403, "UserSuspended", "", DENIED, "account"),
    "S3 PermanentRedirect": s3(
        301, "PermanentRedirect", "The bucket … must be addressed using the specified endpoint.", WRONG, "AWS_DEFAULT"
    ),
    "S3 InvalidBucketName": s3(400, "InvalidBucketName", "The specified bucket is not valid.", WRONG, "bucket"),
    "Ceph QuotaExceeded": s3(403, "QuotaExceeded", "", FULL, "limit"),
    "MinIO XMinioStorageFull": s3(
        507, "XMinioStorageFull", "Storage backend has reached its minimum free drive threshold.", FULL, "limit"
    ),
    "S3 SlowDown": s3(503, "SlowDown", "Please reduce your request rate.", DOWN, "overloaded"),
    "S3 AccessDenied, HEAD": Row(use_s3_of_a_region, always(s3_error(403, "AccessDenied", "")), DENIED, "credentials"),
    "S3 ExpiredToken, HEAD": Row(use_s3_of_a_region, always(s3_error(400, "ExpiredToken", "")), WRONG, "AWS_SESSION"),
    "S3 wrong region, HEAD": Row(use_s3_of_a_region, always(s3_error(301, "PermanentRedirect", "")), WRONG, "AWS_DEF"),
    "REST 400": Row(use_rest, always(Answer(400)), WRONG, "RESTIC_REPOSITORY"),
    "REST 401": Row(use_rest, always(Answer(401)), DENIED),
    "REST 403": Row(use_rest, always(Answer(403)), DENIED),
    "REST 405": Row(use_rest, always(Answer(405)), WRONG, "RESTIC_REPOSITORY"),
    "REST 413": Row(use_rest, always(Answer(413)), WRONG, "RESTIC_PACK_SIZE"),
    "REST 429": Row(use_rest, always(Answer(429)), DOWN, "overloaded"),
    "REST 503": Row(use_rest, always(Answer(503)), DOWN, "overloaded"),
    "REST 507": Row(use_rest, always(Answer(507)), FULL, "limit"),
    "Azure AuthenticationFailed": Row(use_azure, always(azure_error(403, "AuthenticationFailed")), DENIED, "AZURE_"),
    "Azure AuthorizationFailure": Row(use_azure, always(azure_error(403, "AuthorizationFailure")), DENIED, "firewall"),
    "Azure AccountIsDisabled": Row(use_azure, always(azure_error(403, "AccountIsDisabled")), DENIED, "account"),
    "Azure InvalidResourceName": Row(use_azure, always(azure_error(400, "InvalidResourceName")), WRONG, "container"),
    "Azure ServerBusy": Row(use_azure, always(azure_error(503, "ServerBusy")), DOWN),
    "GCS forbidden": Row(use_google, with_token(google_error(403, "forbidden", "no access")), DENIED, "credentials"),
    "GCS accountDisabled": Row(use_google, with_token(google_error(403, "accountDisabled", "x")), DENIED, "account"),
    "GCS invalid": Row(use_google, with_token(google_error(400, "invalid", "Invalid bucket name")), WRONG, "bucket"),
    "GCS rateLimitExceeded": Row(use_google, with_token(google_error(429, "rateLimitExceeded", "x")), DOWN),
    "Google invalid_grant": Row(use_google, always(json_error(400, {"error": "invalid_grant"})), DENIED, "GOOGLE_APP"),
    "B2 unauthorized": Row(use_b2, always(b2_error(401, "unauthorized", "invalid key")), DENIED, "B2_ACCOUNT_KEY"),
    "B2 cap_exceeded": Row(use_b2, always(b2_error(403, "cap_exceeded", "Usage cap exceeded.")), FULL, "limit"),
    "B2 service_unavailable": Row(use_b2, always(b2_error(503, "service_unavailable", "busy")), DOWN),
    "Swift 401": Row(use_swift, always(Answer(401)), DENIED, "ST_*"),
    "Swift 403": Row(use_swift, always(Answer(403)), DENIED, "ST_*"),
    "Swift 404": Row(use_swift, always(Answer(404)), WRONG, "ST_AUTH"),
    "Swift 503": Row(use_swift, always(Answer(503)), DOWN),
}


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    made = Mover(tmp_path / "mover", str(tmp_path / "repository"))
    made.run["deadlines"] = SHORT
    made.write(AccessDenied="a name that means nothing")
    return made


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ROWS)
def test_an_answer_has_its_class_in_time(name: str, mover: Mover, tmp_path: Path, tell: Tell) -> None:
    row = ROWS[name]
    server = Scripted(row.answer, tmp_path / "tls")
    row.use(mover, server)
    started = time.monotonic()
    ran = mover("backup")
    seconds = time.monotonic() - started
    server.stop()
    told = ran.report.message
    tell(TITLE, f"{name:32}{ran.report.error_class:20}{seconds:6.1f}  {told[:200]}")
    assert ran.report.error_class == row.expected, ran.log
    assert row.advice in told
    assert seconds < LONGEST_VERDICT_SECONDS
    assert "canary" not in ran.log + ran.report.to_json()


NO_KEYS = {
    "s3:http://127.0.0.1:1/bucket": "add AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to",
    "azure:container:/": "add AZURE_ACCOUNT_NAME to",
    "gs:bucket:/": "add GOOGLE_APPLICATION_CREDENTIALS and GOOGLE_PROJECT_ID to",
    "b2:bucket:/": "add B2_ACCOUNT_ID and B2_ACCOUNT_KEY to",
    "swift:container:/": "add the OS_* or ST_* keys to",
}


@pytest.mark.parametrize("repository", NO_KEYS)
def test_without_keys_it_is_said_which_to_add(repository: str, mover: Mover) -> None:
    mover.repository = repository
    # What a metadata service would be asked for; there is none behind this.
    mover.environ |= {"HTTP_PROXY": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": "true"}
    ran = mover("backup")
    assert ran.report.error_class == WRONG, ran.log
    assert NO_KEYS[repository] in ran.report.message


@pytest.mark.parametrize("scheme", ["s3", "rest"])
def test_tls_with_a_server_that_speaks_none_is_a_matter_of_the_address(
    scheme: str, mover: Mover, tmp_path: Path
) -> None:
    server = Scripted(always(Answer(404)), tmp_path / "tls")
    use_s3(mover, server)
    mover.repository = f"{scheme}:https://127.0.0.1:{server.port}/bucket/path"
    ran = mover("backup")
    server.stop()
    assert ran.report.error_class == WRONG, ran.log
    assert "http://" in ran.report.message


@pytest.fixture
def serve(tmp_path: Path, mover: Mover) -> Iterator[Callable[[Trouble], None]]:
    """Return what lets a troubled server take the place of the one before; the repository is made with a good one."""
    running: list[Server] = []

    def start(trouble: Trouble) -> None:
        running.append(rest_server(tmp_path / "served", trouble))
        mover.repository = f"rest:http://127.0.0.1:{running[-1].port}/"

    start(Trouble())
    (mover.data / "random").write_bytes(os.urandom(300_000))
    assert mover("backup").code == 0
    yield start
    for server in running:
        server.stop()


@pytest.mark.parametrize(("status", "expected"), [(403, DENIED), (503, DOWN)])
def test_a_check_that_may_not_read_or_cannot_has_not_found_damage(
    status: int, expected: str, mover: Mover, serve: Callable[[Trouble], None]
) -> None:
    serve(Trouble(failing="GET /data/.", failures=1_000_000, status=status))
    mover.run["check"] = {"subset": "1/1"}
    ran = mover("backup")
    assert (ran.code, ran.report.steps[-1].name) == (0, "check"), ran.log
    assert ran.report.steps[-1].error_class == expected, ran.log
    assert "RepositoryDamaged" not in ran.report.to_json()


@pytest.mark.parametrize(("status", "expected"), [(403, DENIED), (503, DOWN)])
@pytest.mark.parametrize("operation", ["backup", "restore", "prune"])
def test_a_command_that_may_not_read_or_cannot_has_not_found_damage(
    operation: str, status: int, expected: str, mover: Mover, serve: Callable[[Trouble], None]
) -> None:
    serve(Trouble(failing="GET /data/.", failures=1_000_000, status=status))
    # What has been read before is not read again.
    mover.environ["RESTIC_CACHE_DIR"] = str(mover.folder / "cold")
    if operation == "restore":
        path = mover.data
        mover.mount("destination")
        assert mover.data == path
    ran = mover(operation)
    assert ran.report.error_class == expected, ran.log
    assert "RepositoryDamaged" not in ran.report.to_json()
