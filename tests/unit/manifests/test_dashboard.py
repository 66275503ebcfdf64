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
from tests.unit.manifests.test_alerts import DAY, at, failing, manager, shown, source

EXPRESSIONS = [text.replace("$namespace", ".*") for panel in PANELS for text, _ in panel.targets]

# What a dashboard of backups was asked to show, by the title of its panel.
ORDERED = {
    "the verdict": ("Backed up in the last day", "Need you"),
    "thirty days": ("The last 30 days",),
    "the last night": ("Runs of the last night, by how they ended",),
    "how old backups are": ("Oldest last backup", "Age of the last backup"),
    "how old proofs are": ("Age of the last proof",),
    "growth": (
        "Size of what is backed up",
        "Added to repositories by the last runs",
        "Size of repositories, as their last prunes left them",
    ),
    "failures by class": ("What fails", "Failed attempts a day, by class"),
    "the manager's health": ("Managers that lead", "Queues", "Passes a second, by their end"),
}
_ANSWER = re.compile(r'expr: ("(?:[^"\\]|\\.)*"), time: \S+\s+exp: ?nil\s+got: ?(.*)')
_VALUE = re.compile(r"(?:^|, )\S*?(\{.*?\}) ([-+\d.eE]+)")


def asked_by(title: str) -> list[str]:
    return [text.replace("$namespace", ".*") for panel in PANELS if panel.title == title for text, _ in panel.targets]


def values(title: str, said: str) -> list[float]:
    """Return the values that promtool has found for the one expression of a panel."""
    (asked,) = asked_by(title)
    answers = {json.loads(text): found for text, found in _ANSWER.findall(said)}
    return [float(value) for _, value in _VALUE.findall(answers[asked])]


def test_every_expression_finds_something_in_what_a_manager_shows(tmp_path: Path) -> None:
    held = {"attempt": {"lastFailureTime": at(0), "lockedSince": at(-9)}, **failing("RepositoryLocked")}
    resources = [
        source("well"),
        source("broken", **failing("Unreachable")),
        source("held", **held),
        source("proved", verified=-90),
    ]
    before, after = (shown(*resources, waiting=2, passes=passes, runs=runs) for passes, runs in ((0, 1), (9, 4)))

    said = evaluated(EXPRESSIONS, manager((0, before), (30, after)), 59, tmp_path)

    found = {json.loads(f'"{text}"') for text in re.findall(r'expr: "((?:[^"\\]|\\.)*)"', said)}
    assert set(EXPRESSIONS) - found == set()


@pytest.mark.parametrize("order", ORDERED)
def test_what_was_ordered_has_its_panel(order: str) -> None:
    assert set(ORDERED[order]) <= {panel.title for panel in PANELS}


def test_what_the_first_panels_show_of_three_sources_is_how_these_are(tmp_path: Path) -> None:
    """These find a zero where they find nothing, so that only their values tell whether they look at sources."""
    late = source("late", last=-3 * DAY, verified=-50 * DAY)
    shows = shown(source("well", verified=-90), source("broken", **failing("Unreachable", 5)), late)
    titles = ("Backed up in the last day", "Need you", "Oldest last backup", "Age of the last proof")
    expressions = [text for title in titles for text in asked_by(title)]

    said = evaluated(expressions, manager((0, shows)), 59, tmp_path)

    assert {title: values(title, said) for title in titles} == {
        "Backed up in the last day": [2],
        "Need you": [2],
        "Oldest last backup": [(3 * DAY + 59) * 60],
        "Age of the last proof": [(50 * DAY + 59) * 60, (90 + 59) * 60],
    }


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
