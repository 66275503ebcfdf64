"""How commands print what programs read, and how wide a line of what people read may be."""

from __future__ import annotations

import json
import shutil

# What is not a terminal has no width; it is read in editors, mails and logs of pipelines.
_WIDTH_ELSEWHERE = 120


def as_document(value: object, output: str) -> str:
    """Return a value as JSON or YAML."""
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=True)
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=False)).rstrip("\n")


def width() -> int:
    """Return how many columns there are."""
    return shutil.get_terminal_size((_WIDTH_ELSEWHERE, 0)).columns
