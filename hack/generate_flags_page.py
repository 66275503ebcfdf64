"""Write docs/flags.md: `python -m hack.generate_flags_page` after a change of the manager's flags or of a variable."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from hack.pages import DOCS, code, table
from volsync_py.core.keys import OPTIONAL_KEYS
from volsync_py.manager import flags
from volsync_py.movers.restic.job_environment import Variables, environment

TARGET = DOCS / "flags.md"
_HEAD = """# Flags, environment variables, keys of the Secret

Made from the code (`volsync_py/manager`, `volsync_py/core/keys.py`).

## Flags of the manager

Flags have one dash or two, and booleans are written as in Go (`--leader-elect=false`), so VolSync's command line works
unchanged. A duration is Go's: `90s`, `15m`, `1h30m`.

"""
_VARIABLES = """
## Environment variables of the manager

"""
_MOVERS = """
## Environment variables of a mover

The manager sets them for its movers, under VolSync's names. They are of interest to whoever writes an admission policy.

"""
_COMMANDS = """
## Environment variables of the commands

"""
_SECRET = """
## Keys of the repository Secret

`RESTIC_REPOSITORY` and `RESTIC_PASSWORD` must be there. A mover gets these others if the Secret has them, and no other
key of it. [backends.md](backends.md) has a Secret for each storage.

"""
MANAGER = {
    "KUBERNETES_SERVICE_HOST": "Set by Kubernetes in each pod: without `--kubeconfig`, the pod's own account is used.",
    "VOLSYNC_NAMESPACE": "Where the Lease and the manager's own events are; else the namespace of the pod.",
    "RELATED_IMAGE_RESTIC_CONTAINER": "Image of movers without `--restic-container-image`, as with VolSync.",
    "VOLSYNC_PY_IMAGE": "Image of movers without either of them: the manager's own.",
    "MOVER_LOG_MAX_BYTES": "How much of a mover's log goes into the status.",
    "MOVER_LOG_TAIL_LINES": "How many lines of it; a negative number is no limit.",
    "MOVER_LOG_DEBUG": "`true`: all lines of it, not only those that tell something.",
    "TZ": "The zone of schedules that name none; else that of `/etc/localtime`, else UTC.",
    "HTTP_PROXY": "Handed on to movers; so is its name in small letters.",
    "HTTPS_PROXY": "Handed on to movers; so is its name in small letters.",
    "NO_PROXY": "Handed on to movers; so is its name in small letters.",
}
COMMANDS = {
    "KUBECONFIG": "The kubeconfig, where `--kubeconfig` names none.",
    "NO_COLOR": "Anything: no colours.",
}
MOVER = {
    "FORGET_OPTIONS": "restic's options for what to keep, made from `retain`.",
    "DATA_DIR": "Where the volume is mounted.",
    "RESTIC_CACHE_DIR": "Where the cache volume is mounted.",
    "RESTORE_AS_OF": "`restoreAsOf`.",
    "SELECT_PREVIOUS": "`previous`.",
    "RESTORE_OPTIONS": "`--delete` with `enableFileDeletion`.",
    "RESTIC_REPOSITORY": "From the Secret.",
    "RESTIC_PASSWORD": "From the Secret.",
    "DEBUG_MOVER": "`1` with the annotation `volsync.backube/enable-debug-mover`.",
    "CUSTOM_CA": "Where the certificate that `customCA` names is mounted.",
    "PRIVILEGED_MOVER": "`1` if the namespace allows movers more rights.",
    "VOLSYNC_PY_RUN": "Everything that VolSync's mover does not know, as JSON with a version; no secret is in it.",
}
_SYNONYMS = {"--zap-encoder": "the same as `--log-format`", "--zap-log-level": "the same as `--log-level`"}
_OF = {
    "RESTIC": "restic",
    "AWS": "S3",
    "ST": "OpenStack Swift, version 1",
    "OS": "OpenStack Swift",
    "B2": "Backblaze B2",
    "AZURE": "Azure Blob Storage",
    "GOOGLE": "Google Cloud Storage",
}


def page() -> str:
    """Return the page."""
    pairs = ("variable", "meaning")
    return "".join(
        [
            _HEAD,
            table(("flag", "default", "meaning"), _flags()),
            _VARIABLES,
            table(pairs, ((code(name), text) for name, text in MANAGER.items())),
            _MOVERS,
            table(pairs, ((code(name), text) for name, text in MOVER.items())),
            _COMMANDS,
            table(pairs, ((code(name), text) for name, text in COMMANDS.items())),
            _SECRET,
            table(("of", "keys"), _keys()),
        ]
    )


def read_in(path: Path) -> set[str]:
    """Return the names that look like a variable's among the texts of a module's calls, keys, comparisons and sets."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call | ast.Subscript | ast.Compare):
            found |= set(_names(node))
    return found


def read_by_commands() -> set[str]:
    """Return the variables of `os.environ` that commands read."""
    found = set()
    for path in (DOCS.parent / "volsync_py" / "commands").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call | ast.Subscript) and ast.unparse(node).startswith("os.environ"):
                found |= set(_names(node))
    return found


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and re.fullmatch(r"[A-Z][A-Z_]+", str(node.value)):
            yield str(node.value)


def of_mover() -> set[str]:
    """Return the variables that each mover may be given."""
    of_all = Variables("secret", frozenset(), "{}", debug=True, custom_ca=True, privileged=True)
    return {str(entry["name"]) for entry in environment(of_all)}


def _flags() -> Iterator[tuple[str, str, str]]:
    hidden = [action.dest for action in flags.flag_parser()._actions if action.help == argparse.SUPPRESS]
    ignored = flags.ignored_flags(argparse.Namespace(**dict.fromkeys(hidden, "given")))
    for action in flags.flag_parser()._actions:
        if action.help == argparse.SUPPRESS:
            name = action.option_strings[0]
            yield code(name), "", "VolSync's; " + ("accepted without effect" if name in ignored else _SYNONYMS[name])
        elif action.dest != "help":
            names = ", ".join(code(name) for name in action.option_strings)
            values = f" ({', '.join(code(str(one)) for one in action.choices if one)})" if action.choices else ""
            yield f"{names} {action.metavar or ''}", code(_default(action.default)), f"{action.help or ''}{values}"


def _default(value: object) -> str:
    if value is None or value == "":
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _keys() -> Iterator[tuple[str, str]]:
    for backend, keys in groupby(OPTIONAL_KEYS, _backend):
        yield backend, ", ".join(code(key) for key in keys)
    yield "Google Cloud Storage", f"{code('GOOGLE_APPLICATION_CREDENTIALS')}: the JSON of the account's key, as a file"
    yield "rclone", f"{code('RCLONE_CONFIG_REMOTE_OPTION')} and every other key that begins with {code('RCLONE_')}"


def _backend(key: str) -> str:
    if key.startswith("RESTIC_REST"):
        return "REST server"
    return _OF["AWS" if key.startswith("RESTIC_AWS") else key.partition("_")[0]]


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
