"""What a scrape of many sources costs: `python -m tests.bench.scrape [SOURCES...]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from volsync_py.telemetry.metrics import Metrics
from volsync_py.telemetry.object_metrics import GAUGES, ObjectKey

# A day of an hourly schedule.
_RUNS = 24


def filled(sources: int) -> tuple[Metrics, list[ObjectKey]]:
    """Return the metrics of sources that have run for a day."""
    metrics = Metrics()
    keys = [ObjectKey(f"data-{number}", "application", "source") for number in range(sources)]
    for number, key in enumerate(keys):
        for run in range(_RUNS):
            metrics.objects.observe_sync(key, 3.25 + run)
        metrics.objects.count_result(key, "Succeeded")
        metrics.objects.set_out_of_sync(key, False)
        for gauge in GAUGES:
            metrics.objects.set_gauge(key, gauge, 1.8e9 + number)
    return metrics, keys


def milliseconds(work: Callable[[], object]) -> float:
    """Return the processor's time for something."""
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def forget(metrics: Metrics, keys: list[ObjectKey]) -> None:
    """Forget all of them, one by one."""
    for key in keys:
        metrics.objects.forget(key.namespace, key.name, key.role)


def main(words: list[str]) -> None:
    """Print a line for each number of sources."""
    for sources in [int(word) for word in words] or [1_000, 10_000]:
        metrics, keys = filled(sources)
        first = milliseconds(metrics.expose)
        again = milliseconds(metrics.expose)
        for key in keys[::10]:
            metrics.objects.observe_sync(key, 3.25)
        tenth = milliseconds(metrics.expose)
        megabytes = len(metrics.expose()) / 1e6
        forgotten = milliseconds(partial(forget, metrics, keys))
        print(
            f"{sources} sources, {megabytes:.1f} MB: the first scrape {first:.0f} ms, the next {again:.0f} ms,", end=" "
        )
        print(f"after a tenth has run {tenth:.0f} ms; forgetting one {1000 * forgotten / sources:.1f} µs")


if __name__ == "__main__":
    main(sys.argv[1:])
