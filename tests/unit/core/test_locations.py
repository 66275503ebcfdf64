"""What RESTIC_REPOSITORY names, what is wrong with it, and what of it nobody may read."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from volsync_py.core.locations import INSIDE, LOCAL, Fault, locate
from volsync_py.pod.environment import Redactor

# Each form in which restic takes user information, or people think so.
FORMS = (
    "rest:http://user:{}@127.0.0.1:1/r",
    "rest:https://user:{}@backup.example.com/r/",
    "s3:http://key:{}@127.0.0.1:9000/bucket/r",
    "s3:key:{}@s3.example.com:443/bucket",
    "sftp://user:{}@nas.example.com:22/r",
    "sftp:user:{}@nas:/r",
    "rest:user:{}@127.0.0.1:1/r",
    "http://user:{}@127.0.0.1:1/r",
)


NEUTRAL = ("", "~~~~", "~ ~", "12345/~~", "/~~", "~#~", "~/~", "~@~/~/~", "\0", '~"~')


def sentence(fault: Fault) -> str:
    return fault.message + fault.next_step


# All that is ever said of a value; a password may be one of these words.
OWN = {sentence(found) for form in FORMS for one in NEUTRAL if (found := locate(form.format(one)).fault) is not None}


def windows(secret: str) -> set[str]:
    return {secret[i : i + 4] for i in range(len(secret) - 3)}


def told_by_go(url: str, secret: str) -> list[str]:
    """Return what Go programs make of a URL and of its pieces when they complain of it."""
    body = url.partition(":")[2]
    spellings = [url, body, secret, quote(secret), quote(secret, safe=""), quote(body), secret.replace(" ", "+")]
    host = body.partition("//")[2].rpartition("@")[2]
    path = "/" + body.partition("//")[2].partition("/")[2]
    texts = [f'parse "{url}": net/url: invalid userinfo', f"Get {body}: dial tcp: lookup {host}", path, *spellings]
    texts += [f"Is there a repository at the following location?\n{url}", f'invalid port ":{secret}" after host']
    quoted = [json.dumps(text, ensure_ascii=ascii_only) for text in texts for ascii_only in (True, False)]
    html = [q.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e") for q in quoted]
    return [*texts, *quoted, *html, *map(json.dumps, quoted), url.encode("unicode_escape").decode()]


@given(form=st.sampled_from(FORMS), secret=st.text(min_size=4, max_size=24))
@example(FORMS[0], "secr3t pass")
@example(FORMS[0], "secr/3t/pass")
@example(FORMS[0], "secr#3t#pass")
@example(FORMS[0], "12345/secr3t")
@example(FORMS[1], "12345/secr3t")
@example(FORMS[1], "a@b/secr3t/pass")
@example(FORMS[1], "/ab/cd/ef")
@example(FORMS[1], "@0?0é")
@example(FORMS[3], "12345/secr3t")
@example(FORMS[5], "12345/secr3t@x")
@example(FORMS[0], 'q"u\\o"ted')
@example(FORMS[0], "a&b<c>d'e")
def test_no_four_characters_of_a_password_in_a_row_can_be_read(form: str, secret: str) -> None:
    url = form.format(secret)
    location = locate(url)
    if location.fault is not None:
        assert sentence(location.fault) in OWN
        return
    redact = Redactor({"RESTIC_REPOSITORY": url})
    told = [redact(text) for text in told_by_go(url, secret)]
    # Of `http` and of an answer's own words nobody learns anything.
    public = form + "".join(told_by_go(form.format("\0"), "\0"))
    assert not [(w, text) for text in told for w in windows(secret) if w in text and w not in public]


@pytest.mark.parametrize(
    "text",
    [
        "rest:http://user:secr3t pass@127.0.0.1:1/r",
        "rest:http://user:se/cret@127.0.0.1:1/r",
        "rest:http://user:se#cret@127.0.0.1:1/r",
        "rest:http://user:se?cret@127.0.0.1:1/r",
        "rest:http://user:12345/secr3t@127.0.0.1:1/r",
        "rest:http://user:/secr3t@backup.example.com/r",
        "rest:http://user:12345#secr3t@backup.example.com/r",
        "rest:http://user:a%zzb@backup.example.com/r",
        "rest:http://user:a@b?secr3t@backup.example.com/r",
        "rest:http://a:b:c/r",
        "rest:http:///r",
        "rest:host/r",
        "s3:https://key:se cret@host/bucket",
        "s3:key:secret@host/bucket",
        "s3:key:12345/secret@host/bucket",
        "sftp:user:secret@host:/path",
        "sftp://user:se cret@host/path",
    ],
)
def test_what_go_cannot_read_or_reads_otherwise_is_refused_with_a_way_out(text: str) -> None:
    fault = locate(text).fault
    assert fault is not None
    way_out = "key" if text.startswith("sftp") else "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"
    assert way_out in fault.next_step


@pytest.mark.parametrize(
    "text",
    [
        "rest:https://user:can@ary@host:8000/path",
        "rest:https://host:8000/team@prod/path",
        "rest:https://host:8000/me@example.com/",
        "rest:https://user:se%20cret%2F@host/path with blanks",
        "rest:http+unix:///run/rest.sock:/repository/",
        "rest:http://[fd00::1]:8000/",
        "rest:http://host",
        "s3:https://s3.example.com/bucket/a@b",
        "s3:s3.example.com:9000/bucket",
        "s3://s3.amazonaws.com/bucket",
        "s3:http://s/b",
        "b2:bucket-name:path",
        "azure:container:/",
        "gs:bucket:/me@laptop",
        "swift:container:/path",
        "sftp:user@host:/srv/me@laptop",
        "sftp:user@domain@host:path",
        "sftp://user@host:22//srv/r",
        "rclone:nas:path",
        "/mnt/repository",
        "local:/mnt/repository",
    ],
)
def test_what_restic_can_read_is_accepted(text: str) -> None:
    assert locate(text).fault is None


@pytest.mark.parametrize(
    "text", ["s3.example.com/backups/app", "repository", "../repository", "./a:b/c", "local:repository", "local:", " "]
)
def test_a_relative_path_is_one_in_the_container(text: str) -> None:
    assert locate(text).fault is not None
    if ":" not in text or text.startswith("local:"):
        assert (locate(text).backend, locate(text).fault) == (LOCAL, INSIDE)


@pytest.mark.parametrize("text", ["foo:bar", "s3.example.com:9000/backups", "S3:host/bucket", "C:/repository"])
def test_a_prefix_that_restic_does_not_know_is_no_backend(text: str) -> None:
    location = locate(text)
    assert location.backend == ""
    assert isinstance(location.fault, Fault)
    assert "s3:, rest:" in location.fault.next_step


@pytest.mark.parametrize(
    ("given_text", "meant"),
    [
        (" rest:http://host/r\n", "rest:http://host/r"),
        ("rest:http://host:8000 ", "rest:http://host:8000"),
        ("s3:https://host/bucket/app\r\n", "s3:https://host/bucket/app"),
        ("s3:host/bucket\n", "s3:host/bucket"),
        ("b2:bucket\n", "b2:bucket"),
        ("\n/mnt/repository", "/mnt/repository"),
        # With VolSync these are repositories, and people may have them.
        ("s3:host/bucket/app\n", "s3:host/bucket/app\n"),
        ("/mnt/repository/app\n", "/mnt/repository/app\n"),
        ("rest:http://host/app ", "rest:http://host/app "),
    ],
)
def test_white_space_at_the_ends_goes_where_it_cannot_be_meant(given_text: str, meant: str) -> None:
    assert locate(given_text).text == meant


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("rclone::sftp,host=nas,pass=canary-pass:path", ["canary-pass"]),
        ("rclone::sftp,pass=canary,pass-2:path", ["canary", "pass-2"]),
        ("rclone::s3,secret_access_key='can,ary:1',provider=Minio:b", ["can,ary:1"]),
        ('rclone::webdav,url="https://me:canary@nas",pass="can""ary":b', ["me:canary", 'can"ary']),
        ("rclone:nas,sas_url=canary?sig=x:path", ["canary?sig=x"]),
    ],
)
def test_the_secrets_of_a_connection_string_are_known(text: str, secrets: list[str]) -> None:
    assert set(secrets) <= locate(text).secrets
