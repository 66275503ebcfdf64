"""Write docs/failures.md from the table of failures: `python -m hack.generate_failures_page` after a change of it."""

from __future__ import annotations

from pathlib import Path

from volsync_py.movers.restic.outcome import CLASSES, Pace

TARGET = Path(__file__).parents[1] / "docs" / "failures.md"
_PACE = {
    Pace.RETRY: "after 10 s, doubling to 30 min",
    Pace.CHANGE: "after a change of spec, Secret, CA, full claim or run-now; at the next slot, 30 min at least",
}


def page() -> str:
    """Return the page."""
    lines = ["# Failures", "", "The reason of the condition `Healthy`, made from `movers/restic/outcome.py`.", ""]
    lines += ["| class | recognised by | tried again | next step |", "|---|---|---|---|"]
    for name, row in CLASSES.items():
        lines.append(f"| `{name}` | {row.recognised_by} | {_PACE[row.pace]} | {row.next_step} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
