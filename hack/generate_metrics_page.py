"""Write docs/metrics.md from what a scrape shows: `python -m hack.generate_metrics_page` after a change of metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from volsync_py.telemetry.metrics import Metrics
from volsync_py.telemetry.object_text import FAMILIES, LABELS, MORE_LABELS

TARGET = Path(__file__).parents[1] / "docs" / "metrics.md"
_INTRODUCTION = """\
# Metrics

Made from the code (`volsync_py/telemetry`). The [alerts](alerts.md) use no others.

## Of each source and destination

The first three are VolSync's, with the same names and labels, so dashboards and alerts made for VolSync still work. A
series ends with its resource. Values of labels never come from texts that somebody wrote into a spec or status:
`result` and `reason` are the classes of [failures.md](failures.md), a few other reasons, or `Other`; `repository` is a
hash. Times are seconds since 1970; where there is no such time, there is no series. All have the labels {labels}.

| name | type | more labels | what it shows |
|---|---|---|---|
"""
_OF_THE_MANAGER = """
## Of the manager

There are also those of the process (`process_…`, `python_gc_…`), which the library prometheus_client makes.

| name | type | labels | what it shows |
|---|---|---|---|
"""


def of_objects() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Return name, type, additional labels and meaning of the families that tell of objects."""
    for name, kind, text in FAMILIES:
        yield name, kind, MORE_LABELS.get(name, ()), text


def of_manager() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Return name, type, labels and meaning of the families that tell of the manager."""
    for family in Metrics().own_families():
        suffix = "_total" if family.type == "counter" else ""
        yield f"{family.name}{suffix}", family.type, family.labels, family.text


def names() -> set[str]:
    """Return the names of all series that a scrape may show of ours."""
    found = set()
    for name, kind, _, _ in (*of_objects(), *of_manager()):
        found.add(name)
        if kind in ("summary", "histogram"):
            found |= {f"{name}_sum", f"{name}_count"}
        if kind == "histogram":
            found.add(f"{name}_bucket")
    return found


def page() -> str:
    """Return the page."""
    labels = ", ".join(f"`{label}`" for label in LABELS)
    return _INTRODUCTION.format(labels=labels) + _table(of_objects()) + _OF_THE_MANAGER + _table(of_manager())


def _table(rows: Iterator[tuple[str, str, tuple[str, ...], str]]) -> str:
    return "".join(
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |\n"
        for name, kind, labels, text in rows
    )


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
