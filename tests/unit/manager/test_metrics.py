"""The series that dashboards and alerts read."""

from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from volsync_py.telemetry.metrics import Metrics
from volsync_py.telemetry.object_metrics import ObjectMetrics
from volsync_py.telemetry.object_text import ObjectKey, quantile

SOURCE = ObjectKey("data", "app", "source")
LABELS = {"obj_name": "data", "obj_namespace": "app", "role": "source", "method": "restic"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def samples(metrics: Metrics, name: str) -> dict[str, float]:
    """Return what a scrape says: values by the labels that are not the object's."""
    return {
        ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()) if k not in LABELS): sample.value
        for family in text_string_to_metric_families(metrics.expose().decode())
        for sample in family.samples
        if sample.name == name
    }


def test_an_object_starts_out_of_sync_with_nothing_missed_and_empty_quantiles() -> None:
    metrics = Metrics()
    metrics.objects.set_out_of_sync(SOURCE, True)

    assert samples(metrics, "volsync_missed_intervals_total") == {"": 0}
    assert samples(metrics, "volsync_volume_out_of_sync") == {"": 1}
    assert samples(metrics, "volsync_sync_duration_seconds_count") == {"": 0}
    assert all(math.isnan(v) for v in samples(metrics, "volsync_sync_duration_seconds").values())


def test_the_labels_are_those_of_volsync() -> None:
    metrics = Metrics()
    metrics.objects.miss_interval(SOURCE)

    text = metrics.expose().decode()
    (missed,) = [f for f in text_string_to_metric_families(text) if f.name == "volsync_missed_intervals"]
    assert [(sample.name, sample.labels) for sample in missed.samples] == [("volsync_missed_intervals_total", LABELS)]
    assert "# TYPE volsync_sync_duration_seconds summary" in text


def test_quantiles_cover_a_day_and_sums_cover_everything() -> None:
    clock = Clock()
    metrics = Metrics(ObjectMetrics(clock))
    metrics.objects.observe_sync(SOURCE, 1000)
    clock.now = 25 * 3600
    for seconds in range(1, 101):
        metrics.objects.observe_sync(SOURCE, seconds)

    assert samples(metrics, "volsync_sync_duration_seconds") == {
        "quantile=0.5": 50,
        "quantile=0.9": 90,
        "quantile=0.99": 99,
    }
    assert samples(metrics, "volsync_sync_duration_seconds_count") == {"": 101}
    assert samples(metrics, "volsync_sync_duration_seconds_sum") == {"": 1000 + 5050}


def test_a_quantile_forgets_what_is_a_day_old_although_nothing_has_happened_since() -> None:
    clock = Clock()
    metrics = Metrics(ObjectMetrics(clock))
    metrics.objects.observe_sync(SOURCE, 1000)
    clock.now = 12 * 3600
    metrics.objects.observe_sync(SOURCE, 1)
    assert samples(metrics, "volsync_sync_duration_seconds")["quantile=0.99"] == 1000
    clock.now = 24 * 3600
    assert samples(metrics, "volsync_sync_duration_seconds")["quantile=0.99"] == 1
    clock.now = 36 * 3600
    assert math.isnan(samples(metrics, "volsync_sync_duration_seconds")["quantile=0.99"])


def test_no_series_outlives_its_object() -> None:
    metrics = Metrics()
    metrics.objects.observe_sync(SOURCE, 1)
    metrics.objects.set_gauge(SOURCE, "snapshots", 3)
    metrics.objects.count_result(SOURCE, "Succeeded")
    metrics.objects.set_out_of_sync(ObjectKey("data", "app", "destination"), True)

    metrics.objects.forget("app", "data", "source")

    assert 'role="source"' not in metrics.expose().decode()
    assert 'role="destination"' in metrics.expose().decode()


