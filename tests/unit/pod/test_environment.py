"""What restic is given of the environment, and what of it nobody may read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from volsync_py.pod.environment import (
    MoverError,
    Redactor,
    check_mandatory,
    check_repository,
    restic_environment,
)

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
    ("name", "value"),
    [
        ("RCLONE_CONFIG_X_PORT", "2022"),
        ("RCLONE_SFTP_PORT", "22"),
        ("RCLONE_CONFIG_MY-NAS_TYPE", "sftp"),
        ("RCLONE_CONFIG_A.B_SERVICE_HOST", "nas"),
    ],
)
def test_the_options_of_a_remote_are_no_services(tmp_path: Path, name: str, value: str) -> None:
    assert restic_environment({**MANDATORY, name: value}, tmp_path)[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RESTIC_PACK_SIZE", "256"),
        ("RESTIC_PACK_SIZE", "3"),
        ("RESTIC_PACK_SIZE", "-64"),
        ("RESTIC_PACK_SIZE", "9" * 5000),
        ("RESTIC_READ_CONCURRENCY", "4294967296"),
        ("RESTIC_COMPRESSION", "zstd"),
        ("RESTIC_COMPRESSION", "Max"),
    ],
)
def test_a_value_that_restic_would_refuse_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(MoverError, match=name) as caught:
        check_mandatory({**MANDATORY, name: value})
    assert caught.value.error_class == "Configuration"
    assert value not in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RESTIC_PACK_SIZE", "0"),
        ("RESTIC_PACK_SIZE", "4"),
        ("RESTIC_PACK_SIZE", "128\n"),
        ("RESTIC_PACK_SIZE", " "),
        ("RESTIC_COMPRESSION", "fastest\r\n"),
        ("RESTIC_COMPRESSION", "better"),
    ],
)
def test_a_value_that_restic_takes_is_taken(name: str, value: str) -> None:
    check_mandatory({**MANDATORY, name: value})


@pytest.mark.parametrize("end", ["\n", "\r\n", " ", "\t"])
@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "B2_ACCOUNT_KEY", "AZURE_ACCOUNT_NAME"])
def test_white_space_that_nobody_means_is_taken_off(tmp_path: Path, name: str, end: str) -> None:
    assert restic_environment({**MANDATORY, name: f"{end}key{end}"}, tmp_path)[name] == "key"


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "RESTIC_REST_PASSWORD", "RCLONE_CONFIG_X_PASS"])
def test_white_space_that_a_password_may_have_is_passed_on(tmp_path: Path, name: str) -> None:
    assert restic_environment({**MANDATORY, name: "secret\n"}, tmp_path)[name] == "secret\n"


@pytest.mark.parametrize(
    "path", ["relative", "local:relative", "/data", "/data/app", "local:/data/../data/app", "/cache/app"]
)
def test_a_repository_in_the_container_or_the_volume_is_refused(path: str) -> None:
    with pytest.raises(MoverError, match="a path in the mover's container") as caught:
        check_repository({**MANDATORY, "RESTIC_REPOSITORY": path}, on_volume=False)
    assert caught.value.error_class == "Configuration"


def test_a_folder_that_is_on_no_volume_is_refused_when_the_manager_knows_of_none() -> None:
    environ = {**MANDATORY, "RESTIC_REPOSITORY": "/proc/repository"}
    check_repository(environ, on_volume=False)
    with pytest.raises(MoverError, match="mount a volume"):
        check_repository(environ, on_volume=True)


def test_a_line_break_behind_a_folder_that_is_there_is_not_meant(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    environ = {**MANDATORY, "RESTIC_REPOSITORY": f"{folder}\n"}
    assert restic_environment(environ, tmp_path)["RESTIC_REPOSITORY"] == str(folder)
    (tmp_path / "repository\n").mkdir()
    assert restic_environment(environ, tmp_path)["RESTIC_REPOSITORY"] == f"{folder}\n"


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
        ("RCLONE_CONFIG_AZ_SAS_URL", "https://a.blob/c?sv=1&sig=canary%2Bsig", ["canary%2Bsig", "canary+sig"]),
        ("RCLONE_CONFIG_AZ_CONNECTION_STRING", "AccountName=a;AccountKey=canary+key==;X=y", ["canary+key=="]),
        ("AZURE_ACCOUNT_SAS", "?sv=2022&sig=canary%2Bsig", ["canary+sig"]),
        ("RCLONE_CONFIG_X_KEY_PEM", "-----BEGIN-----\ncanary/line\n", ["canary/line"]),
        ("OS_PASSWORD", 'can"ary\\', ['can\\"ary\\\\', "can%22ary%5C", "can\\u0022ary\\u005c"]),
        ("OS_PASSWORD", "can ary&ä", ["can+ary%26%C3%A4", "can%20ary&amp;\\u00e4", "can ary\\u0026\\xc3\\xa4"]),
        ("OS_PASSWORD", "canary\udcff", ["canary\ufffd", "canary%FF"]),
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
        ("RESTIC_REPOSITORY", "sftp://user@host/path", "user@host: permission denied"),
        ("RCLONE_CONFIG_KEYS_TYPE", "sftp", "sftp: connection refused"),
    ],
)
def test_what_is_no_secret_can_be_read(name: str, value: str, text: str) -> None:
    assert Redactor({**MANDATORY, name: value})(text) == text


@pytest.mark.parametrize("word", ["password", "snapshot", "saved", "processed", "repository", "ERROR"])
def test_what_scripts_look_for_stays_though_somebody_has_it_for_a_password(word: str) -> None:
    redact = Redactor({**MANDATORY, "RESTIC_PASSWORD": word, "OS_PASSWORD": word})
    for line in (
        "snapshot 0245abcd saved",
        "processed 2 files",
        "Restic completed in 3s",
        "ERROR: failure connecting to repository, incorrect password",
        "created restic repository 0245abcdef at",
    ):
        assert redact(line) == line
    assert redact(f"401: {word} is wrong") == "401: *** is wrong"


@pytest.mark.parametrize("password", [b"\xef\xbb\xbfcanary", b"\xff\xfecanary", b"\xfe\xffcanary"])
def test_a_password_that_begins_like_a_mark_of_an_encoding_goes_into_no_file(tmp_path: Path, password: bytes) -> None:
    given = restic_environment({**MANDATORY, "RESTIC_PASSWORD": os.fsdecode(password)}, tmp_path)
    assert (os.fsencode(given["RESTIC_PASSWORD"]), "RESTIC_PASSWORD_FILE" in given) == (password, False)


def test_a_password_that_is_no_text_goes_into_the_file_byte_for_byte(tmp_path: Path) -> None:
    given = restic_environment({**MANDATORY, "RESTIC_PASSWORD": "can\udcffary"}, tmp_path)
    assert Path(given["RESTIC_PASSWORD_FILE"]).read_bytes() == b"can\xffary"


def test_a_password_with_white_space_at_its_ends_goes_into_no_file(tmp_path: Path) -> None:
    given = restic_environment({**MANDATORY, "RESTIC_PASSWORD": "with newline\n"}, tmp_path)
    assert given["RESTIC_PASSWORD"] == "with newline\n"
    given = restic_environment(MANDATORY, tmp_path)
    assert Path(given["RESTIC_PASSWORD_FILE"]).read_text(encoding="utf-8") == "canary-password"
    assert Path(given["RESTIC_PASSWORD_FILE"]).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("secret", [r"\!\@\#\$x", r"a\\b\\c", "\\" * 4, "\\" * 5 + "x"])
def test_a_name_full_of_backslashes_holds_up_nobody(secret: str) -> None:
    redact = Redactor({"RESTIC_PASSWORD": secret})
    # The search would take minutes, so there are never as many.
    assert "\\" * 17 not in redact("a" + "\\" * 4000 + "b " * 10)
    assert redact(f"<{secret}>") == "<***>"
