"""Write the Grafana dashboard: `python -m hack.generate_dashboard` after a change of this file.

One dashboard, three times: as Grafana imports it (manifests/monitoring/dashboard.json), as what the chart holds, and as
the ConfigMap of the overlay, which Grafana's side-car finds by its label.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

Object = dict[str, Any]
MANIFESTS = Path(__file__).parents[1] / "manifests"
TARGET = MANIFESTS / "monitoring" / "dashboard.json"
IN_CHART = MANIFESTS / "helm" / "volsync" / "files" / "dashboard.json"
OVERLAY = MANIFESTS / "overlays" / "monitoring" / "dashboard.yaml"
# Grafana's grid has as many columns.
_COLUMNS = 24
# Which resources are shown is chosen at the top.
_CHOSEN = 'obj_namespace=~"$namespace"'
_SOURCES = f'{_CHOSEN},role="source"'
_BY_OBJECT = "{{obj_namespace}}/{{obj_name}}"
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@frozen
class Panel:
    """One picture; `targets` are pairs of an expression and what its series are called."""

    title: str
    kind: str
    targets: tuple[tuple[str, str], ...]
    unit: str = "short"
    width: int = 12
    height: int = 8
    text: str = ""
    # Asked once, for now, instead of for each moment that is shown.
    instant: bool = False
    # From which value on it is red; green below.
    red_from: float | None = None
    options: tuple[tuple[str, Any], ...] = ()
    # The least time between two values, as `1d`.
    interval: str = ""
    since: str = ""


_BARS = (("orientation", "horizontal"), ("displayMode", "basic"))
PANELS = (
    Panel(
        "Backed up in the last day",
        "stat",
        ((f"count(time() - volsync_py_last_success_timestamp_seconds{{{_SOURCES}}} < 86400) or vector(0)", "sources"),),
        width=5,
        height=5,
        instant=True,
    ),
    Panel(
        "Need you",
        "stat",
        (
            (
                "count(max by (obj_namespace, obj_name) "
                f"(volsync_py_failing_since_timestamp_seconds{{{_CHOSEN}}}) > 0 or max by (obj_namespace, obj_name) "
                f"(time() - volsync_py_overdue_timestamp_seconds{{{_CHOSEN}}}) > 0) "
                "or vector(0)",
                "sources and destinations",
            ),
        ),
        width=5,
        height=5,
        instant=True,
        red_from=1,
        text="Failing, or overdue.",
    ),
    Panel(
        "Oldest last backup",
        "stat",
        ((f"max(time() - volsync_py_last_success_timestamp_seconds{{{_SOURCES}}})", "age"),),
        unit="s",
        width=5,
        height=5,
        instant=True,
        red_from=172_800,
    ),
    Panel(
        "What fails",
        "table",
        ((f"time() - volsync_py_failing_since_timestamp_seconds{{{_CHOSEN}}}", ""),),
        unit="s",
        width=9,
        height=5,
        instant=True,
        text="Since when, by condition and reason: docs/failures.md says what each means.",
    ),
    Panel(
        "The last 30 days",
        "status-history",
        (
            (
                "clamp_max(sum by (obj_namespace, obj_name) "
                f"(increase(volsync_sync_duration_seconds_count{{{_SOURCES}}}[1d])), 1)",
                _BY_OBJECT,
            ),
        ),
        width=24,
        height=10,
        interval="1d",
        since="30d",
        text="A row for each source, a field for each day: 1 where a backup was made.",
    ),
    Panel(
        "Runs of the last night, by how they ended",
        "timeseries",
        ((f"sum by (result) (increase(volsync_py_runs_total{{{_CHOSEN}}}[1h]))", "{{result}}"),),
        interval="1h",
        since="24h",
        options=(("drawStyle", "bars"), ("fillOpacity", 60), ("stacking", {"mode": "normal"})),
    ),
    Panel(
        "Movers",
        "timeseries",
        (("sum by (state) (volsync_py_movers)", "{{state}}"), ("max(volsync_py_mover_slots) > 0", "limit")),
        since="24h",
    ),
    Panel(
        "Age of the last backup",
        "bargauge",
        ((f"topk(30, time() - volsync_py_last_success_timestamp_seconds{{{_SOURCES}}})", _BY_OBJECT),),
        unit="s",
        width=8,
        instant=True,
        red_from=172_800,
        options=_BARS,
    ),
    Panel(
        "Age of the last proof",
        "bargauge",
        ((f"topk(30, time() - volsync_py_last_verified_timestamp_seconds{{{_SOURCES}}})", _BY_OBJECT),),
        unit="s",
        width=8,
        instant=True,
        # From then on the alert fires: 40 days.
        red_from=3_456_000,
        options=_BARS,
        text="How long ago a backup was last restored and found to be whole; sources never proved are not shown.",
    ),
    Panel(
        "Duration of the last day's runs, the longest of ten",
        "bargauge",
        (
            (
                f'topk(30, volsync_sync_duration_seconds{{{_SOURCES},quantile="0.9"}} > 0)',
                _BY_OBJECT,
            ),
        ),
        unit="s",
        width=8,
        instant=True,
        options=_BARS,
    ),
    Panel(
        "Size of what is backed up",
        "timeseries",
        ((f"topk(15, volsync_py_last_snapshot_bytes_processed{{{_SOURCES}}})", _BY_OBJECT),),
        unit="bytes",
    ),
    Panel(
        "Added to repositories by the last runs",
        "timeseries",
        ((f"topk(15, volsync_py_last_snapshot_bytes_added{{{_SOURCES}}})", _BY_OBJECT),),
        unit="bytes",
    ),
    Panel(
        "Size of repositories, as their last prunes left them",
        "timeseries",
        ((f"topk(15, volsync_py_repository_size_bytes{{{_CHOSEN}}})", _BY_OBJECT),),
        unit="bytes",
        text="One that several sources share is shown for each that has pruned it.",
    ),
    Panel(
        "Age of the locks that stop runs",
        "bargauge",
        (
            (
                "topk(30, time() - max by (obj_namespace, obj_name, role) "
                f"(volsync_py_repository_locked_since_timestamp_seconds{{{_CHOSEN}}}))",
                _BY_OBJECT,
            ),
        ),
        unit="s",
        instant=True,
        # From then on the alert fires.
        red_from=3600,
        options=_BARS,
    ),
    Panel(
        "Failed attempts a day, by class",
        "timeseries",
        (
            (
                f'sum by (result) (increase(volsync_py_runs_total{{{_CHOSEN},result!="Succeeded"}}[1d]))',
                "{{result}}",
            ),
        ),
        options=(("drawStyle", "bars"), ("fillOpacity", 60), ("stacking", {"mode": "normal"})),
    ),
    Panel(
        "How long runs waited for their turn",
        "timeseries",
        ((f"max by (role) (volsync_py_mover_wait_seconds{{{_CHOSEN}}})", "{{role}}"),),
        unit="s",
    ),
    Panel("Managers that lead", "stat", (("sum(volsync_py_leader)", "leaders"),), width=4, height=6, instant=True),
    Panel(
        "Version",
        "stat",
        (("count by (version) (volsync_py_build_info)", "{{version}}"),),
        width=4,
        height=6,
        instant=True,
        options=(("textMode", "name"),),
    ),
    Panel(
        "Queues",
        "timeseries",
        (
            ("sum by (controller) (volsync_py_queue_depth)", "{{controller}} waits"),
            (
                "histogram_quantile(0.9, sum by (le) (rate(volsync_py_queue_duration_seconds_bucket[5m])))",
                "seconds, nine of ten",
            ),
        ),
        width=8,
        height=6,
    ),
    Panel(
        "Passes a second, by their end",
        "timeseries",
        (("sum by (controller, outcome) (rate(volsync_py_reconciles_total[5m]))", "{{controller}} {{outcome}}"),),
        width=8,
        height=6,
    ),
    Panel(
        "Requests a second to the API server, by its answer",
        "timeseries",
        (("sum by (verb, code) (rate(volsync_py_api_requests_total[5m]))", "{{verb}} {{code}}"),),
    ),
    Panel(
        "Memory, and watches that were started again",
        "timeseries",
        (
            ('process_resident_memory_bytes{job="volsync-metrics"}', "memory"),
            ("sum by (reason) (increase(volsync_py_watch_restarts_total[1h]))", "{{reason}} an hour"),
        ),
        unit="bytes",
    ),
)


def dashboard() -> Object:
    """Return the dashboard as Grafana imports it."""
    panels, x, y, row = [], 0, 0, 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > _COLUMNS:
            x, y, row = 0, y + row, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        panels.append(_panel(panel, number, place))
        x, row = x + panel.width, max(row, panel.height)
    return {
        "title": "Backups (volsync_py)",
        "uid": "volsync-py",
        "description": "Made by `python -m hack.generate_dashboard`.",
        "tags": ["volsync", "backup"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": _variables()},
        "panels": panels,
    }


def _variables() -> list[Object]:
    names = "label_values(volsync_volume_out_of_sync, obj_namespace)"
    chosen = {"name": "namespace", "label": "Namespace", "type": "query", "multi": True, "includeAll": True}
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {**chosen, "allValue": ".*", "refresh": 2, "datasource": _DATASOURCE, "query": names, "definition": names},
    ]


def _panel(panel: Panel, number: int, place: Object) -> Object:
    steps: list[Object] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    defaults: Object = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    options: Object = dict(panel.options)
    if panel.kind == "timeseries":
        defaults["custom"], options = options, {"tooltip": {"mode": "multi"}}
    made: Object = {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "gridPos": place,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            _target(panel, text, called, ref) for ref, (text, called) in zip("ABCD", panel.targets, strict=False)
        ],
    }
    for key, value in (("description", panel.text), ("interval", panel.interval), ("timeFrom", panel.since)):
        if value:
            made[key] = value
    return made


def _target(panel: Panel, text: str, called: str, ref: str) -> Object:
    target: Object = {"refId": ref, "expr": text, "legendFormat": called, "datasource": _DATASOURCE}
    if panel.instant:
        target |= {"instant": True, "range": False, "format": "table" if panel.kind == "table" else "time_series"}
    return target


def files() -> dict[Path, str]:
    """Return each file that is made, with its text."""
    text = json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"
    labels = {"app.kubernetes.io/name": "volsync", "grafana_dashboard": "1"}
    metadata = {"name": "volsync-dashboard", "namespace": "volsync-system", "labels": labels}
    data = {"volsync.json": text}
    configured = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    notice = "# Made by `python -m hack.generate_dashboard`.\n"
    return {TARGET: text, IN_CHART: text, OVERLAY: notice + yaml.safe_dump(configured, sort_keys=False, width=1000)}


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