def test_an_unknown_value_has_no_series() -> None:
    metrics = Metrics()
    metrics.objects.set_gauge(SOURCE, "snapshots", 3)
    metrics.objects.set_gauge(SOURCE, "snapshots", None)

    assert samples(metrics, "volsync_py_snapshots") == {}
    with pytest.raises(KeyError):
        metrics.objects.set_gauge(SOURCE, "no such gauge", 1)


def test_results_are_counted_by_class() -> None:
    metrics = Metrics()
    for result in ("Succeeded", "WrongPassword", "Succeeded"):
        metrics.objects.count_result(SOURCE, result)

    assert samples(metrics, "volsync_py_runs_total") == {"result=Succeeded": 2, "result=WrongPassword": 1}


def test_what_the_manager_does_is_counted() -> None:
    metrics = Metrics()
    depth = [3]
    metrics.observe_request("get", "secrets", "200", 0.01)
    metrics.observe_request("watch", "jobs", "200", 300)
    metrics.observe_reconcile("source", "done", 0.01)
    metrics.observe_queue_wait("source", 0.5)
    metrics.watch_queue_depth("source", lambda: depth[0])
    metrics.count_watch_restart("jobs", "410")
    metrics.watch_movers(lambda: 2, lambda: 1, 4)
    metrics.set_leader(True)
    metrics.watch_time_zone("Europe/Berlin", lambda: 3600)

    assert samples(metrics, "volsync_py_time_zone_utc_offset_seconds") == {"zone=Europe/Berlin": 3600}
    assert samples(metrics, "volsync_py_api_requests_total")["code=200,resource=secrets,verb=get"] == 1
    assert samples(metrics, "volsync_py_api_request_duration_seconds_count") == {"verb=get": 1}
    assert samples(metrics, "volsync_py_reconciles_total") == {"controller=source,outcome=done": 1}
    assert samples(metrics, "volsync_py_reconcile_duration_seconds_sum") == {"controller=source": 0.01}
    assert samples(metrics, "volsync_py_queue_depth") == {"controller=source": 3}
    assert samples(metrics, "volsync_py_queue_duration_seconds_sum") == {"controller=source": 0.5}
    assert samples(metrics, "volsync_py_queue_duration_seconds_count") == {"controller=source": 1}
    assert samples(metrics, "volsync_py_watch_restarts_total") == {"reason=410,resource=jobs": 1}
    assert samples(metrics, "volsync_py_movers") == {"state=running": 2, "state=waiting": 1}
    assert samples(metrics, "volsync_py_mover_slots") == {"": 4}
    assert samples(metrics, "volsync_py_leader") == {"": 1}
    assert list(samples(metrics, "volsync_py_build_info").values()) == [1]
    assert samples(metrics, "volsync_py_events_dropped_total") == {"reason=limit": 0, "reason=queue": 0}
    of_manager = {family.name for family in metrics.own_families()}
    exposed = text_string_to_metric_families(metrics.expose().decode())
    shown = {family.name for family in exposed if family.samples and family.name.startswith("volsync_py_")}
    # When each was made is prometheus_client's to tell.
    assert {name for name in shown if not name.endswith("_created")} == of_manager


def test_two_managers_in_one_process_share_nothing() -> None:
    one, two = Metrics(), Metrics()
    one.observe_reconcile("source", "done", 0.1)

    assert samples(two, "volsync_py_reconciles_total") == {}


def test_scrapes_and_observations_at_once_lose_nothing() -> None:
    metrics = Metrics()

    def observe() -> None:
        for _ in range(500):
            metrics.objects.observe_sync(SOURCE, 1)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        metrics.expose()
    for thread in threads:
        thread.join()

    assert samples(metrics, "volsync_sync_duration_seconds_count") == {"": 2000}


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_one_of_the_values_and_enough_are_below(values: list[float], q: float) -> None:
    values.sort()
    result = quantile(values, q)

    assert result in values
    assert sum(v <= result for v in values) >= q * len(values) - 1e-6
