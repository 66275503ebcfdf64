"""What restic is given of the environment, and what of it nobody may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from volsync_py.restic.environment import MoverError, Redactor, check_mandatory, restic_environment

MANDATORY = {
    "PRIVILEGED_MOVER": "0",
    "RESTIC_CACHE_DIR": "/cache",
    "RESTIC_PASSWORD": "canary-password",
    "RESTIC_REPOSITORY": "/repository",
    "DATA_DIR": "/data",
}


@pytest.mark.parametrize("name", sorted(MANDATORY))
def test_what_every_run_needs_must_be_there(name: str) -> None:
    with pytest.raises(MoverError, match=f"{name} must be defined"):
        check_mandatory({**MANDATORY, name: ""})


def test_a_number_may_end_with_a_newline_and_is_given_without(tmp_path: Path) -> None:
    environ = {**MANDATORY, "RESTIC_PACK_SIZE": "64\n", "RESTIC_READ_CONCURRENCY": " 4"}
    check_mandatory(environ)
    given = restic_environment(environ, tmp_path)
    assert (given["RESTIC_PACK_SIZE"], given["RESTIC_READ_CONCURRENCY"]) == ("64", "4")
    with pytest.raises(MoverError, match="RESTIC_PACK_SIZE"):
        check_mandatory({**MANDATORY, "RESTIC_PACK_SIZE": "much"})


def test_the_neighbouring_services_are_neither_passed_on_nor_secrets(tmp_path: Path) -> None:
    services = {
        "KEYCLOAK_SERVICE_PORT": "8080",
        "KEYCLOAK_PORT": "tcp://10.0.0.1:8080",
        "AWS_SECRETS_SERVICE_HOST": "10.0.0.1",
        "AWS_SECRETS_SERVICE_PORT_HTTP": "8080",
        "AWS_SECRETS_PORT_8080_TCP_ADDR": "10.0.0.1",
        "KEYCLOAK_PASSWORD": "of somebody else",
    }
    given = restic_environment({**MANDATORY, **services}, tmp_path)
    assert not set(services) & set(given)
    text = "connect 10.0.0.1:8080 of somebody else"
    assert Redactor({**MANDATORY, **services})(text) == text


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        ("RESTIC_PASSWORD", "canary-password\n", ["canary-password"]),
        ("AWS_SECRET_ACCESS_KEY", "/canary+key=", ["/canary+key="]),
        ("RCLONE_CONFIG_NAS_PASS", "canary-pass", ["canary-pass"]),
        ("OS_PASSWORD", "12345678", ["12345678"]),
        ("HTTPS_PROXY", "http://me:canary-proxy@proxy:3128", ["canary-proxy"]),
        ("RESTIC_REPOSITORY", "rest:https://user:can@ary@host/path@v2", ["user:can@ary", "can@ary"]),
        ("RESTIC_REPOSITORY", "rest:https://user:can%40ary@host/", ["can%40ary", "can@ary"]),
        ("RESTIC_REPOSITORY", "rest:https://user:can/ary@host/", ["can/ary"]),
    ],
)
def test_a_secret_is_not_to_be_read(name: str, value: str, secrets: list[str]) -> None:
    redact = Redactor({**MANDATORY, name: value})
    for secret in secrets:
        assert redact(f"failed: {secret}, again") == "failed: ***, again"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/credentials/gcs.json", "open /credentials/gcs.json: no such file"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token", "open /var/run/token: no such file"),
        ("OS_PASSWORD", "1234", "12345 files"),
        ("OS_PASSWORD", "abc", "abc"),
        ("RESTIC_REPOSITORY", "rest:https://host:8000/team@prod/path", "https://host:8000/team@prod/path"),
        ("RESTIC_REPOSITORY", "s3:https://host/bucket", "s3:https://host/bucket"),
    ],
)
def test_what_is_no_secret_can_be_read(name: str, value: str, text: str) -> None:
    assert Redactor({**MANDATORY, name: value})(text) == text


def test_a_password_with_white_space_at_its_ends_goes_into_no_file(tmp_path: Path) -> None:
    given = restic_environment({**MANDATORY, "RESTIC_PASSWORD": "with newline\n"}, tmp_path)
    assert given["RESTIC_PASSWORD"] == "with newline\n"
    given = restic_environment(MANDATORY, tmp_path)
    assert Path(given["RESTIC_PASSWORD_FILE"]).read_text(encoding="utf-8") == "canary-password"
    assert Path(given["RESTIC_PASSWORD_FILE"]).stat().st_mode & 0o777 == 0o600
