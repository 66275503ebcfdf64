"""The manager's command line: its flags, and Go's way of writing them.

Guarantees that a command line written for VolSync's manager is accepted with its meaning (one dash or two, a boolean
never takes the next word). What the values mean together is the business of `settings`.
"""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Sequence
from datetime import timedelta

from volsync_py.core import defaults
from volsync_py.core.durations import parse_go_duration
from volsync_py.manager.addresses import host_and_port
from volsync_py.manager.tls import parse_suites, parse_version

TRUE, FALSE = {"1", "t", "T", "true", "TRUE", "True"}, {"0", "f", "F", "false", "FALSE", "False"}
# The address that stands for "do not listen".
NOWHERE = "0"
_OTHER_MOVERS = ("rclone", "rsync", "rsync-tls", "syncthing")


def parse_flags(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line without the program's name; SystemExit as argparse raises it."""
    parser = flag_parser()
    return parser.parse_args(_go_style(argv, parser))


def ignored_flags(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the flags that were given and change nothing."""
    names = [f"{mover}_container_image".replace("-", "_") for mover in _OTHER_MOVERS]
    names += ["enable_http2", "zap_devel", "zap_stacktrace_level", "zap_time_encoding"]
    return tuple("--" + n.replace("_", "-") for n in names if getattr(args, n) not in (None, False))


def flag_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags."""
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
    # A worker waits for the API server most of the time; four keep a thousand sources going.
    add("--workers", type=_positive, default=4, metavar="N", help="how many objects of one kind are handled at once")
    add("--restic-container-image", default="", metavar="IMAGE", help="image of the mover")
    add("--mover-image-pull-secrets", default="", metavar="A,B", help="pull Secrets to copy for movers")
    add("--scc-name", default=defaults.SCC_NAME, help="OpenShift: the SCC of privileged movers")
    _add_endpoints(parser)
    _add_election(parser)
    _add_pace(parser)
    add("--log-level", default="", choices=("", "debug", "info", "warning", "error"),
        help="which lines are logged (default: info)")  # fmt: skip
    add(
        "--log-format",
        default="",
        choices=("", "auto", "json", "text"),
        help="how they are written; auto (the default): text on a terminal, else JSON",
    )
    _add_flags_of_volsync(parser)
    return parser


def _add_endpoints(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--metrics-bind-address",
        type=_address,
        default="127.0.0.1:8080",
        metavar="ADDRESS",
        help="address of the metrics; 0 turns them off",
    )
    add(
        "--metrics-secure",
        type=_boolean,
        metavar="BOOL",
        help="serve the metrics with TLS (default: unless the address is of this machine only)",
    )
    add("--metrics-require-rbac", "--metrics-auth", type=_boolean, metavar="BOOL",
        help="ask the API server who may read metrics (default: as --metrics-secure)")  # fmt: skip
    add(
        "--metrics-cert-path",
        default="",
        metavar="DIR",
        help="folder of the certificate; unset: a self-signed one",
    )
    add("--metrics-cert-name", default="tls.crt", metavar="FILE", help="file of the certificate in that folder")
    add("--metrics-cert-key", default="tls.key", metavar="FILE", help="file of its key")
    add("--tls-min-version", type=_tls_version, default="VersionTLS12", metavar="VERSION",
        help="oldest TLS of the metrics: VersionTLS12 or VersionTLS13")  # fmt: skip
    add("--tls-cipher-suites", type=_tls_suites, default="", metavar="A,B",
        help="suites of TLS 1.2, by Kubernetes' names; the self-signed certificate needs one with ECDSA")  # fmt: skip
    add("--page-bind-address", type=_address, default=NOWHERE, metavar="ADDRESS",
        help="address of the status page; 0 turns it off. "
        "Other than 127.0.0.1: TLS, and only tokens that may get /page")  # fmt: skip
    add(
        "--health-probe-bind-address",
        type=_address,
        metavar="ADDRESS",
        help="address of /healthz and /readyz (default: :8081; outside a cluster 127.0.0.1:8081)",
    )


def _add_election(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    # Differs from VolSync: on by default, because two managers at once are never wanted.
    add(
        "--leader-elect",
        type=_boolean,
        default=True,
        metavar="BOOL",
        help="wait for the Lease before doing anything",
    )
    # client-go's values: a leader that dies is missed for a quarter of a minute.
    add("--leader-elect-lease-duration", type=_seconds, default="15s", metavar="DURATION",
        help="a leader that has not renewed its Lease for this long is replaced (whole seconds)")  # fmt: skip
    add("--leader-elect-renew-deadline", type=_seconds, default="10s", metavar="DURATION",
        help="a leader that cannot renew its Lease for this long ends; "
        "together with the retry period at most the lease duration")  # fmt: skip
    add("--leader-elect-retry-period", type=_seconds, default="2s", metavar="DURATION",
        help="how often the leader renews the Lease, and the others try to get it")  # fmt: skip


def _add_pace(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mover-contact-timeout", type=_seconds, default=f"{defaults.CONTACT_SECONDS}s", metavar="DURATION",
        help="a repository that does not answer within this time counts as unreachable")  # fmt: skip
    add("--mover-retry-lock", type=_seconds, default=f"{defaults.RETRY_LOCK_SECONDS}s", metavar="DURATION",
        help="how long a mover waits for somebody else's lock")  # fmt: skip
    add("--mover-stall-timeout", type=_seconds, default=f"{defaults.STALL_SECONDS}s", metavar="DURATION",
        help="a transfer without progress for this long is given up")  # fmt: skip
    add("--retry-base-delay", type=_seconds, default=f"{defaults.RETRY_FIRST.total_seconds():g}s", metavar="DURATION",
        help="pause between a failed attempt and the next one; doubles each time")  # fmt: skip
    add("--retry-max-delay", type=_seconds, default=f"{defaults.RETRY_LONGEST.total_seconds():g}s", metavar="DURATION",
        help="the longest of these pauses")  # fmt: skip
    add("--ended-job-shown", type=_some_seconds, default=f"{defaults.ENDED_JOB_SHOWN.total_seconds():g}s",
        metavar="DURATION", help="how long the ended Job of a manual run stays; 0s: not at all")  # fmt: skip


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
    if text in TRUE | FALSE:
        return text in TRUE
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number ≥ 0")


def _positive(text: str) -> int:
    number = _count(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 is too few: at least 1")
    return number


def _address(text: str) -> str:
    try:
        if text != NOWHERE:
            host_and_port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'{error}, nor "{NOWHERE}" for none') from error
    return text


def _tls_version(text: str) -> ssl.TLSVersion:
    try:
        return parse_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _tls_suites(text: str) -> tuple[str, ...]:
    try:
        return parse_suites(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    seconds = _some_seconds(text)
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is not more than nothing")
    return seconds


def _some_seconds(text: str) -> float:
    try:
        duration = parse_go_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s or 15m") from error
    if duration < timedelta(0):
        raise argparse.ArgumentTypeError(f"{text!r} is less than nothing")
    return duration.total_seconds()
