"""The notes of a release are what the changelog says of its version, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack import release_parts
from hack.release_parts import Failed, Version, notes

CHANGELOG = """# Changelog

## Unreleased

- Of the next one.

## 1.2.0 (2026-11-30)

### Added

- **A page** ([docs/page.md](docs/page.md)):
  two lines.

### Fixed

- A restore ends.

## 1.2.0-rc.1

- Of the candidate.

## 1.1.0

- Of the last one.
"""
OF_1_2_0 = """# volsync-py 1.2.0

### Added

- **A page** ([docs/page.md](docs/page.md)):
  two lines.

### Fixed

- A restore ends.
"""


@pytest.fixture(autouse=True)
def changelog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a changelog of several versions."""
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    monkeypatch.setattr(release_parts, "ROOT", tmp_path)


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (Version("1.2.0", "1.2.0", 0), OF_1_2_0),
        (Version("1.2.0rc1", "1.2.0-rc.1", 0), "# volsync-py 1.2.0-rc.1\n\n- Of the candidate.\n"),
        (Version("1.1.0", "1.1.0", 0), "# volsync-py 1.1.0\n\n- Of the last one.\n"),
    ],
    ids=["with a date", "a candidate", "the last part"],
)
def test_the_part_of_the_tagged_version_is_the_whole_text(version: Version, text: str) -> None:
    assert notes(version, untagged=False) == text


def test_a_trial_has_what_is_unreleased() -> None:
    trial = Version("1.2.1.dev3", "1.2.1-untagged", 0)
    assert notes(trial, untagged=True) == "# volsync-py 1.2.1-untagged\n\n- Of the next one.\n"


def test_a_version_that_only_begins_like_one_has_no_notes() -> None:
    with pytest.raises(Failed, match=r"no part `## 1\.2`"):
        notes(Version("1.2", "1.2", 0), untagged=False)
