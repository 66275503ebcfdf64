"""Nothing secret is in a bundle, wherever it stood."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.commands.resources import WRONG_PASSWORD, source
from tests.unit.commands.test_health import ODD
from volsync_py.commands.bundle.redacted import KEPT_FLAGS, object_of
from volsync_py.commands.bundle.texts import HIDDEN, text_of
from volsync_py.manager.flags import parse_flags

# What those flags take that are no switches.
VALUES = {
    "--ended-job-shown": "1h",
    "--health-probe-bind-address": ":8081",
    "--log-format": "json",
    "--log-level": "debug",
    "--max-movers": "2",
    "--metrics-bind-address": ":8080",
    "--page-bind-address": ":8082",
    "--tls-min-version": "VersionTLS12",
    "--workers": "2",
    "--leader-elect-lease-duration": "15s",
    "--leader-elect-renew-deadline": "10s",
    "--leader-elect-retry-period": "2s",
    "--mover-contact-timeout": "1m",
    "--mover-retry-lock": "1m",
    "--mover-stall-timeout": "1m",
    "--retry-base-delay": "1m",
    "--retry-max-delay": "1h",
}
# No name in an object has a digit of these alphabets' third part, so what is planted is found wherever it comes out.
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=30).map(lambda s: f"Q9{s}9Q")
WITH_SPACES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(lambda s: f"Q9{s}9Q")


def container(secret: str, name: str = "restic") -> dict[str, Any]:
    return {
        "name": name,
        "image": "r/volsync-py:1",
        "command": ["volsync-py-mover", secret, f"--password={secret}"],
        "args": [f"echo {secret}"],
        "env": [
            {"name": "RESTIC_PASSWORD", "value": secret},
            {"name": "ANYTHING", "value": secret},
            {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "restic-config", "key": "RESTIC_PASSWORD"}}},
        ],
        "lifecycle": {"postStart": {"exec": {"command": [secret]}}},
        "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": secret}]}},
    }


def pod(secret: str) -> dict[str, Any]:
    volumes = [
        {"name": "v", "csi": {"volumeAttributes": {"any": secret}, "driver": "d"}},
        {"name": "w", "flexVolume": {"options": {"x": secret}}},
        {"name": "s", "secret": {"secretName": "restic-config"}},
    ]
    return {
        "containers": [container(secret)],
        "initContainers": [container(secret, "x")],
        "volumes": volumes,
        "x": secret,
    }


def objects(secret: str) -> list[dict[str, Any]]:
    meta = {
        "name": "db",
        "namespace": "media",
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": secret}),
            "any.example/note": secret,
        },
        "labels": {"team": secret, "app.kubernetes.io/created-by": "volsync"},
        "managedFields": [{"fieldsV1": {f"f:{secret}": {}}}],
        "selfLink": secret,
    }
    said = {"status": {"conditions": [{"message": f"Fatal: https://me:{secret.replace('@', '')}@host/x is away"}]}}
    return [
        {"kind": "Secret", "metadata": meta, "data": {"key": secret}, "stringData": {"key": secret}},
        {"kind": "ConfigMap", "metadata": meta, "data": {"ca": secret}},
        {"kind": "Job", "metadata": meta, "spec": {"template": {"spec": pod(secret)}}},
        {"kind": "Pod", "metadata": meta, "spec": pod(secret), "extra": secret},
        {"kind": "Deployment", "metadata": meta, "spec": {"template": {"spec": pod(secret)}, "other": secret}},
        {"kind": "ReplicationSource", "metadata": meta, "spec": {"syncthing": {"apiToken": secret}}, **said},
        {"kind": "Event", "metadata": meta, "message": f"password={secret}", "source": {"host": secret}},
    ]


@given(SECRETS)
def test_a_secret_comes_out_of_no_place_of_an_object(secret: str) -> None:
    for obj in objects(secret):
        made = json.dumps(object_of(obj))
        assert secret not in made
        assert json.dumps(secret)[1:-1] not in made


LINES: list[tuple[str, Callable[[str], str]]] = [
    ("a URL's", lambda s: f"rest:https://user:{s}@host:8000/path"),
    ("a user's, at the end", lambda s: f"open s3:http://{s}@host: refused"),
    ("a variable", lambda s: f"RESTIC_PASSWORD={s}"),
    ("YAML", lambda s: f"  AWS_SECRET_ACCESS_KEY: {s}"),
    ("JSON", lambda s: json.dumps({"restPassword": s})),
    ("JSON in JSON", lambda s: json.dumps(json.dumps({"sasToken": s}))),
    ("a header", lambda s: f"Authorization: Bearer {s}"),
    ("a signed URL", lambda s: f"https://host/x?sv=1&sig={s}"),
    ("a signed URL of AWS'", lambda s: f"https://host/x?X-Amz-Credential=a&X-Amz-Signature={s}"),
    ("a connection string", lambda s: f"DefaultEndpointsProtocol=https;AccountKey={s};x"),
    ("a key", lambda s: f"-----BEGIN OPENSSH PRIVATE KEY-----\n{s}\n-----END OPENSSH PRIVATE KEY-----"),
    ("a flag", lambda s: f"restic --password {s}"),
    ("a flag with an equals sign", lambda s: f"x --pass={s} y"),
    ("a flag in a list", lambda s: f'["--psk","{s}"]'),
    ("a key alone", lambda s: f"key={s}"),
    ("the second of two names", lambda s: f"user=me auth: {s}"),
    ("a name after a failure's class", lambda s: f"WrongPassword: tried password={s}"),
    ("a long name", lambda s: f"{'a' * 300}_password={s}"),
    ("a flag of one letter", lambda s: f"exec: sshpass -p {s} ssh"),
    ("a flag of one letter, attached", lambda s: f"+ mysqldump -p{s} db"),
    ("a flag of another letter", lambda s: f"+ redis-cli -a '{s}' ping"),
    ("a flag of one letter in a list", lambda s: f'exec: ["ldapsearch","-w","{s}"]'),
    ("a user and a password", lambda s: f"+ curl -u me:{s} https://host"),
    ("a user and a password in a list", lambda s: f"failed: ['curl', '-u', 'me:{s}']"),
    ("a user and a password before a host", lambda s: f"dialing me:{s}@host:22"),
    ("a URL's, with spaces", lambda s: f'Get "rest:http://user:pa {s} ss@host:8000/path": refused'),
    ("the first of two URLs'", lambda s: f"from rest:http://user:{s}@host to http://me:x@other"),
    *(
        (f"a {name}", lambda s, name=name: f"{name}={s}")
        for name in ("mnemonic", "otp", "BEARER", "cookie", "MY_2FA", "sas")
    ),
    ("a connection string alone", lambda s: f"connection_string: {s}"),
    ("half a key", lambda s: f"-----BEGIN PRIVATE KEY-----\n{s}\n"),
]


@pytest.mark.parametrize("line", [row[1] for row in LINES], ids=[row[0] for row in LINES])
@given(secret=SECRETS)
def test_a_secret_comes_out_of_no_line(line: Callable[[str], str], secret: str) -> None:
    made = text_of(f"before\n{line(secret)}\nafter")
    assert secret not in made
    assert json.dumps(secret)[1:-1] not in made
    assert made.startswith("before")


@given(WITH_SPACES)
def test_a_password_with_spaces_is_hidden_to_the_end_of_its_line(secret: str) -> None:
    assert text_of(f"password: {secret}\nafter") == f"password: {HIDDEN}\nafter"


@pytest.mark.parametrize(
    "line",
    [
        "Fatal: wrong password or no key found",
        f"Healthy=False WrongPassword: {WRONG_PASSWORD['message']}",
        "snapshot 9f3c9f3c saved",
        "processed 12 files, 3.000 GiB in 0:41",
        "repository 77aa77aa opened (version 2, compression level auto)",
        'Get "https://host:8000/config": dial tcp: connection refused',
        f'Failed to pull image "registry:5000/me/x@sha256:{"0f" * 32}" of https://registry:5000: not found',
        "snapshot 9f3c9f3c of [/data] at 2026-03-01 by root@volsync",
        "read-data-subset --pack-size 16, re-packed, unlock --remove-all",
        "by root@volsync: http://host:8000/x",
    ],
)
def test_what_helps_stays(line: str) -> None:
    assert text_of(line) == line


def test_hosts_of_urls_stay() -> None:
    made = text_of("from rest:http://me:a@one:8000/x to sftp://me:b@two, and rest:http://me:pa ss@three")
    hosts = (f"//{HIDDEN}@{host}" for host in ("one:8000/x", "two,", "three"))
    assert made == "from rest:http:{} to sftp:{} and rest:http:{}".format(*hosts)


def words(kind: str, name: str, *given: str) -> list[str]:
    pod = {"containers": [{"name": name, "args": list(given)}]}
    spec = pod if kind == "Pod" else {"template": {"spec": pod}}
    made = object_of({"kind": kind, "metadata": {}, "spec": spec})["spec"]
    found: list[str] = (made if kind == "Pod" else made["template"]["spec"])["containers"][0]["words"]
    return found


COMMANDS: list[list[str]] = [
    ["mysqldump", "--password", "hunter2secret"],
    ["mysqldump", "--password=hunter2secret"],
    ["mysqldump", "-phunter2secret"],
    ["curl", "-u", "me:hunter2secret", "https://me:hunter2secret@host"],
    ["sshpass", "-p", "hunter2secret", "ssh"],
    ["login", "--token", "--hunter2secret"],
    ["sh", "-c", "redis-cli --askpass hunter2secret"],
    ["hunter2secret"],
]
# Where somebody may write what a program is given, in a resource.
PLACES: list[Callable[[Any], dict[str, Any]]] = [
    lambda words: {"restic": {"verification": {"command": words}}},
    lambda words: {"restic": {"verification": {"command": " ".join(words)}}},
    lambda words: {"restic": {"hooks": [{"exec": {"args": words}}]}},
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_of_a_resource_is_not_shown(command: list[str], place: Callable[[Any], dict[str, Any]]) -> None:
    assert "hunter2" not in json.dumps(object_of(source(spec=place(command))))


@pytest.mark.parametrize("command", COMMANDS[:-1], ids=" ".join)
def test_words_for_a_program_are_known_by_their_flags(command: list[str]) -> None:
    assert "hunter2" not in json.dumps(object_of(source(spec={"restic": {"any": command}})))


def test_of_a_command_the_names_of_flags_stay() -> None:
    made = object_of(source(spec={"restic": {"verification": {"command": ["db", "--user", "me", "--level=3"]}}}))
    assert made["spec"]["restic"]["verification"]["command"] == [HIDDEN, "--user", HIDDEN, f"--level={HIDDEN}"]


@pytest.mark.parametrize(
    "spec",
    [
        {"external": {"provider": "x", "parameters": {"any": "hunter2"}}},
        {"restic": {"moverPodLabels": {"any": "hunter2"}}},
        {"any": {"metadata": {"annotations": {"any": "hunter2"}, "labels": {"any": "hunter2"}}}},
        {"any": {"env": [{"name": "ANY", "value": "hunter2"}]}},
        {"any": {"tokens": ["hunter2", "hunter2"]}},
    ],
)
def test_what_is_anybodys_is_not_shown_in_a_resource(spec: dict[str, Any]) -> None:
    assert "hunter2" not in json.dumps(object_of(source(spec=spec)))


def test_lists_of_a_resource_that_are_no_command_stay() -> None:
    spec = {"restic": {"exclude": {"patterns": ["*.tmp", "cache/"]}, "tags": ["nightly"], "accessModes": ["RWO"]}}
    assert object_of(source(spec=spec))["spec"]["restic"] == spec["restic"]


SHORT = ("--pass=hunter2", "--key=0123abcd", "--auth=me", "--psk=x1", "--anything=y", "--password", "hunter2")
BARE = [*(f"{word.partition('=')[0]}={HIDDEN}" for word in SHORT[:5]), "--password", HIDDEN]


@pytest.mark.parametrize(
    ("kind", "name"), [("Pod", "manager"), ("Job", "restic"), ("Deployment", "sidecar"), ("Deployment", "manager")]
)
def test_a_flag_of_any_program_has_its_name_alone(kind: str, name: str) -> None:
    assert words(kind, name, *SHORT) == BARE


def test_the_managers_plain_flags_keep_their_values() -> None:
    plain = ("--max-movers=4", "--log-level=debug", "--metrics-bind-address=127.0.0.1:8080")
    assert words("Deployment", "manager", *plain, "--log-level=a b", "--kubeconfig=x") == [
        *plain,
        f"--log-level={HIDDEN}",
        f"--kubeconfig={HIDDEN}",
    ]
    assert words("Deployment", "sidecar", *plain) == [f"{word.partition('=')[0]}={HIDDEN}" for word in plain]


def test_the_flags_that_are_kept_are_the_managers() -> None:
    given = [f"{name}={VALUES.get(name, 'true')}" for name in sorted(KEPT_FLAGS)]
    parse_flags(given)


# What takes more than a moment for so much takes hours, and the test's own time is over.
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "-",
        "//",
        "-a",
        "eyJaaaaaaaa-",
        "a=",
        "--pass ",
        "Bearer ",
        "\\",
        "a\n",
        " ",
        "key",
        "@",
        "//a:@ ",
        "a://",
        " a:b@",
        "-u ",
        "-u'",
        "-p\n",
    ],
)
def test_a_text_takes_as_long_as_it_is(piece: str) -> None:
    text_of(piece * (262_144 // len(piece)))


def test_what_is_needed_to_understand_an_object_stays() -> None:
    made = object_of(source(spec={"restic": {"repository": "restic-config"}}, conditions=[WRONG_PASSWORD]))
    assert made["spec"]["restic"] == {"repository": "restic-config"}
    assert made["status"]["conditions"] == [WRONG_PASSWORD]
    found = object_of({"kind": "Pod", "metadata": {"name": "p", "labels": {"job-name": "j"}}, "spec": pod("x")})
    (restic,) = found["spec"]["containers"]
    assert restic["image"] == "r/volsync-py:1"
    assert restic["env"][2]["from"] == {"secretKeyRef": {"name": "restic-config", "key": "RESTIC_PASSWORD"}}
    assert found["metadata"]["labels"] == {"job-name": "j"}
    assert found["spec"]["volumes"][2] == {"name": "s", "secret": {"secretName": "restic-config"}}


@given(ODD, ODD, st.sampled_from(["Pod", "Job", "Deployment", "ReplicationSource", "Event", "Secret"]))
def test_whatever_is_stored_can_be_redacted(meta: Any, spec: Any, kind: str) -> None:
    json.dumps(object_of({"kind": kind, "metadata": meta, "spec": spec, "status": spec, "involvedObject": spec}))
