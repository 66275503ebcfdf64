"""The arguments that say which resources are meant: by name, by label, or by repository."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def by_name_or_label(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that name resources."""
    command = click.option("-l", "--selector", default="", help="Those with these labels, such as app=db.")(command)
    return click.argument("names", nargs=-1)(command)


def of_repository(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that means all of a repository."""
    told = "All whose repository is that of this Secret, also by another Secret that leads there."
    return click.option("--repository", metavar="SECRET", default="", help=told)(command)
