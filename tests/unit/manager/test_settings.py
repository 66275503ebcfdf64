"""The manager's command line and environment."""

from __future__ import annotations

import pytest

from volsync_py.manager.addresses import host_and_port, is_loopback
from volsync_py.manager.settings import Election, MoverLog, Pace, Settings, SettingsError, parse_settings

IMAGE = {"VOLSYNC_PY_IMAGE": "local/volsync-py:1"}


def parse(*argv: str, **environ: str) -> Settings:
    return parse_settings(argv, {**IMAGE, **environ}, pod_namespace="")


def test_nothing_said_serves_all_namespaces_from_a_laptop() -> None:
    settings = parse()

    assert settings.namespace == ""
    assert settings.max_movers == 0
    assert settings.election == Election(enabled=True, lease_seconds=15, renew_seconds=10, retry_seconds=2)
    assert settings.pace == Pace(90, 60, 900, 10, 1800, 15)
    assert settings.workers == 4
    assert settings.health_address == "127.0.0.1:8081"
    assert (settings.metrics.address, settings.metrics.secure) == ("127.0.0.1:8080", False)


def test_the_flags_of_volsyncs_deployment_are_understood() -> None:
    settings = parse(
        "--health-probe-bind-address=:8081",
        "--metrics-bind-address=:8443",
        "--leader-elect",
        "--scc-name=movers",
        "--mover-image-pull-secrets=a,b,",
        "--restic-container-image=registry/mover:1",
        "--rclone-container-image=registry/other:1",
        "--zap-log-level=debug",
    )

    assert (settings.metrics.secure, settings.metrics.require_rbac) == (True, True)
    assert settings.mover_image == "registry/mover:1"
    assert settings.mover_image_pull_secrets == ("a", "b")
    assert settings.scc_name == "movers"
    assert settings.log_level == "debug"
    assert settings.ignored == ("--rclone-container-image",)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--leader-elect"], True),
        (["-leader-elect"], True),
        (["--leader-elect=true"], True),
        (["--leader-elect=T"], True),
        (["--leader-elect=false"], False),
        (["-leader-elect=0"], False),
        (["--leader-elect=F"], False),
    ],
)
def test_booleans_are_spelled_as_go_spells_them(words: list[str], expected: bool) -> None:
    assert parse(*words).election.enabled == expected


@pytest.mark.parametrize("words", [["-max-movers", "20"], ["--max-movers=20"], ["-max-movers=20"]])
def test_one_dash_is_as_good_as_two(words: list[str]) -> None:
    assert parse(*words).max_movers == 20


@pytest.mark.parametrize(
    "words",
    [
        ["--leader-elect", "false"],
        ["--leader-elect=maybe"],
        ["--max-movers=-1"],
        ["--mover-stall-timeout=9"],
        ["--nam=x"],
        ["--workers=0"],
        ["--max-movers=²"],
        ["--metrics-bind-address="],
        ["--metrics-bind-address=8080"],
        ["--metrics-bind-address=localhost:http"],
        ["--health-probe-bind-address=:65536"],
    ],
)
def test_what_makes_no_sense_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(*words)

    assert end.value.code == 2
    assert words[0].partition("=")[0].lstrip("-") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "secure", "rbac"),
    [
        (["--metrics-bind-address=:8443"], True, True),
        (["--metrics-bind-address=:8443", "--metrics-require-rbac=false"], True, False),
        (["--metrics-bind-address=:8080", "--metrics-secure=false"], False, False),
        (["--metrics-bind-address=127.0.0.1:8080", "--metrics-secure"], True, True),
        (["--metrics-bind-address=[::1]:8080"], False, False),
    ],
)
def test_metrics_that_others_can_reach_are_protected(words: list[str], secure: bool, rbac: bool) -> None:
    metrics = parse(*words).metrics

    assert (metrics.secure, metrics.require_rbac) == (secure, rbac)


@pytest.mark.parametrize(
    ("words", "address", "protected"),
    [
        ([], "0", True),
        (["--page-bind-address=127.0.0.1:8082"], "127.0.0.1:8082", False),
        (["--page-bind-address=:8082"], ":8082", True),
        (["--page-bind-address=:8082", "--metrics-secure=false"], ":8082", True),
        (["--page-bind-address=:8082", "--metrics-require-rbac=false"], ":8082", True),
    ],
)
def test_the_page_is_off_and_never_open_to_others(words: list[str], address: str, protected: bool) -> None:
    page = parse(*words).page
    assert (page.address, page.secure, page.require_rbac) == (address, protected, protected)


