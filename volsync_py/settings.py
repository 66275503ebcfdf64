"""What the manager was told: its command line and the part of the environment that it reads, as one value.

Guarantees that a command line written for VolSync's manager is accepted with its meaning (Go's flag syntax:
one dash or two, a boolean never takes the next word), and that everything wrong with it is said before
anything starts. Nothing else in the manager reads `os.environ`. Knows nothing of Kubernetes: which namespace
a kubeconfig names, for one, is found out by whoever connects.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from attrs import field, frozen

from volsync_py.core.durations import parse_go_duration

_POD_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_LOCALTIME = Path("/etc/localtime")
_TRUE, _FALSE = {"1", "t", "T", "true", "TRUE", "True"}, {"0", "f", "F", "false", "FALSE", "False"}
_OTHER_MOVERS = ("rclone", "rsync", "rsync-tls", "syncthing")
_ZAP_LEVELS = {"debug": "debug", "info": "info", "error": "error", "panic": "error"}


class SettingsError(ValueError):
    """What was asked for cannot be; the message is for the person who asked."""


@frozen
class MoverLog:
    """How much of a mover's log goes into the status; a negative number of lines is no limit."""

    max_bytes: int = 1024
    tail_lines: int = -1
    debug: bool = False


@frozen
class Election:
    """Whether replicas take turns, and how fast: a leader that is silent for `lease_seconds` has lost."""

    enabled: bool = True
    lease_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0


@frozen
class MetricsEndpoint:
    """Where metrics are served ("0": nowhere), and what a reader needs for it."""

    address: str
    secure: bool
    require_rbac: bool
    cert_path: str = ""
    cert_name: str = "tls.crt"
    cert_key: str = "tls.key"


@frozen
class Pace:
    """How long movers may take to get anywhere, and how soon a failed run is tried again."""

    contact_seconds: float = 90.0
    retry_lock_seconds: float = 60.0
    stall_seconds: float = 900.0
    retry_base_seconds: float = 10.0
    retry_max_seconds: float = 1800.0


@frozen
class Settings:
    """Everything the manager was told."""

    mover_image: str
    metrics: MetricsEndpoint
    health_address: str
    kubeconfig: str | None = None
    context: str | None = None
    # Empty: all namespaces.
    namespace: str = ""
    # Where the Lease and our own events live; empty: the namespace that the kubeconfig names.
    own_namespace: str = ""
    in_cluster: bool = False
    # 0: no limit.
    max_movers: int = 0
    workers: int = 4
    election: Election = Election()
    pace: Pace = Pace()
    mover_log: MoverLog = MoverLog()
    mover_image_pull_secrets: tuple[str, ...] = ()
    scc_name: str = "volsync-privileged-mover"
    # The zone of schedules that name none.
    time_zone: str = "UTC"
    log_level: str = "info"
    # json, text, or auto: text on a terminal.
    log_format: str = "auto"
    # HTTP_PROXY and its kin under the names they had, for movers.
    proxies: Mapping[str, str] = field(factory=dict)
    # Flags that were accepted and change nothing, to be said once.
    ignored: tuple[str, ...] = ()


