"""The dashboard asks Prometheus for what a manager shows, and is the same wherever it is shipped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from hack.generate_dashboard import OVERLAY, PANELS, TARGET, dashboard, files
from hack.generate_metrics_page import names
from tests.unit.manifests.helm_chart import EVERYTHING, one, rendered
from tests.unit.manifests.promtool import evaluated
from tests.unit.manifests.test_alerts import at, failing, manager, shown, source

EXPRESSIONS = [text.replace("$namespace", ".*") for panel in PANELS for text, _ in panel.targets]


def test_every_expression_finds_something_in_what_a_manager_shows(tmp_path: Path) -> None:
    held = {"attempt": {"lastFailureTime": at(0), "lockedSince": at(-9)}, **failing("RepositoryLocked")}
    resources = [source("well"), source("broken", **failing("Unreachable")), source("held", **held)]
    before, after = (shown(*resources, waiting=2, passes=passes, runs=runs) for passes, runs in ((0, 1), (9, 4)))

    said = evaluated(EXPRESSIONS, manager((0, before), (30, after)), 59, tmp_path)

    found = {json.loads(f'"{text}"') for text in re.findall(r'expr: "((?:[^"\\]|\\.)*)"', said)}
    assert set(EXPRESSIONS) - found == set()


def test_it_asks_for_nothing_that_no_manager_shows() -> None:
    asked = {name for text in EXPRESSIONS for name in re.findall(r"volsync_\w+", text)}
    assert asked
    assert asked <= names()


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_each_file_is_made_of_the_same(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path]


def test_panels_fill_the_grid_and_none_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_kustomize_and_the_chart_have_the_same_dashboard() -> None:
    text = TARGET.read_text(encoding="utf-8")
    objects = rendered(EVERYTHING)
    assert yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))["data"] == {"volsync.json": text}
    configured = one(objects, "ConfigMap")
    assert configured["data"] == {"volsync.json": text}
    assert configured["metadata"]["labels"]["grafana_dashboard"] == "1"
    told = one(objects, "GrafanaDashboard")["spec"]
    assert told["configMapRef"] == {"name": configured["metadata"]["name"], "key": "volsync.json"}
    assert told["instanceSelector"] == {"matchLabels": {"dashboards": "grafana"}}
