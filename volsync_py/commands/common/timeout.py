"""How long somebody is willing to wait."""

from __future__ import annotations

import click

from volsync_py.core.durations import parse_go_duration


def seconds_of(timeout: str) -> float | None:
    """Return the seconds of the option --timeout, None for no limit."""
    if not timeout:
        return None
    try:
        return parse_go_duration(timeout).total_seconds()
    except ValueError as error:
        raise click.UsageError(f"--timeout: {error}") from None
