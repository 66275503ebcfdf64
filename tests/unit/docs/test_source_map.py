"""The pages for whoever works on the project name every room, and no file that has gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(
    str(path.parent.relative_to(ROOT)) for top in ("volsync_py", "hack") for path in (ROOT / top).rglob("__init__.py")
)

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_map_names_each_folder(folder: str) -> None:
    assert re.search(rf"\b{folder}/", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_file_that_is_named_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:volsync_py|hack|tests|manifests)/[\w./-]*\w", text))
    missing = {path for path in named if not (ROOT / path).exists()}
    # Tables say the folder once, in their head.
    for folder, rows in re.findall(r"\| looking for \| file in `([\w/]+)/` \|\n\|[-|]+\n((?:\|.*\n)+)", text):
        files = re.findall(r"`(\w+\.py)`", rows)
        missing |= {f"{folder}/{name}" for name in files if not (ROOT / folder / name).exists()}
    assert missing == set()
