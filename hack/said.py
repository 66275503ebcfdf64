"""What the operator may say, read from its code: the reasons of conditions and events, each with its words.

A call that makes a `Trouble`, an `Event` or a condition is looked at where it stands; what is only known while the
operator runs is an ellipsis in what is returned.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen

ROOT = Path(__file__).parents[1]
# Where decisions are made; the pod speaks in reports, and commands to who typed them.
ROOMS = ("api", "controllers", "core", "movers", "populator", "volumes")
UNKNOWN = "…"


@frozen
class Call:
    """One call by the name of what is called: its arguments as text, as far as they are known without running it."""

    module: str
    function: str
    name: str
    arguments: tuple[str, ...]


def calls(*names: str) -> Iterator[Call]:
    """Return the calls of functions, classes or methods with these names, in the order of files and lines."""
    for room in ROOMS:
        for path in sorted((ROOT / "volsync_py" / room).rglob("*.py")):
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(name in names for name in _called(tree)):
                yield from _Reader(importlib.import_module(dotted.removesuffix(".__init__")), names).read(tree)


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _name(node.func)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _options(node: ast.expr, known: dict[str, ast.expr]) -> list[ast.expr]:
    """Return what an argument may be: both of a choice, also of one that was given a name before."""
    if isinstance(node, ast.Name) and isinstance(known.get(node.id), ast.IfExp):
        node = known[node.id]
    return [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]


class _Reader:
    """Reads one module, and of a function's names those that are given their value in it before."""

    def __init__(self, module: ModuleType, names: tuple[str, ...]) -> None:
        self._module, self._names = module, names

    def read(self, tree: ast.AST, function: str = "", known: dict[str, ast.expr] | None = None) -> Iterator[Call]:
        known = dict(known or {})
        for node in ast.iter_child_nodes(tree):
            if isinstance(node, ast.FunctionDef):
                yield from self.read(node, node.name, known)
                continue
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                known[node.targets[0].id] = node.value
            if isinstance(node, ast.Call) and _name(node.func) in self._names:
                yield from self._calls(node, function, known)
            yield from self.read(node, function, known)

    def _calls(self, node: ast.Call, function: str, known: dict[str, ast.expr]) -> Iterator[Call]:
        """Return the call, once for each choice between texts that an argument is."""
        choices: list[list[tuple[str, ...]]] = []
        for one in node.args:
            if isinstance(one, ast.Starred):
                choices.append([self._several(option) for option in _options(one.value, {})])
            else:
                choices.append([(self._text(option, known),) for option in _options(one, known)])
        for chosen in product(*choices):
            arguments = tuple(chain.from_iterable(chosen))
            yield Call(self._module.__name__.removeprefix("volsync_py."), function, _name(node.func), arguments)

    def _several(self, node: ast.expr) -> tuple[str, ...]:
        value = self._value(node)
        return tuple(str(one) for one in value) if isinstance(value, tuple) else (UNKNOWN,)

    def _text(self, node: ast.expr, known: dict[str, ast.expr]) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(self._part(part, known) for part in node.values)
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.Name) and node.id in known:
            return self._text(known[node.id], {k: v for k, v in known.items() if k != node.id})
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._text(node.left, known) + self._text(node.right, known)
        value = self._value(node)
        return str(value) if isinstance(value, str) else UNKNOWN

    def _part(self, node: ast.expr, known: dict[str, ast.expr]) -> str:
        if isinstance(node, ast.FormattedValue):
            return self._text(node.value, known) if isinstance(node.value, ast.Name | ast.Attribute) else UNKNOWN
        return self._text(node, known)

    def _value(self, node: ast.expr) -> Any:
        """Return the value of a name of the module's, such as NOT_GROWN or ErrorClass.UNKNOWN."""
        try:
            if isinstance(node, ast.Name):
                return getattr(self._module, node.id)
            if isinstance(node, ast.Attribute):
                return getattr(self._value(node.value), node.attr)
        except AttributeError:
            return None
        return None
