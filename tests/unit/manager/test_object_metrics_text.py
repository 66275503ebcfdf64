"""What is written about objects is what prometheus_client would write, and costs what has changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from volsync_py.telemetry.object_metrics import ObjectMetrics
from volsync_py.telemetry.object_text import GAUGES, MISSED, Failing, ObjectKey, quantile

LABELS = ("obj_name", "obj_namespace", "role", "method")
DAY = 24 * 3600


@define
class Told:
    """What was told of one object."""

    missed: int = 0
    behind: bool = True
    syncs: list[tuple[float, float]] = field(factory=list)
    results: dict[str, int] = field(factory=dict)
    failing: tuple[Failing, ...] = ()
    gauges: dict[str, float] = field(factory=dict)
    repository: str = ""


class Plain(Collector):
    """The same series, in prometheus_client's own classes and made anew each time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.objects: defaultdict[ObjectKey, Told] = defaultdict(Told)

    def do(self, step: str, key: ObjectKey, *arguments: Any) -> None:
        one = self.objects[key]
        if step == "miss_interval":
            one.missed += 1
        elif step == "set_out_of_sync":
            (one.behind,) = arguments
        elif step == "observe_sync":
            one.syncs.append((self.now, arguments[0]))
        elif step == "count_result":
            one.results[arguments[0]] = one.results.get(arguments[0], 0) + 1
        elif step == "set_failing":
            one.failing = arguments[0]
        elif step == "set_repository":
            one.repository = arguments[0]
        elif arguments[1] is None:
            one.gauges.pop(arguments[0], None)
        else:
            one.gauges[arguments[0]] = arguments[1]

    def collect(self) -> Iterator[Metric]:
        missed = CounterMetricFamily(
            "volsync_missed_intervals", "Slots of the schedule that passed without a finished run.", labels=LABELS
        )
        behind = GaugeMetricFamily(
            "volsync_volume_out_of_sync",
            "1 if the volume is behind its schedule or was never synchronized.",
            labels=LABELS,
        )
        took = Metric("volsync_sync_duration_seconds", "How long synchronizations took.", "summary")
        runs = CounterMetricFamily("volsync_py_runs", "Attempts, by how they ended.", labels=[*LABELS, "result"])
        for key, one in self.objects.items():
            values = [key.name, key.namespace, key.role, key.method]
            missed.add_metric(values, one.missed)
            behind.add_metric(values, one.behind)
            labels = dict(zip(LABELS, values, strict=True))
            recent = sorted(seconds for at, seconds in one.syncs if at > self.now - DAY)
            for q in (0.5, 0.9, 0.99):
                took.add_sample(took.name, {**labels, "quantile": str(q)}, quantile(recent, q))
            took.add_sample(f"{took.name}_sum", labels, sum(seconds for _, seconds in one.syncs))
            took.add_sample(f"{took.name}_count", labels, len(one.syncs))
            for result, count in one.results.items():
                runs.add_metric([*values, result], count)
        yield from (missed, behind, took, runs, self._failing())
        for name, text in GAUGES.items():
            more = ["repository"] if name.startswith("repository_") else []
            family = GaugeMetricFamily(f"volsync_py_{name}", text, labels=[*LABELS, *more])
            for key, one in self.objects.items():
                if name in one.gauges:
                    values = [key.name, key.namespace, key.role, key.method, *[one.repository for _ in more]]
                    family.add_metric(values, one.gauges[name])
            yield family

    def _failing(self) -> Metric:
        family = GaugeMetricFamily(
            "volsync_py_failing_since_timestamp_seconds",
            "Since when a condition is False, by its reason; the repository is that of the last backup, as a hash.",
            labels=[*LABELS, "condition", "reason", "repository"],
        )
        for key, one in self.objects.items():
            for found in one.failing:
                values = [key.name, key.namespace, key.role, key.method]
                family.add_metric([*values, found.condition, found.reason, found.repository], found.since)
        return family

    def text(self) -> str:
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()


