"""How long somebody is willing to wait."""

from __future__ import annotations

import click


def seconds_of(text: str, option: str = "--timeout") -> float:
    """Return an option's seconds; a usage error says what is no duration."""
    # Help does without it.
    from volsync_py.core.durations import parse_go_duration

    try:
        return parse_go_duration(text).total_seconds()
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None


def limit_of(timeout: str) -> float | None:
    """Return the seconds of an option --timeout that may be left out, None for no limit."""
    return seconds_of(timeout) if timeout else None
