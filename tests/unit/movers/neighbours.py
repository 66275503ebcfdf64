"""Sources of one repository, each in a simulation of its own that sees the Jobs of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from attrs import define

from tests.unit.movers.objects import source
from tests.unit.movers.seen import NOW
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import Report
from volsync_py.core.times import format_rfc3339


@define
class Neighbours:
    """The sources by name; their clocks go together."""

    by_name: dict[str, Simulation]

    @classmethod
    def named(cls, *names: str, **restic: Any) -> Neighbours:
        """Return sources that are to run now."""
        found = {}
        for name in names:
            objects = source(**restic)
            objects[0]["metadata"] |= {"name": name, "uid": f"uid-of-{name}"}
            found[name] = Simulation(objects)
        return cls(found)

    def __getitem__(self, name: str) -> Simulation:
        """Return one of them."""
        return self.by_name[name]

    def settle(self, *names: str) -> None:
        """Make passes over some of them, or all, until there is nothing to do."""
        for name in names or self.by_name:
            with self._beside(name) as one:
                one.settle()

    def end(self, name: str, report: Report, seconds: float = 5) -> None:
        """Let the Job of a source end after a while, with this report."""
        with self._beside(name) as one:
            one.end_job(report, seconds)

    @contextmanager
    def _beside(self, name: str) -> Iterator[Simulation]:
        """Show a source the Jobs of the others."""
        one = self.by_name[name]
        foreign = [job for other in self.by_name.values() if other is not one for job in jobs_of(other.objects)]
        one.objects = [*one.objects, *foreign]
        yield one
        one.objects = [o for o in one.objects if not any(o is job for job in foreign)]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for one in self.by_name.values():
            one.now += timedelta(seconds=seconds)

    def pend(self, name: str, status: dict[str, Any]) -> dict[str, Any]:
        """Give the Job of a source a pod that does not start."""
        one = self.by_name[name]
        job = one.job()
        assert job is not None
        job["status"] = {"startTime": format_rfc3339(one.now), "active": 1, "ready": 0}
        return one.add_pod(f"pod-of-{name}", **status)

    def start(self, name: str) -> None:
        """Let the mover of a source run."""
        one = self.by_name[name]
        job = one.job()
        assert job is not None
        job["status"] = {"startTime": format_rfc3339(one.now), "active": 1, "ready": 1}
        one.objects = [o for o in one.objects if o["kind"] != "Pod"]
        running = [{"name": "restic", "state": {"running": {"startedAt": format_rfc3339(one.now)}}}]
        one.add_pod(f"pod-of-{name}", "Running", containerStatuses=running)

    @property
    def seconds(self) -> float:
        """Return how much time has passed."""
        return max((one.now - NOW).total_seconds() for one in self.by_name.values())


def jobs_of(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the Jobs among objects."""
    return [o for o in objects if o["kind"] == "Job"]
