"""What a mover writes when its secrets come back to it, from restic and from programs that stand for it."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from hack.tool_cache import tool_path
from tests.integration.mover.harness import PASSWORD, Mover, Ran
from volsync_py.contract.codec import as_json
from volsync_py.contract.report import Report

SECRET = 'c4n"ry&7f\\3 a'


def placed(place: int) -> tuple[str, str, str]:
    """Return where a secret may stand, the value there, and the secret, which is another one in each place."""
    secret = f"{place}{SECRET}{place}"
    safe = quote(secret, safe="")
    return (
        ("RESTIC_REST_PASSWORD", secret, secret),
        ("AWS_SECRET_ACCESS_KEY", secret, secret),
        ("OS_PASSWORD", secret, secret),
        ("RCLONE_CONFIG_NAS_PASS", secret, secret),
        ("RCLONE_CONFIG_AZ_SAS_URL", f"https://a.blob/c?sv=1&sig={safe}", secret),
        ("RCLONE_CONFIG_AZ_CONNECTION_STRING", f"AccountName=a;AccountKey={safe};EndpointSuffix=b", secret),
        ("HTTPS_PROXY", f"http://me:{safe}@proxy:3128", secret),
        ("RESTIC_REPOSITORY", f"rest:http://me:{safe}@127.0.0.1:1/r", secret),
    )[place]


PLACES = [placed(place) for place in range(8)]
# What restic says when it fails of each class, with the secret in the middle of it.
FAILURES = {
    "Unreachable": (1, "Get @: dial tcp 127.0.0.1:1: connect: connection refused"),
    "AccessDenied": (1, "client.BucketExists: Access Denied. @"),
    "RepositoryLocked": (11, "repository is already locked by PID 7 on @ by root"),
    "WrongPassword": (12, "wrong password or no key found: @"),
    "RepositoryDamaged": (1, "ciphertext verification failed @"),
    "TargetFull": (1, "write /data/@: no space left on device"),
    "Configuration": (1, "parsing @ failed"),
    "RepositoryMissing": (10, "Is there a repository at the following location?\\n@"),
    "Unknown": (1, "@"),
}


def spelled(text: str) -> list[str]:
    """Return a text as Go and others print it."""
    go = json.dumps(text, ensure_ascii=False)
    return [
        *(text, go, json.dumps(go), quote(text), quote(text, safe=""), text.replace(" ", "+")),
        *(go.replace("&", "\\u0026"), text.replace("&", "&amp;").replace('"', "&#34;")),
    ]


def stand_in(mover: Mover, script: str) -> None:
    """Let a program of the test stand for restic."""
    folder = mover.folder / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "restic"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    mover.environ["PATH"] = f"{folder}:{os.defpath}"


def echoing(mover: Mover, said: list[str], *, code: int) -> None:
    """Let it print lines on both streams, whatever it is asked, and end."""
    text = mover.folder / "said"
    text.write_text("\n".join(said), encoding="utf-8")
    stand_in(mover, f"cat {text}\ncat {text} >&2\nexit {code}")


def written(ran: Ran) -> str:
    return "\n".join((ran.log, json.dumps(as_json(ran.report), ensure_ascii=False), ran.report.to_json()))


def assert_hidden(ran: Ran) -> None:
    for text in {SECRET, SECRET.strip()}:
        for spelling in spelled(text):
            assert spelling.strip('"') not in written(ran)
    assert "c4n" not in written(ran)


@pytest.mark.parametrize("error_class", sorted(FAILURES))
def test_a_secret_is_hidden_wherever_it_stands_and_however_the_run_fails(new_mover: Mover, error_class: str) -> None:
    new_mover.write(a="a")
    new_mover.environ |= {name: value for name, value, _ in PLACES}
    code, text = FAILURES[error_class]
    said = []
    for spelling in [one for _, value, secret in PLACES for one in (*spelled(secret), *spelled(value))]:
        line = text.replace("@", spelling)
        error = {"message": line}
        said += [line, json.dumps({"message_type": "error", "error": error, "item": f"a/{spelling}"})]
        said.append(json.dumps({"message_type": "exit_error", "code": code, "message": line}))
    echoing(new_mover, said, code=code)
    new_mover.run = {"deadlines": {"retryLockSeconds": 1}, "grants": {"init": False}}
    ran = new_mover("backup")
    assert ran.code != 0
    assert_hidden(ran)


def test_a_secret_in_a_step_that_fails_after_the_backup_is_hidden(new_mover: Mover) -> None:
    new_mover.write(a="a")
    new_mover.environ |= {"OS_PASSWORD": SECRET, "FORGET_OPTIONS": "--keep-last 1"}
    summary = json.dumps({"message_type": "summary", "snapshot_id": "0" * 64, "total_files_processed": 1})
    failed = json.dumps({"message_type": "exit_error", "code": 1, "message": f"Get {SECRET}: i/o timeout"})
    (new_mover.folder / "summary").write_text(summary, encoding="utf-8")
    (new_mover.folder / "failed").write_text(failed, encoding="utf-8")
    folder = new_mover.folder
    stand_in(new_mover, f"[ $1 = backup ] && exec cat {folder}/summary\ncat {folder}/failed >&2; exit 1")
    ran = new_mover("backup")
    assert (ran.code, ran.report.steps[-1].name, ran.report.steps[-1].outcome) == (0, "forget", "Failed")
    assert "***" in ran.report.steps[-1].message
    assert_hidden(ran)


@pytest.mark.parametrize(
    "url",
    [
        "rest:http://user:secr3t pass@127.0.0.1:1/r",
        "rest:http://user:secr/3t@127.0.0.1:1/r",
        "rest:http://user:secr#3t@127.0.0.1:1/r",
        "rest:http://user:12345/secr3t@127.0.0.1:1/r",
        "s3:http://user:secr3t pass@127.0.0.1:1/bucket",
    ],
)
def test_a_password_that_is_not_encoded_is_never_given_to_restic(new_mover: Mover, url: str) -> None:
    new_mover.repository = url
    new_mover.write(a="a")
    ran = new_mover("backup")
    assert (ran.code, ran.report.error_class) == (1, "Configuration")
    assert "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD" in ran.report.message
    assert not [part for part in ("secr", "12345", "127.0.0.1") if part in written(ran)]


def test_a_name_with_a_line_break_forges_no_line(mover: Mover) -> None:
    names = ["a\nsnapshot deadbeef saved", "b\nERROR: forged", "c\rRestic completed in 0s"]
    for name in names:
        (mover.data / name).write_text("a", encoding="utf-8")
        (mover.data / name).chmod(0)
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    error = [{"message_type": "error", "error": {"message": f"open {n}: denied"}, "item": n} for n in names]
    summary = {"message_type": "summary", "snapshot_id": "0" * 64}
    echoing(mover, [*(f"{n} does not exist, skipping" for n in names), *map(json.dumps, [*error, summary])], code=3)
    ran = mover("backup")
    lines = [*ran.log.splitlines(), *ran.report.log.splitlines()]
    assert not [
        line for line in lines if line.startswith(("snapshot deadbeef", "ERROR: forged", "Restic completed in 0s:"))
    ]
    assert "\n" not in "".join((ran.report.message, *ran.report.items, *(s.message for s in ran.report.steps)))
    assert "\\nsnapshot deadbeef saved" in ran.report.log


# ---- signals and sudden ends


def test_a_hang_up_ends_no_run(mover: Mover) -> None:
    mover.write(a="a")
    stand_in(mover, f'kill -HUP $PPID\nexec {tool_path("restic")} "$@"')
    ran = mover("backup")
    assert (ran.code, ran.report.outcome) == (0, "Succeeded")


def test_a_mover_that_is_killed_has_left_a_report(mover: Mover) -> None:
    mover.write(a="a")
    stand_in(mover, "kill -KILL $PPID")
    process = mover.start("backup")
    process.communicate(timeout=60)
    report = Report.from_json(mover.termination_log.read_text(encoding="utf-8"))
    assert report is not None
    assert (process.returncode, report.outcome, report.error_class) == (-9, "Failed", "Interrupted")


# ---- where a repository is


@pytest.mark.parametrize("place", ["s3.example.com/backups/app", "local:app", "{data}/app", "local:{cache}/app"])
@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_a_repository_inside_the_container_is_never_made(new_mover: Mover, place: str, operation: str) -> None:
    new_mover.repository = place.format(data=new_mover.data, cache=new_mover.cache)
    new_mover.write(a="a")
    before = sorted(new_mover.folder.rglob("*"))
    ran = new_mover(operation)
    assert (ran.code, ran.report.error_class) == (1, "Configuration")
    assert "which is not kept" in ran.report.message
    assert sorted(p for p in new_mover.folder.rglob("*") if p != new_mover.termination_log) == before


def test_a_folder_on_no_volume_is_refused_when_the_mover_is_to_look(new_mover: Mover) -> None:
    new_mover.repository = "/proc/repository"
    new_mover.run["repositoryOnVolume"] = True
    new_mover.write(a="a")
    ran = new_mover("backup")
    assert ran.report.error_class == "Configuration"
    assert "mount a volume (moverVolumes)" in ran.report.message


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_folder_that_somebody_has_mounted_is_accepted(new_mover: Mover, tmp_path: Path) -> None:
    new_mover.repository = str(tmp_path / "mounted" / "app")
    (tmp_path / "mounted").mkdir()
    (tmp_path / "disk").mkdir()
    mount = 'mount --bind "$0" "$1" && shift && exec "$@"'
    new_mover.wrapper = ["unshare", "-m", "sh", "-c", mount, str(tmp_path / "disk"), str(tmp_path / "mounted")]
    new_mover.run["repositoryOnVolume"] = True
    new_mover.write(a="a")
    assert new_mover("backup").report.outcome == "Succeeded"
    assert (tmp_path / "disk" / "app" / "config").exists()


# ---- white space and encodings


@pytest.mark.parametrize(
    "password",
    [
        b"\xef\xbb\xbfcanary", b"canary\n", b" canary", b"can\xffary", b"\xff\xfec\x00", b"\xfe\xff\x00c",
        b"canary\x1c", b"canary\xc2\xa0",
    ],
)  # fmt: skip
def test_a_repository_opens_with_the_bytes_that_it_was_made_with(new_mover: Mover, password: bytes) -> None:
    given = os.fsdecode(password.replace(b"\x00", b"."))
    new_mover.restic("init", RESTIC_PASSWORD=given)
    new_mover.environ["RESTIC_PASSWORD"] = given
    new_mover.write(a="a")
    ran = new_mover("backup")
    assert (ran.report.outcome, ran.report.initialized) == ("Succeeded", False)


def test_a_wrong_password_with_a_line_break_is_told_apart(mover: Mover) -> None:
    mover.environ["RESTIC_PASSWORD"] = f"{PASSWORD}\n"
    mover.write(a="a")
    ran = mover.start("backup")
    out, _ = ran.communicate(timeout=60)
    assert "ERROR: failure connecting to repository, incorrect password" in out
    report = Report.from_json(mover.termination_log.read_text(encoding="utf-8"))
    assert report is not None
    assert report.error_class == "WrongPassword"
    assert "RESTIC_PASSWORD begins or ends with white space" in report.message


def test_credentials_with_a_line_break_are_tried_without(new_mover: Mover) -> None:
    new_mover.write(a="a")
    new_mover.repository = "rest:http://127.0.0.1:1/r"
    new_mover.environ |= {"RESTIC_REST_USERNAME": "user", "RESTIC_REST_PASSWORD": "canary-rest\n"}
    summary = json.dumps({"message_type": "summary", "snapshot_id": "0" * 64})
    (new_mover.folder / "summary").write_text(summary, encoding="utf-8")
    bare = base64.b64encode(b"canary-rest").decode()
    stand_in(
        new_mover,
        f'[ "$(printf %s. "$RESTIC_REST_PASSWORD" | base64)" = {base64.b64encode(b"canary-rest.").decode()} ] '
        f"&& exec cat {new_mover.folder}/summary\necho 'unexpected HTTP response (401): 401 Unauthorized' >&2; exit 1",
    )
    ran = new_mover("backup")
    assert (ran.code, ran.report.outcome) == (0, "Succeeded")
    assert "Warning: RESTIC_REST_PASSWORD in the repository Secret begins or ends with white space" in ran.log
    assert bare not in ran.log


@pytest.mark.parametrize("path", ["{}/repository\n", " {}/repository"])
def test_white_space_around_a_folder_that_is_there_is_not_meant(mover: Mover, path: str) -> None:
    mover.repository = path.format(Path(mover.repository).parent)
    mover.write(a="a")
    ran = mover("backup")
    assert (ran.report.outcome, ran.report.initialized) == ("Succeeded", False)


@pytest.mark.parametrize(
    ("repository", "environ", "key"),
    [
        ("s3:http://127.0.0.1:1/bucket", {}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3:http://127.0.0.1:1/bucket", {"AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY is empty"),
        ("b2:bucket-name:path", {}, "B2_ACCOUNT_ID"),
        ("azure:container:/", {}, "AZURE_ACCOUNT_NAME"),
        ("gs:bucket:/", {}, "could not find default credentials"),
        ("swift:container:/path", {}, "OS_*"),
    ],
)
def test_a_backend_without_credentials_is_a_matter_of_configuration(
    new_mover: Mover, repository: str, environ: dict[str, str], key: str
) -> None:
    new_mover.repository = repository
    new_mover.environ |= environ
    new_mover.write(a="a")
    ran = new_mover("backup")
    assert (ran.code, ran.report.error_class) == (1, "Configuration")
    assert key in ran.report.message


def test_work_of_a_command_has_the_keys_of_the_secret_that_a_mover_is_given(new_mover: Mover) -> None:
    new_mover.environ["VOLSYNC_PY_SECRET_RESTIC_COMPRESSION"] = "nonsense"
    ran = new_mover("unlock")
    assert ran.report.error_class == "Configuration"
    assert "RESTIC_COMPRESSION in the repository Secret is no compression" in ran.report.message
