"""A rule of Prometheus' that a page shows fires when it should, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.integration.docs.pages import PAGES, rules
from tests.unit.manifests.promtool import firing
from tests.unit.manifests.test_alerts import DAY, manager, shown, source


@pytest.mark.parametrize(("days", "expected"), [(15, {"BackupNotProved": 1}), (13, {})])
def test_the_rule_of_the_page_of_proofs_fires_after_two_weeks(
    days: int, expected: dict[str, int], tmp_path: Path
) -> None:
    (rule,) = rules("verification.md")
    file = tmp_path / "rules.yaml"
    group = {"name": "shown", "rules": yaml.safe_load(rule)}
    file.write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
    shows = shown(source("proved", verified=-days * DAY))
    assert firing(manager((0, shows)), 30, tmp_path, file) == expected


def test_no_other_page_shows_a_rule() -> None:
    assert [page for page in PAGES if rules(page)] == ["verification.md"]
