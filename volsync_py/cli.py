"""The program `volsync-py`: picks a command, and turns what happened into an exit code.

0: fine; 1: failed; 2: what was asked for makes no sense. Commands are imported when they run, so that
`--help` and `version` stay quick and a broken command breaks no other. Those of `volsync_py/commands` need the
libraries of the extra `cli`, besides those that only print.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from volsync_py import __version__
from volsync_py.commands import table
from volsync_py.commands.common.called import program
from volsync_py.commands.common.endings import ended
from volsync_py.commands.common.exit_codes import FAILED, FINE, USAGE

# How a shell's script asks for completions.
_COMPLETE = "_VOLSYNC_PY_COMPLETE"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None and _COMPLETE in os.environ:
        return ended(lambda: _complete(os.environ[_COMPLETE]), "completion")
    name = words[0] if words else ""
    return ended(lambda: _run(name, words), name if name in COMMANDS else "")


def _run(name: str, words: Sequence[str]) -> int:
    if name in {"-h", "--help", "help"}:
        print(_help())
        return FINE
    if name in {"--version", "-V"}:
        name = "version"
    if name not in COMMANDS:
        reason = f"no such command: {name}\n\n" if name else ""
        print(f"{reason}{_help()}", file=sys.stderr)
        return USAGE
    return COMMANDS[name][1](words[1:])


def _complete(instruction: str) -> int:
    """Answer a shell that completes what is being typed; the script that asks is `volsync-py completion`'s."""
    try:
        from volsync_py.commands.program import answer_shell
    except ModuleNotFoundError as error:
        return _without_library("completion", error)
    return answer_shell(instruction)


def _manager(words: Sequence[str]) -> int:
    from volsync_py.manager.settings import SettingsError, parse_settings

    try:
        settings = parse_settings(words, os.environ)
    except SettingsError as error:
        print(f"volsync-py manager: {error}", file=sys.stderr)
        return USAGE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE

    # Before the larger imports: the first process of a container never hears of a signal that it handles too late.
    from volsync_py.manager.shutdown import stop_at_signals

    stop = stop_at_signals()

    import structlog

    from volsync_py.manager.app import Manager
    from volsync_py.telemetry import logs

    logs.configure(settings.log_level, settings.log_format)
    try:
        Manager(settings, stop).run()
    except Exception:
        structlog.get_logger().exception("the manager ends: this is a defect")
        return FAILED


def _version(words: Sequence[str]) -> int:
    if words:
        print(f"{program()} version takes no arguments, not {words[0]!r}", file=sys.stderr)
        return USAGE
    print(f"volsync-py {__version__}")
    return FINE


def _of_people(name: str) -> Callable[[Sequence[str]], int]:
    """Return the function that runs a command of `volsync_py/commands`, whose libraries the manager does without."""

    def run(words: Sequence[str]) -> int:
        try:
            from volsync_py.commands.program import run as run_command
        except ModuleNotFoundError as error:
            return _without_library(name, error)
        return run_command(name, words)

    return run


def _without_library(name: str, error: ModuleNotFoundError) -> int:
    """Say what a command lacks, and return the exit code."""
    if error.name != "click":
        raise error
    said = f"{program()} {name} needs the libraries of the command line: pip install 'volsync-py[cli]'"
    print(said, file=sys.stderr)
    return FAILED


def _printed(name: str) -> Callable[[Sequence[str]], int]:
    """Return the function that runs a command which needs none of those libraries."""

    def run(words: Sequence[str]) -> int:
        module, _ = table.COMMANDS[name]
        command: Callable[[Sequence[str]], int] = getattr(import_module(f"volsync_py.commands.{module}"), name)
        try:
            return command(words)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else USAGE

    return run


# Name → (what help says, the function that runs it with the words after the name).
COMMANDS: dict[str, tuple[str, Callable[[Sequence[str]], int]]] = {
    "manager": ("run the operator, in a cluster or from a laptop", _manager),
    "version": ("print the version", _version),
    **{
        name: (text, (_printed if name in table.PRINTED else _of_people)(name))
        for name, (_, text) in table.COMMANDS.items()
    },
}


def _help() -> str:
    lines = [f"usage: {program()} COMMAND [OPTIONS]", ""]
    lines += [f"  {name:12} {text}" for name, (text, _) in COMMANDS.items()]
    return "\n".join([*lines, "", f"{program()} COMMAND --help says more."])
