"""What `backup` and `prove` answer: a line for each, or all of them together for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.exit_codes import FINE
from volsync_py.commands.common.shown import as_document
from volsync_py.commands.runs.waiting import Run, wait_for_all


def tell_asked(name: str, token: str, output: str) -> None:
    """Tell people at once that a run was asked for: the next one may be refused."""
    if output == "table":
        say(f"{name}: asked for ({token}); volsync-py status {name} says what becomes of it")


def answered(runs: Sequence[Run], token: str, output: str, what: str, seconds: float | None, *, wait: bool) -> int:
    """Wait for the runs if that is asked for, print what programs read, and return the exit code."""
    code = wait_for_all(runs, seconds, what, for_people=output == "table") if wait else FINE
    if output in {"json", "yaml"}:
        click.echo(as_document([_document(run, token, waited=wait) for run in runs], output))
    elif output == "name":
        for run in runs:
            if not wait or (run.ended is not None and run.ended.well):
                click.echo(f"replicationsource.volsync.backube/{run.name}")
    return code


def _document(run: Run, token: str, *, waited: bool) -> dict[str, Any]:
    asked = {"kind": "ReplicationSource", "namespace": run.cluster.namespace, "name": run.name, "token": token}
    if not waited:
        return asked
    if run.ended is None:
        return {**asked, "result": "NotEnded", "message": ""}
    result = "Succeeded" if run.ended.well else "Failed"
    return {**asked, "result": result, "message": run.ended.text, **run.ended.facts}
