"""What the manager was told: its command line and the part of the environment that it reads, as one value.

Guarantees that everything wrong with it is said before anything starts. Flags and their defaults are in `flags`;
nothing else in the manager reads `os.environ`. Knows nothing of Kubernetes: which namespace a kubeconfig names, for
one, is found out by whoever connects.
"""

from __future__ import annotations

import argparse
import math
import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from volsync_py.core import defaults
from volsync_py.core.local_zone import LOCALTIME, LocalZone, ZoneFile, local_zone
from volsync_py.manager.addresses import is_loopback
from volsync_py.manager.flags import TRUE, ignored_flags, parse_flags
from volsync_py.manager.tls import Tls

_POD_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
# As much as Go reads; the largest zone has a few kilobytes.
_MOST_ZONE_BYTES = 10 * 1024 * 1024
_ZAP_LEVELS = {"debug": "debug", "info": "info", "error": "error", "panic": "error"}


class SettingsError(ValueError):
    """What was asked for cannot be; the message is for the person who asked."""


@frozen
class MoverLog:
    """How much of a mover's log goes into the status; a negative number of lines is no limit."""

    max_bytes: int = defaults.LOG_MAX_BYTES
    tail_lines: int = defaults.LOG_TAIL_LINES
    debug: bool = False


@frozen
class Election:
    """Whether replicas take turns, and how fast: a leader that is silent for `lease_seconds` has lost."""

    enabled: bool
    lease_seconds: float
    renew_seconds: float
    retry_seconds: float


@frozen
class Endpoint:
    """Where metrics, or the page, are served ("0": nowhere), and what a reader needs for it."""

    address: str
    secure: bool
    require_rbac: bool
    cert_path: str
    cert_name: str
    cert_key: str
    tls: Tls


@frozen
class Pace:
    """How long movers may take to get anywhere, how soon a failed run is tried again, how long its end can be seen."""

    contact_seconds: float
    retry_lock_seconds: float
    stall_seconds: float
    retry_base_seconds: float
    retry_max_seconds: float
    ended_job_seconds: float


@frozen
class Settings:
    """Everything the manager was told."""

    mover_image: str
    metrics: Endpoint
    page: Endpoint
    health_address: str
    kubeconfig: str | None
    context: str | None
    # Empty: all namespaces.
    namespace: str
    # Where the Lease and our own events live; empty: the namespace that the kubeconfig names.
    own_namespace: str
    in_cluster: bool
    # 0: no limit.
    max_movers: int
    workers: int
    election: Election
    pace: Pace
    mover_log: MoverLog
    mover_image_pull_secrets: tuple[str, ...]
    scc_name: str
    # The zone of schedules that name none.
    time_zone: LocalZone
    log_level: str
    # json, text, or auto: text on a terminal.
    log_format: str
    # HTTP_PROXY and its kin under the names they had, for movers.
    proxies: Mapping[str, str]
    # Flags that were accepted and change nothing, to be said once.
    ignored: tuple[str, ...]


def parse_settings(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    pod_namespace: str | None = None,
    localtime: str = LOCALTIME,
) -> Settings:
    """Read a command line (without the program's name) and an environment.

    Raises SettingsError; `--help` and unknown flags end in SystemExit, as argparse does. `pod_namespace`
    stands for the service account's own file, `localtime` is the file that says the zone where TZ doesn't.
    """
    args = parse_flags(argv)
    in_cluster = args.kubeconfig is None and "KUBERNETES_SERVICE_HOST" in environ
    if pod_namespace is None:
        pod_namespace = _read_pod_namespace() if in_cluster else ""
    return Settings(
        mover_image=_mover_image(args.restic_container_image, environ),
        metrics=_metrics_endpoint(args),
        page=_page_endpoint(args),
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
            args.ended_job_shown,
        ),
        mover_log=_mover_log(environ),
        mover_image_pull_secrets=tuple(dict.fromkeys(n for n in args.mover_image_pull_secrets.split(",") if n.strip())),
        scc_name=args.scc_name,
        time_zone=local_zone(environ.get("TZ"), _read_zone_file, localtime=localtime),
        log_level=args.log_level or _ZAP_LEVELS.get(args.zap_log_level, "info"),
        log_format=args.log_format or {"json": "json", "console": "text"}.get(args.zap_encoder, "auto"),
        proxies={n: v for n, v in environ.items() if n.upper() in {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}},
        ignored=ignored_flags(args),
    )


def _metrics_endpoint(args: argparse.Namespace) -> Endpoint:
    address = args.metrics_bind_address
    secure = not is_loopback(address) if args.metrics_secure is None else args.metrics_secure
    # As VolSync: tokens are not sent without TLS, so none is required.
    require_rbac = secure and args.metrics_require_rbac is not False
    if args.metrics_require_rbac and not secure:
        raise SettingsError("--metrics-require-rbac needs --metrics-secure: tokens are not sent in the clear")
    return _endpoint(args, address, secure=secure, require_rbac=require_rbac)


def _page_endpoint(args: argparse.Namespace) -> Endpoint:
    # It has names and causes of all namespaces, so nobody else's machine gets it without TLS and a right.
    protected = not is_loopback(args.page_bind_address)
    return _endpoint(args, args.page_bind_address, secure=protected, require_rbac=protected)


def _endpoint(args: argparse.Namespace, address: str, *, secure: bool, require_rbac: bool) -> Endpoint:
    return Endpoint(
        address,
        secure,
        require_rbac,
        args.metrics_cert_path,
        args.metrics_cert_name,
        args.metrics_cert_key,
        Tls(args.tls_min_version, args.tls_cipher_suites),
    )


def _election(args: argparse.Namespace) -> Election:
    lease, renew = args.leader_elect_lease_duration, args.leader_elect_renew_deadline
    retry = args.leader_elect_retry_period
    if renew <= retry:
        raise SettingsError("--leader-elect-renew-deadline must be longer than --leader-elect-retry-period")
    # A Lease holds whole seconds, and another one takes over when these are over: by then the last request of who
    # cannot renew, begun just before the deadline, must have ended.
    if math.ceil(lease) < renew + retry:
        raise SettingsError(
            f"--leader-elect-lease-duration counts in whole seconds, here {math.ceil(lease)}, and must not be shorter "
            "than --leader-elect-renew-deadline and --leader-elect-retry-period together"
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
        debug=environ.get("MOVER_LOG_DEBUG", "") in TRUE,
    )


def _integer(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    try:
        return int(text) if text else default
    except ValueError as error:
        raise SettingsError(f"{name} is {text!r}, which is no whole number") from error


def _read_zone_file(path: str) -> ZoneFile | None:
    """Read what may be a time zone; None if nothing is there."""
    if not os.path.lexists(path):
        return None
    content = None
    try:
        # A pipe or a device would have no end.
        if os.path.isfile(path):
            with open(path, "rb") as file:
                content = file.read(_MOST_ZONE_BYTES)
    except OSError:
        pass
    return ZoneFile(os.path.realpath(path), content)


def _read_pod_namespace() -> str:
    try:
        return _POD_NAMESPACE_FILE.read_text().strip()
    except OSError:
        return ""