def parse_settings(argv: Sequence[str], environ: Mapping[str, str], *, pod_namespace: str | None = None) -> Settings:
    """Read a command line (without the program's name) and an environment.

    Raises SettingsError; `--help` and unknown flags end in SystemExit, as argparse does. `pod_namespace`
    stands for the service account's own file.
    """
    parser = _parser()
    args = parser.parse_args(_go_style(argv, parser))
    in_cluster = args.kubeconfig is None and "KUBERNETES_SERVICE_HOST" in environ
    if pod_namespace is None:
        pod_namespace = _read_pod_namespace() if in_cluster else ""
    return Settings(
        mover_image=_mover_image(args.restic_container_image, environ),
        metrics=_metrics_endpoint(args),
        health_address=args.health_probe_bind_address or (":8081" if in_cluster else "127.0.0.1:8081"),
        kubeconfig=args.kubeconfig or None,
        context=args.context or None,
        namespace=args.namespace,
        own_namespace=environ.get("VOLSYNC_NAMESPACE", "") or pod_namespace,
        in_cluster=in_cluster,
        max_movers=args.max_movers,
        workers=args.workers,
        election=_election(args),
        pace=Pace(
            args.mover_contact_timeout,
            args.mover_retry_lock,
            args.mover_stall_timeout,
            args.retry_base_delay,
            args.retry_max_delay,
        ),
        mover_log=_mover_log(environ),
        mover_image_pull_secrets=tuple(n for n in args.mover_image_pull_secrets.split(",") if n.strip()),
        scc_name=args.scc_name,
        time_zone=_time_zone(environ),
        log_level=args.log_level or _ZAP_LEVELS.get(args.zap_log_level, "info"),
        log_format=args.log_format or {"json": "json", "console": "text"}.get(args.zap_encoder, "auto"),
        proxies={n: v for n, v in environ.items() if n.upper() in {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}},
        ignored=_ignored(args),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="volsync-py manager",
        allow_abbrev=False,
        description="Run the operator, in a cluster or from a laptop.",
    )
    add = parser.add_argument
    add(
        "--kubeconfig",
        metavar="FILE",
        help="kubeconfig to use (default: the pod's own account, or kubectl's)",
    )
    add("--context", help="context of the kubeconfig")
    add("--namespace", default="", help="serve this namespace only")
    add("--max-movers", type=_count, default=0, metavar="N", help="at most N mover Jobs at once; 0: no limit")
    add("--workers", type=_count, default=4, metavar="N", help="objects of one kind handled at once")
    add("--restic-container-image", default="", metavar="IMAGE", help="image of the mover")
    add("--mover-image-pull-secrets", default="", metavar="A,B", help="pull Secrets to copy for movers")
    add("--scc-name", default="volsync-privileged-mover", help="OpenShift: the SCC of privileged movers")
    _add_endpoints(parser)
    _add_election(parser)
    _add_pace(parser)
    add("--log-level", default="", choices=("", "debug", "info", "warning", "error"))
    add("--log-format", default="", choices=("", "auto", "json", "text"), help="auto: text on a terminal")
    _add_flags_of_volsync(parser)
    return parser


