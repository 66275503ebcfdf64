"""Write docs/options.md: `python -m hack.generate_options_page` after a change of a command's options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import click

from hack.pages import DOCS, code, table
from volsync_py.commands.install import manifests
from volsync_py.commands.program import find
from volsync_py.commands.table import COMMANDS, PRINTED

TARGET = DOCS / "options.md"
_HEAD = """# Options of the commands

Made from the code: every option of every command, as `--help` shows it after a command.
[command-line.md](command-line.md) shows the commands at work. The options of `volsync-py manager` are
[its flags](flags.md), and `volsync-py version` has none. In the lines below, what is in brackets may be left out, and
`...` means that there may be several.

## Options of all commands that ask a cluster

They are not repeated below.

"""
_HEADER = ("option", "default", "meaning")
# They are told once for all commands that have them.
SHARED = frozenset({"--kubeconfig", "--context", "-n", "--namespace", "--no-color"})
_LIKEWISE = "\nAlso the [options of all commands that ask a cluster](#options-of-all-commands-that-ask-a-cluster).\n"
# What an option takes, where click says it in words of programs.
_TAKES = {"TEXT": "TEXT", "INTEGER RANGE": "NUMBER", "FLOAT RANGE": "NUMBER", "DIRECTORY": "FOLDER"}
# Of an option with choices and no words of its own.
_FORMAT = "Format of what is printed."
Row = tuple[str, str, str]


def page() -> str:
    """Return the page."""
    shared = [_of_click(one) for one in options("status") if SHARED.issuperset(one.opts)]
    return "".join([_HEAD, table(_HEADER, shared), *map(_section, sorted(COMMANDS))])


def options(name: str) -> list[click.Option]:
    """Return the options of a command that click reads, besides --help."""
    return [one for one in find(name).params if isinstance(one, click.Option)]


def _section(name: str) -> str:
    mine = [] if name in PRINTED else options(name)
    asks_cluster = SHARED.issubset(word for one in mine for word in one.opts)
    left = [one for one in mine if not (asks_cluster and SHARED.issuperset(one.opts))]
    rows = list(_printed(name)) or list(map(_of_click, left))
    told = f"\n## {name}\n\n{code(_usage(name))}: {COMMANDS[name][1]}.\n\n"
    told += table(_HEADER, rows) if rows else "It has no options of its own.\n"
    return told + (_LIKEWISE if asks_cluster else "")


def _usage(name: str) -> str:
    if name in PRINTED:
        return name
    command = find(name)
    pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
    return " ".join([name, *(piece for piece in pieces if piece != command.options_metavar)])


def _of_click(one: click.Option) -> Row:
    names = ", ".join(map(code, [*one.opts, *one.secondary_opts]))
    default = "" if one.is_flag or not isinstance(one.default, str | int | float) else str(one.default)
    told = one.help or (_FORMAT if isinstance(one.type, click.Choice) else "")
    return f"{names} {_value(one)}".strip(), code(default), _told(told, needed=one.required, repeated=one.multiple)


def _value(one: click.Option) -> str:
    if one.is_flag:
        return ""
    if isinstance(one.type, click.Choice):
        return " or ".join(code(str(choice)) for choice in one.type.choices)
    word = one.type.name.upper()
    return one.metavar or _TAKES.get(word, word)


def _printed(name: str) -> Iterator[Row]:
    """Return the options of a command that does without click."""
    known = {option: action for action in manifests.parser()._actions for option in action.option_strings}
    for option in PRINTED.get(name, ()):
        action = known[option]
        value = " or ".join(map(code, action.choices)) if action.choices else option.lstrip("-").upper()
        words = (action.help or "").partition(";")[0]
        repeated = isinstance(action, argparse._AppendAction)
        told = _told(f"{words[:1].upper()}{words[1:]}.", needed=action.required, repeated=repeated)
        yield f"{code(option)} {value}", "", told


def _told(text: str, *, needed: bool, repeated: bool) -> str:
    return " ".join([text, *(["Must be given."] * needed), *(["May be repeated."] * repeated)])


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