@pytest.mark.parametrize(
    ("words", "environ", "expected"),
    [
        ([], {}, "local/volsync-py:1"),
        ([], {"RELATED_IMAGE_RESTIC_CONTAINER": "related:1"}, "related:1"),
        (["--restic-container-image=flag:1"], {"RELATED_IMAGE_RESTIC_CONTAINER": "related:1"}, "flag:1"),
    ],
)
def test_the_movers_image_comes_from_the_nearest_source(
    words: list[str], environ: dict[str, str], expected: str
) -> None:
    assert parse(*words, **environ).mover_image == expected


@pytest.mark.parametrize(
    ("words", "environ", "says"),
    [
        ([], {}, "no image for movers"),
        (["--metrics-auth", "--metrics-secure=false"], IMAGE, "in the clear"),
        (["--leader-elect-renew-deadline=2s"], IMAGE, "renew-deadline must be longer than --leader-elect-retry"),
        (["--leader-elect-lease-duration=11s"], IMAGE, "counts in whole seconds, here 11,"),
        (["--leader-elect-lease-duration=10500ms"], IMAGE, "counts in whole seconds, here 11,"),
        (["--leader-elect-retry-period=5500ms"], IMAGE, "counts in whole seconds, here 15,"),
        ([], {**IMAGE, "MOVER_LOG_MAX_BYTES": "many"}, "MOVER_LOG_MAX_BYTES is 'many'"),
    ],
)
def test_a_contradiction_is_explained(words: list[str], environ: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse_settings(words, environ, pod_namespace="")


@pytest.mark.parametrize(
    ("lease", "renew", "retry"),
    [("15s", "10s", "2s"), ("137s", "107s", "26s"), ("12s", "10s", "2s"), ("1s", "600ms", "100ms"), ("3s", "2s", "1s")],
)
def test_a_lease_that_outlasts_the_last_renewal_is_accepted(lease: str, renew: str, retry: str) -> None:
    parse(
        f"--leader-elect-lease-duration={lease}",
        f"--leader-elect-renew-deadline={renew}",
        f"--leader-elect-retry-period={retry}",
    )


@pytest.mark.parametrize("flag", ["--metrics-bind-address", "--health-probe-bind-address"])
def test_zero_stands_for_no_address(flag: str) -> None:
    settings = parse(f"{flag}=0")

    assert "0" in (settings.metrics.address, settings.health_address)


def test_a_pod_listens_where_the_kubelet_can_reach_it_and_leads_in_its_own_namespace() -> None:
    settings = parse_settings([], {**IMAGE, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, pod_namespace="backups")

    assert settings.in_cluster
    assert (settings.health_address, settings.own_namespace) == (":8081", "backups")


def test_the_environment_names_namespace_logs_zone_and_proxies() -> None:
    settings = parse(
        VOLSYNC_NAMESPACE="elsewhere",
        MOVER_LOG_MAX_BYTES="2048",
        MOVER_LOG_TAIL_LINES="10",
        MOVER_LOG_DEBUG="true",
        TZ="Europe/Berlin",
        HTTPS_PROXY="http://proxy:1",
        no_proxy="localhost",
        SOME_PASSWORD="hidden",
    )

    assert settings.own_namespace == "elsewhere"
    assert settings.mover_log == MoverLog(max_bytes=2048, tail_lines=10, debug=True)
    assert settings.time_zone.name == "Europe/Berlin"
    assert settings.proxies == {"HTTPS_PROXY": "http://proxy:1", "no_proxy": "localhost"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        (":1", False),
        ("0.0.0.0:1", False),
        ("0", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(address: str, expected: bool) -> None:
    assert is_loopback(address) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), (":1", ("", 1)), ("[::1]:65535", ("::1", 65535))],
)
def test_an_address_has_a_host_and_a_port(address: str, expected: tuple[str, int]) -> None:
    assert host_and_port(address) == expected


@pytest.mark.parametrize("address", ["8080", "localhost:http", "", ":65536", ":-1", ":²"])
def test_an_odd_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        host_and_port(address)