def _add_endpoints(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--metrics-bind-address", default="127.0.0.1:8080", metavar="ADDRESS", help='"0": no metrics')
    add(
        "--metrics-secure",
        type=_boolean,
        metavar="BOOL",
        help="HTTPS (default: unless only this machine can ask)",
    )
    add("--metrics-require-rbac", "--metrics-auth", type=_boolean, metavar="BOOL",
        help="ask the API server who may read metrics (default: as --metrics-secure)")  # fmt: skip
    add(
        "--metrics-cert-path",
        default="",
        metavar="DIR",
        help="folder of the certificate; none: a self-signed one",
    )
    add("--metrics-cert-name", default="tls.crt", metavar="FILE")
    add("--metrics-cert-key", default="tls.key", metavar="FILE")
    add(
        "--health-probe-bind-address",
        default="",
        metavar="ADDRESS",
        help="default: :8081, of this machine only outside a cluster",
    )


def _add_election(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    # Differs from VolSync: on by default, because two managers at once are never wanted.
    add(
        "--leader-elect",
        type=_boolean,
        default=True,
        metavar="BOOL",
        help="wait for the Lease (default: true)",
    )
    add("--leader-elect-lease-duration", type=_seconds, default=15.0, metavar="DURATION")
    add("--leader-elect-renew-deadline", type=_seconds, default=10.0, metavar="DURATION")
    add("--leader-elect-retry-period", type=_seconds, default=2.0, metavar="DURATION")


def _add_pace(parser: argparse.ArgumentParser) -> None:
    add, of = parser.add_argument, Pace()
    add("--mover-contact-timeout", type=_seconds, default=of.contact_seconds, metavar="DURATION",
        help="a repository that has not answered by then is unreachable")  # fmt: skip
    add("--mover-retry-lock", type=_seconds, default=of.retry_lock_seconds, metavar="DURATION",
        help="how long a mover waits for somebody else's lock")  # fmt: skip
    add("--mover-stall-timeout", type=_seconds, default=of.stall_seconds, metavar="DURATION",
        help="a transfer without progress for so long is given up")  # fmt: skip
    add("--retry-base-delay", type=_seconds, default=of.retry_base_seconds, metavar="DURATION",
        help="from a failed run to the next attempt; doubles each time")  # fmt: skip
    add("--retry-max-delay", type=_seconds, default=of.retry_max_seconds, metavar="DURATION")


def _add_flags_of_volsync(parser: argparse.ArgumentParser) -> None:
    """Accept what VolSync's manager accepts and we have no use for, and its logging library's flags."""
    add, hidden = parser.add_argument, argparse.SUPPRESS
    for mover in _OTHER_MOVERS:
        add(f"--{mover}-container-image", help=hidden)
    add("--enable-http2", type=_boolean, help=hidden)
    add("--zap-devel", type=_boolean, help=hidden)
    add("--zap-encoder", default="", help=hidden)
    add("--zap-log-level", default="", help=hidden)
    add("--zap-stacktrace-level", help=hidden)
    add("--zap-time-encoding", help=hidden)


def _ignored(args: argparse.Namespace) -> tuple[str, ...]:
    names = [f"{mover}_container_image".replace("-", "_") for mover in _OTHER_MOVERS]
    names += ["enable_http2", "zap_devel", "zap_stacktrace_level", "zap_time_encoding"]
    return tuple("--" + n.replace("_", "-") for n in names if getattr(args, n) not in (None, False))


def _go_style(argv: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Turn Go's spelling of flags into argparse's: `-flag`, and booleans that never take the next word."""
    booleans = {o for action in parser._actions if action.type is _boolean for o in action.option_strings}
    words: list[str] = []
    for word in argv:
        if word.startswith("-") and not word.startswith("--") and len(word.partition("=")[0]) > 2:
            word = "-" + word
        words.append(f"{word}=true" if word in booleans else word)
    return words


def _boolean(text: str) -> bool:
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _count(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number ≥ 0")


def _seconds(text: str) -> float:
    try:
        duration = parse_go_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s or 15m") from error
    if duration <= timedelta(0):
        raise argparse.ArgumentTypeError(f"{text!r} is not more than nothing")
    return duration.total_seconds()


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach `address` ("host:port")."""
    host = address.rpartition(":")[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.")


def _metrics_endpoint(args: argparse.Namespace) -> MetricsEndpoint:
    address = args.metrics_bind_address
    secure = not is_loopback(address) if args.metrics_secure is None else args.metrics_secure
    # As VolSync: without TLS nobody sends a token, so nobody is asked for one.
    require_rbac = secure and args.metrics_require_rbac is not False
    if args.metrics_require_rbac and not secure:
        raise SettingsError("--metrics-require-rbac needs --metrics-secure: tokens are not sent in the clear")
    return MetricsEndpoint(
        address, secure, require_rbac, args.metrics_cert_path, args.metrics_cert_name, args.metrics_cert_key
    )


def _election(args: argparse.Namespace) -> Election:
    lease, renew = args.leader_elect_lease_duration, args.leader_elect_renew_deadline
    retry = args.leader_elect_retry_period
    if not lease > renew > retry:
        raise SettingsError(
            "--leader-elect-lease-duration must be longer than --leader-elect-renew-deadline, "
            "and that longer than --leader-elect-retry-period"
        )
    return Election(args.leader_elect, lease, renew, retry)


def _mover_image(flag: str, environ: Mapping[str, str]) -> str:
    for image in (flag, environ.get("RELATED_IMAGE_RESTIC_CONTAINER"), environ.get("VOLSYNC_PY_IMAGE")):
        if image:
            return image
    raise SettingsError(
        "no image for movers: pass --restic-container-image=IMAGE, or set RELATED_IMAGE_RESTIC_CONTAINER "
        "or VOLSYNC_PY_IMAGE"
    )


def _mover_log(environ: Mapping[str, str]) -> MoverLog:
    default = MoverLog()
    return MoverLog(
        max_bytes=_integer(environ, "MOVER_LOG_MAX_BYTES", default.max_bytes),
        tail_lines=_integer(environ, "MOVER_LOG_TAIL_LINES", default.tail_lines),
        debug=environ.get("MOVER_LOG_DEBUG", "") in _TRUE,
    )


def _integer(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    try:
        return int(text) if text else default
    except ValueError as error:
        raise SettingsError(f"{name} is {text!r}, which is no whole number") from error


def _time_zone(environ: Mapping[str, str]) -> str:
    """Find the zone's name as Go does: TZ ("" is UTC), else what /etc/localtime points to, else UTC."""
    if "TZ" in environ:
        return environ["TZ"].removeprefix(":") or "UTC"
    _, found, name = str(_LOCALTIME.resolve()).partition("/zoneinfo/")
    return name if found and name else "UTC"


def _read_pod_namespace() -> str:
    try:
        return _POD_NAMESPACE_FILE.read_text().strip()
    except OSError:
        return ""
