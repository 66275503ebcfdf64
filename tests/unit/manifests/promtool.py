"""What Prometheus makes of scraped text and of the rules that are shipped, minute by minute."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from prometheus_client.parser import text_string_to_metric_families

from hack.tool_cache import tool_path

RULES = Path(__file__).parents[3] / "manifests" / "monitoring" / "alerts.yaml"
# What people have written for VolSync.
RULES_FOR_VOLSYNC = Path(__file__).with_name("alerts_for_volsync.yaml")
# What Prometheus adds to what it scrapes.
TARGET = {"job": "volsync-metrics", "namespace": "volsync-system"}
_ABSENT = "_"
_FOUND = re.compile(r'alertname="(\w+)"\} ([\d.E+]+)')
_COMMAND = re.compile(r'Labels:\{alertname="(\w+)".*\n\s*Annotations:\{command="(.*?)", description=')
_OF_OBJECT = re.compile(r'alertname="(\w+)"(?:, obj_name="([^"]*)")?\}')


@frozen
class Scrape:
    """What one manager says from a minute on; `began` is when its clock showed zero.

    "" if it does not answer, None if Prometheus does not even look for it: its pod has gone.
    """

    minute: int
    text: str | None
    began: float = 0.0


def firing(scrapes: Mapping[str, Sequence[Scrape]], minute: int, tmp: Path, rules: Path = RULES) -> dict[str, int]:
    """Return how many alerts of each name fire at a minute; `scrapes` by the name of the manager's pod."""
    said = evaluated(['count by (alertname) (ALERTS{alertstate="firing"})'], scrapes, minute, tmp, rules)
    return {name: int(float(value)) for name, value in _FOUND.findall(said)}


def alerts_by_name(scrapes: Mapping[str, Sequence[Scrape]], minute: int, tmp: Path) -> set[tuple[str, str]]:
    """Return which alerts fire at a minute, each with the name of the object that it is about."""
    said = evaluated(['count by (alertname, obj_name) (ALERTS{alertstate="firing"})'], scrapes, minute, tmp)
    return set(_OF_OBJECT.findall(said))


def commands(
    alerts: Iterable[str], scrapes: Mapping[str, Sequence[Scrape]], minute: int, tmp: Path
) -> dict[str, set[str]]:
    """Return the commands of the alerts that fire at a minute, as people get them, by the name of the alert."""
    tests = [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []} for alert in alerts]
    said = _tested({"alert_rule_test": tests}, scrapes, minute, tmp, RULES)
    found: dict[str, set[str]] = {}
    for alert, command in _COMMAND.findall(said):
        found.setdefault(alert, set()).add(command)
    return found


def evaluated(
    asked: Sequence[str], scrapes: Mapping[str, Sequence[Scrape]], minute: int, tmp: Path, rules: Path = RULES
) -> str:
    """Return what promtool says of expressions that are not empty at a minute, in place of nothing."""
    tests = [{"expr": one, "eval_time": f"{minute}m", "exp_samples": []} for one in asked]
    return _tested({"promql_expr_test": tests}, scrapes, minute, tmp, rules)


def _tested(
    tests: Mapping[str, Any], scrapes: Mapping[str, Sequence[Scrape]], minute: int, tmp: Path, rules: Path
) -> str:
    test = {"interval": "1m", "input_series": _series(scrapes, minute), **tests}
    document = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [test]}
    file = tmp / "test.yaml"
    file.write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(
        [str(tool_path("promtool")), "test", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    said = done.stdout + done.stderr
    assert "SUCCESS" in said or "got:" in said, said
    return said


def _series(scrapes: Mapping[str, Sequence[Scrape]], until: int) -> list[dict[str, str]]:
    values: dict[str, list[str]] = {}
    for instance, told in scrapes.items():
        for number, scrape in enumerate(told):
            end = told[number + 1].minute if number + 1 < len(told) else until + 1
            for name, value in _samples(scrape, instance):
                row = values.setdefault(name, [_ABSENT] * (until + 1))
                row[scrape.minute : end] = [value] * (end - scrape.minute)
    return [{"series": name, "values": " ".join(_marked(row))} for name, row in values.items()]


def _marked(row: list[str]) -> list[str]:
    """Return the row with the mark that Prometheus sets when a series ends; it would be seen for minutes else."""
    return [
        "stale" if value == _ABSENT and before not in (_ABSENT, "") else value
        for before, value in zip(["", *row], row, strict=False)
    ]


def _samples(scrape: Scrape, instance: str) -> list[tuple[str, str]]:
    more = {**TARGET, "instance": instance}
    if scrape.text is None:
        return []
    found = [(_named("up", more), "1" if scrape.text else "0")]
    for family in text_string_to_metric_families(scrape.text):
        # The rest is the interpreter's, and much.
        if not family.name.startswith(("volsync_", "process_resident")):
            continue
        for sample in family.samples:
            # promtool's time begins at zero.
            is_time = family.name.endswith("_timestamp_seconds")
            value = sample.value - scrape.began if is_time else sample.value
            found.append((_named(sample.name, {**sample.labels, **more}), repr(value)))
    return found


def _named(name: str, labels: Mapping[str, Any]) -> str:
    text = ",".join(f"{label}={json.dumps(value)}" for label, value in labels.items())
    return f"{name}{{{text}}}"
