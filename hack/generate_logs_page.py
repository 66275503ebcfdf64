"""Write docs/logs.md: `python -m hack.generate_logs_page` after a change of what the manager writes into its log."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from hack.pages import DOCS, code, table

TARGET = DOCS / "logs.md"
_ROOT = Path(__file__).parents[1] / "volsync_py"
# What is not the manager speaks to who started it: commands to a terminal, the pod in its own log.
_OTHERS = ("commands", "pod", "page", "health")
_LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
_HEAD = """# The manager's log

Made from the code: every line that the manager may write. Each line reports one step, and each cause is told once; a
manager that has nothing to do writes nothing. In a cluster a line is an object of JSON, on a terminal it is coloured
text (`--log-format`, `--log-level`). Movers write logs of their own, which are in the status
(`latestMoverStatus.logs`) and in `volsync-py logs`.

Each line has `event` (a text of the table below), `level` and `timestamp`. Those of a pass over a resource have four
fields more:

| field | what it is |
|---|---|
| `controller` | `source`, `destination` or `populator`, as in the [metrics](metrics.md) |
| `namespace`, `name` | the resource, or the claim |
| `reconcile_id` | the same for all lines of one pass |

The conditions and their reasons are on [a page of their own](conditions.md); so are the [classes](failures.md) of
attempts that have failed. A condition has no line of its own where the line of a failed attempt or of the end of a run
says the same. `object` is the kind and name of an object, and `of_namespace` its namespace. If a line says "this is a
defect", please report it, with its `exception` and the file of `volsync-py debug-bundle`.

"""


def lines() -> Iterator[tuple[str, str, str]]:
    """Return level, line and fields of each call that writes one, each once."""
    found = set()
    for path in sorted(_ROOT.rglob("*.py")):
        if path.relative_to(_ROOT).parts[0] in _OTHERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (said := _line(node)) is not None:
                found.add(said)
    yield from sorted(found, key=lambda one: (one[1], one[0]))


def _line(call: ast.Call) -> tuple[str, str, str] | None:
    """Return what a call writes, None if it is none of a logger."""
    how = call.func
    if not isinstance(how, ast.Attribute) or how.attr not in _LEVELS or not _is_logger(how.value):
        return None
    (text,) = call.args
    assert isinstance(text, ast.Constant), "a line is the same each time; what differs are fields"
    names = (keyword.arg for keyword in call.keywords)
    fields = ["exception"] if how.attr == "exception" else []
    fields += ["exception" if name == "exc_info" else str(name) for name in names]
    return _LEVELS[how.attr], str(text.value), ", ".join(map(code, fields))


def _is_logger(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == "get_logger"
    return isinstance(node, ast.Name) and node.id == "log"


def page() -> str:
    """Return the page."""
    return _HEAD + table(("line", "level", "fields"), ((line, level, fields) for level, line, fields in lines()))


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
