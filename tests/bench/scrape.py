"""What a scrape of many sources costs: `python -m tests.bench.scrape [SOURCES...]`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count

from volsync_py.telemetry.metrics import Metrics
from volsync_py.telemetry.object_metrics import ObjectMetrics
from volsync_py.telemetry.object_text import GAUGES, ObjectKey

# An hourly schedule.
_RUNS = 24
_DAY = 86_400
# As many scrapes as an hour has with Prometheus' usual interval of a minute, and passes alone for so long.
_SCRAPES, _SECONDS = 60, 3.0


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def filled(sources: int, clock: Clock) -> tuple[Metrics, list[ObjectKey]]:
    """Return the metrics of sources that have run for a day."""
    metrics = Metrics(ObjectMetrics(clock))
    keys = [ObjectKey(f"data-{number}", "application", "source") for number in range(sources)]
    for run in range(_RUNS):
        run_once(metrics, keys, run)
    return metrics, keys


def run_once(metrics: Metrics, keys: list[ObjectKey], run: int) -> None:
    """Tell of a run of each, after which every number is another one."""
    for number, key in enumerate(keys):
        metrics.objects.observe_sync(key, 3.25 + run)
        metrics.objects.count_result(key, "Succeeded")
        metrics.objects.set_out_of_sync(key, False)
        for gauge in GAUGES:
            metrics.objects.set_gauge(key, gauge, 1.8e9 + number + 3600 * run)


def milliseconds(work: Callable[[], object]) -> float:
    """Return the processor's time for something."""
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def write(metrics: Metrics, keys: list[ObjectKey]) -> None:
    """Do what a pass over each does at its end."""
    for key in keys:
        metrics.objects.write(key)


def longest_pass(metrics: Metrics, keys: list[ObjectKey], seconds: float, stop: Callable[[], bool]) -> float:
    """Return how many milliseconds the longest of the passes took that began one after the other, for so long."""
    longest, until = 0.0, time.perf_counter() + seconds
    for number in count():
        began = time.perf_counter()
        if began > until or stop():
            return 1000 * longest
        key = keys[number % len(keys)]
        metrics.objects.set_gauge(key, "last_success_timestamp_seconds", 1.8e9 + number)
        metrics.objects.write(key)
        longest = max(longest, time.perf_counter() - began)
    raise AssertionError


def held_up(metrics: Metrics, keys: list[ObjectKey]) -> tuple[float, float]:
    """Return the milliseconds of the longest pass alone, and while one scrape follows the other."""
    alone = longest_pass(metrics, keys, _SECONDS, lambda: False)
    found: list[float] = []
    done = threading.Event()
    passes = threading.Thread(target=lambda: found.append(longest_pass(metrics, keys, 60 * _SECONDS, done.is_set)))
    passes.start()
    for _ in range(_SCRAPES):
        metrics.expose()
    done.set()
    passes.join()
    return alone, found[0]


def forget(metrics: Metrics, keys: list[ObjectKey]) -> None:
    """Forget all of them, one by one."""
    for key in keys:
        metrics.objects.forget(key.namespace, key.name, key.role)


def main(words: list[str]) -> None:
    """Print three lines for each number of sources."""
    for sources in [int(word) for word in words] or [1_000, 10_000]:
        clock = Clock()
        metrics, keys = filled(sources, clock)
        unwritten = milliseconds(metrics.expose)
        again = milliseconds(metrics.expose)
        run_once(metrics, keys, _RUNS)
        written = milliseconds(partial(write, metrics, keys))
        after = milliseconds(metrics.expose)
        clock.now = _DAY
        expired = milliseconds(metrics.expose)
        megabytes = len(metrics.expose()) / 1e6
        alone, beside = held_up(metrics, keys)
        forgotten = milliseconds(partial(forget, metrics, keys))
        print(
            f"{sources} sources, {megabytes:.1f} MB: a scrape {again:.0f} ms, {after:.0f} ms after all have run,",
            end=" ",
        )
        print(f"{expired:.0f} ms when a day has passed for all of them at once")
        print(f"  the longest of many passes: {alone:.0f} ms, and {beside:.0f} ms beside {_SCRAPES} scrapes in a row")
        print(f"  a pass writes for {1000 * written / sources:.0f} µs;", end=" ")
        print(f"if none had, a scrape {unwritten:.0f} ms; forgetting one {1000 * forgotten / sources:.1f} µs")


if __name__ == "__main__":
    main(sys.argv[1:])
