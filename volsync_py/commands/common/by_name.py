"""The arguments that say which resources are meant: by name, or by label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def by_name_or_label(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that name resources."""
    command = click.option("-l", "--selector", default="", help="Those with these labels, such as app=db.")(command)
    return click.argument("names", nargs=-1)(command)