ODD = st.sampled_from(["data", "a\\b", 'c"d', "e\nf", "\u00fc"])
KEYS = st.builds(ObjectKey, ODD, ODD, st.sampled_from(["source", "destination"]))
FAILING = st.builds(Failing, st.sampled_from(["Healthy", "Maintained"]), ODD, ODD, st.integers(0, 10**10))
STEPS = st.one_of(
    st.tuples(st.just("set_failing"), KEYS, st.lists(FAILING, max_size=2).map(tuple)),
    st.tuples(st.just("miss_interval"), KEYS),
    st.tuples(st.just("set_repository"), KEYS, ODD),
    st.tuples(st.just("set_out_of_sync"), KEYS, st.booleans()),
    # Whole numbers: the order of a sum is nobody's business here.
    st.tuples(st.just("observe_sync"), KEYS, st.integers(0, 10**9)),
    st.tuples(st.just("count_result"), KEYS, ODD),
    st.tuples(
        st.just("set_gauge"), KEYS, st.sampled_from(sorted(GAUGES)), st.floats() | st.integers(0, 10**15) | st.none()
    ),
    st.tuples(st.just("forget"), KEYS),
    st.tuples(st.just("expose")),
    st.tuples(st.just("write"), KEYS),
    st.tuples(st.just("wait"), st.integers(0, DAY)),
)


@given(st.lists(STEPS, max_size=30))
def test_the_text_is_what_prometheus_client_makes_of_the_same(steps: list[tuple[Any, ...]]) -> None:
    plain = Plain()
    objects = ObjectMetrics(lambda: plain.now)
    for name, *arguments in steps:
        if name == "wait":
            plain.now += arguments[0]
        elif name == "forget":
            (key,) = arguments
            objects.forget(key.namespace, key.name, key.role)
            plain.objects.pop(key, None)
        elif name == "expose":
            objects.expose()
        elif name == "write":
            (key,) = arguments
            objects.write(key)
            assert plain.objects[key]
        else:
            getattr(objects, name)(*arguments)
            plain.do(name, *arguments)

    assert objects.expose().decode() == plain.text()


CHANGES: list[tuple[Any, ...]] = [
    ("miss_interval",),
    ("set_out_of_sync", False),
    ("observe_sync", 3),
    ("count_result", "Succeeded"),
    ("set_failing", (Failing("Healthy", "Unreachable", "", 7),)),
    *(("set_gauge", name, 7) for name in GAUGES),
    ("set_repository", "0123456789abcdef"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(map(str, change[:2])))
def test_what_is_told_after_a_scrape_is_in_the_next_one(change: tuple[Any, ...]) -> None:
    plain, key = Plain(), ObjectKey("data", "app", "source")
    objects = ObjectMetrics(lambda: plain.now)
    for one in (("set_out_of_sync", key, True), ("set_gauge", key, "repository_size_bytes", 1)):
        plain.do(*one)
        getattr(objects, one[0])(*one[1:])
    before = objects.expose()
    step, *arguments = change
    getattr(objects, step)(key, *arguments)
    plain.do(step, key, *arguments)
    assert objects.expose().decode() == plain.text() != before.decode()


def test_only_the_lines_of_what_has_changed_are_written_anew() -> None:
    objects = ObjectMetrics()
    keys = [ObjectKey(f"data-{number}", "app", "source") for number in range(100)]
    for key in keys:
        objects.observe_sync(key, 1)
        objects.set_gauge(key, "snapshots", 7)
    objects.expose()
    before = lines_of(objects)
    objects.miss_interval(keys[7])
    for key in keys:
        objects.set_gauge(key, "snapshots", 7)
        objects.set_out_of_sync(key, True)
        objects.set_failing(key, ())
    objects.expose()
    after = lines_of(objects)
    changed = [
        (number, place)
        for number, (one, other) in enumerate(zip(before, after, strict=True))
        for place, (line, new) in enumerate(zip(one, other, strict=True))
        if line is not new
    ]
    assert changed == [(7, MISSED)]


def lines_of(objects: ObjectMetrics) -> list[list[bytes | None]]:
    return [list(record.lines) for record in objects._records.values()]
