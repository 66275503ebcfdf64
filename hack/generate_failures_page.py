"""Write docs/failures.md from the table of failures: `python -m hack.generate_failures_page` after a change of it."""

from __future__ import annotations

from pathlib import Path

from volsync_py.movers.restic.outcome import CLASSES, tried_again

TARGET = Path(__file__).parents[1] / "docs" / "failures.md"

_HEAD = (
    "Reasons of the conditions `Healthy`, `Maintained` and `Verified`, made from `movers/restic/outcome.py`. Where a",
    "run has ended well and the class is only its warning, `Healthy` is True.",
)


def page() -> str:
    """Return the page."""
    lines = ["# Failures", "", *_HEAD, ""]
    lines += ["| class | recognised by | tried again | next step |", "|---|---|---|---|"]
    for name, row in CLASSES.items():
        lines.append(f"| `{name}` | {row.recognised_by} | {tried_again(name)} | {row.next_step} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
