"""A month of a manager: twelve sources in three namespaces on three repositories, two slots, and much that goes wrong.

A history is a random order of what users, clusters and chance do. Then everything is asked to run once more, and a
month passes in which nobody mends anything: whatever can run must have run, and without a storm of Jobs.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter, deque
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from attrs import define, evolve, field

from tests.unit.controllers.stepped_manager import Later
from tests.unit.controllers.timed_cluster import KILLED, Fault, Killed, TimedCluster
from tests.unit.movers.objects import claim, resource, secret
from tests.unit.movers.seen import SETTINGS
from volsync_py.controllers.parts import make_parts
from volsync_py.controllers.replication import ReplicationController
from volsync_py.controllers.resource_metrics import ResourceMetrics
from volsync_py.controllers.watches import connect, connect_limit, informers
from volsync_py.core.names import Role
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Request
from volsync_py.kube.errors import KubeError
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import REPLICATION_SOURCES
from volsync_py.movers.restic.slots import is_live
from volsync_py.telemetry.object_metrics import ObjectMetrics

SLOTS = 2
NAMESPACES = ("a", "b", "c")
SOURCES = [(NAMESPACES[n % 3], f"s{n}") for n in range(12)]
METHODS = ("Direct", "Snapshot", "Clone", "Snapshot")
MONTH = timedelta(days=30)
# What everybody is asked to run at last.
LAST = "last"
# A pass costs some time, or a loop would end no day.
PASS = timedelta(seconds=0.05)
# Looks in which nothing had happened come again at their own pace so often, and then ever more seldom: a month of them
# would only cost time, and seldom looks help nobody.
LOOKS, LONGEST_LOOK_SECONDS = 1, 86400.0
# Of twelve sources that begin, are asked again and are tried again at the pace of failures.
MOST_JOBS_AN_HOUR = 40
# What is not looked at again and again has a few passes for each thing that happens.
MOST_PASSES_A_MINUTE = 400
# With these, more may run than there are slots: what lost its slot may begin after all.
LATE = {Fault.UNSCHEDULABLE, Fault.NO_CLASS, Fault.NO_SNAPSHOT, Fault.ENDLESS, Fault.NODE_LOST}


class Manager:
    """One life of a manager, with one worker."""

    def __init__(self, cluster: TimedCluster) -> None:
        client, self.cluster = cast(Client, cluster), cluster
        self.problems: list[str] = []
        self.informers = informers(client, None, lambda resource, error: self.problems.append(f"{resource}: {error}"))
        stores = {r: i.store for r, i in self.informers.items()}
        self.ready: dict[Request, None] = {}
        self.timers: dict[Request, datetime] = {}
        self._failures, self._idle = Counter[Request](), Counter[Request]()
        self._news: deque[dict[str, Any]] = deque()
        self.later = Later()
        parts = make_parts(
            client,
            stores,
            evolve(SETTINGS, max_movers=SLOTS),
            EventRecorder(client, controller="tests", instance="tests"),
            cast(IdleQueue, self.later),
            call=lambda whom: self.enqueue(Request(whom.namespace, whom.name)),
            clock=self.now,
            zone=ZoneInfo("UTC"),
        )
        self.one = ReplicationController(Role.SOURCE, parts, ResourceMetrics(ObjectMetrics(), self.now))
        connect(self.informers, REPLICATION_SOURCES, cast(Controller, self))
        connect_limit(self.informers, parts.limit)
        self._by_kind = {resource.kind: informer for resource, informer in self.informers.items()}
        cluster.listener = lambda word, obj: self._news.append({"type": word, "object": obj})
        for obj in list(cluster.objects.values()):
            cluster.listener("ADDED", obj)

    def now(self) -> datetime:
        return self.cluster.now

    def enqueue(self, request: Request) -> None:
        self.ready[request] = None

    def hear(self) -> None:
        """Take the news, and what is due."""
        while self._news:
            event = self._news.popleft()
            informer = self._by_kind.get(event["object"]["kind"])
            if informer is not None:
                informer.take(event)
        for request in [r for r, at in self.timers.items() if at <= self.cluster.now]:
            del self.timers[request]
            self.ready[request] = None

    def next_at(self) -> datetime | None:
        return min(self.timers.values(), default=None)

    def make_pass(self) -> None:
        request = next(iter(self.ready))
        del self.ready[request]
        before = self.cluster.version
        self.cluster.now += PASS
        try:
            # Nothing is shared between passes: days may pass in a second.
            again = self.one.reconcile(request, time.monotonic()).requeue_after_seconds
        except KubeError:
            self._failures[request] += 1
            again = min(0.2 * 2 ** min(self._failures[request] - 1, 20), 300.0)
        else:
            self._failures.pop(request, None)
        self._idle[request] = 0 if self.cluster.version != before else self._idle[request] + 1
        if again is not None:
            longer = 2 ** max(self._idle[request] - LOOKS, 0)
            due = self.cluster.now + timedelta(seconds=max(again, min(again * longer, LONGEST_LOOK_SECONDS)))
            self.timers[request] = min(self.timers.get(request, due), due)


@define
class Month:
    """The world, and what has been seen of it."""

    seed: int
    chance: random.Random = field(init=False)
    cluster: TimedCluster = field(init=False)
    manager: Manager | None = None
    passes: int = 0
    kills: int = 0
    done: Counter[str] = field(factory=Counter)
    late: bool = False

    def __attrs_post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.cluster = TimedCluster(self.chance)
        for namespace in NAMESPACES:
            about = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace, "uid": namespace}}
            self.cluster.put(about, "ADDED")
            for number in range(3):
                one = secret(f"repository-{number}", RESTIC_REPOSITORY=f"s3:http://s/{number}")
                self._put(namespace, one)
        for number, (namespace, name) in enumerate(SOURCES):
            self._put(namespace, claim(f"data-{name}"))
            self._source(namespace, name, number)
        self.manager = Manager(self.cluster)

    def _put(self, namespace: str, obj: dict[str, Any]) -> None:
        self.cluster.put({**obj, "metadata": {**obj["metadata"], "namespace": namespace}}, "ADDED")

    def _source(self, namespace: str, name: str, number: int) -> None:
        restic = {"repository": f"repository-{number // 2 % 3}", "copyMethod": METHODS[number % len(METHODS)]}
        spec = {"sourcePVC": f"data-{name}", "trigger": {"manual": "first"}, "restic": restic}
        one = resource("ReplicationSource", spec)
        one["metadata"] |= {"name": name, "uid": f"{namespace}-{name}"}
        self._put(namespace, one)

    # ---- the course of time

    def run(self, until: datetime) -> None:
        """Let time pass."""
        minute, passes = self.cluster.now, 0
        while True:
            self.cluster.happen()
            if self.manager is not None:
                self.manager.hear()
            if self.manager is not None and self.manager.ready:
                self._pass()
                passes += 1
                if self.cluster.now - minute >= timedelta(minutes=1):
                    minute, passes = self.cluster.now, 0
                assert passes <= MOST_PASSES_A_MINUTE, "passes come again and again"
                continue
            if self.manager is not None and self.manager.later.waiting:
                self._tidy()
                continue
            coming = [self.cluster.next_at(), self.manager.next_at() if self.manager is not None else None]
            at = min((t for t in coming if t is not None), default=None)
            if at is None or at > until:
                self.cluster.now = max(self.cluster.now, until)
                return
            self.cluster.now = max(self.cluster.now, at)

    def _pass(self) -> None:
        assert self.manager is not None
        self.passes += 1
        try:
            self.manager.make_pass()
        except Killed:
            self._manager_dies()
        if not self.late:
            assert sum(map(self._counts, self.cluster.of_kind("Job"))) <= SLOTS, "more movers than slots"

    def _counts(self, job: dict[str, Any]) -> bool:
        """Return whether a Job lives; what a source that is deleted leaves behind ends by itself."""
        meta = job["metadata"]
        owner = self.cluster.objects.get(("ReplicationSource", meta["namespace"], meta["ownerReferences"][0]["name"]))
        return is_live(job) and owner is not None and "deletionTimestamp" not in owner["metadata"]

    def _tidy(self) -> None:
        assert self.manager is not None
        try:
            self.manager.later.do()
        except Killed:
            self._manager_dies()

    def _manager_dies(self) -> None:
        assert self.manager is not None
        assert self.manager.problems == []
        self.kills += 1
        self.manager, self.cluster.listener = None, lambda word, obj: None
        self.cluster.after(self.chance.uniform(1, 60), self._manager_comes)

    def _manager_comes(self) -> None:
        if self.manager is None:
            self.manager = Manager(self.cluster)

    # ---- what is done

    def act(self) -> None:
        """Do something to somebody."""
        whom = self.chance.choice(SOURCES)
        what = self.chance.choice(list(ACTIONS))
        self.done[what] += 1
        ACTIONS[what](self, whom)

    def change(self, whom: tuple[str, str], **spec: Any) -> None:
        """Change a spec, as a user does."""
        key = ("ReplicationSource", *whom)
        found = self.cluster.objects.get(key)
        if found is not None:
            self.cluster.change(key, spec=spec, metadata={"generation": found["metadata"]["generation"] + 1})

    def fault(self, whom: tuple[str, str]) -> None:
        """Break something, or mend it."""
        theirs = self.cluster.faults.setdefault(whom, set())
        what = self.chance.choice(list(Fault))
        theirs ^= {what}
        self.late = self.late or what in LATE
        self.done[what.name] += 1
        if what is Fault.CACHE_GOES and what in theirs:
            self.lose("PersistentVolumeClaim", whom, f"volsync-src-{whom[1]}-cache")
        self.cluster.recheck()

    def lose(self, kind: str, whom: tuple[str, str], name: str) -> None:
        """Have an object deleted, as a user does."""
        found = self.cluster.objects.get((kind, whom[0], name))
        if found is not None:
            self.cluster.remove(found)

    def resume_all(self, _whom: tuple[str, str]) -> None:
        """End all pauses."""
        for whom in SOURCES:
            self.change(whom, paused=None)

    def kill_mover(self, whom: tuple[str, str]) -> None:
        """Kill the mover in its pod."""
        for pod in self.cluster.of_kind("Pod"):
            if pod["metadata"]["labels"]["job-name"] == f"volsync-src-{whom[1]}":
                self.cluster.end_pod(pod, KILLED)

    def kill_manager(self, _whom: tuple[str, str]) -> None:
        """Kill the manager in one of its next writes."""
        self.cluster.dies_in = self.chance.randint(1, 6)

    def outage(self, _whom: tuple[str, str]) -> None:
        """Have no request answered for a while."""
        self.cluster.is_down = True
        self.cluster.after(self.chance.uniform(1, 600), self._up)

    def _up(self) -> None:
        self.cluster.is_down = False

    def can_run(self) -> list[tuple[str, str]]:
        """Return the sources that nothing keeps from running."""
        able = []
        for whom in SOURCES:
            found = self.cluster.objects.get(("ReplicationSource", *whom))
            if found is None or found["spec"].get("paused") or found["spec"]["sourcePVC"] == "none":
                continue
            if not self.cluster.faults.get(whom):
                able.append(whom)
        return able

    def starved(self) -> list[tuple[str, str]]:
        """Return the sources that could have run and have not."""
        status = {whom: self.cluster.objects["ReplicationSource", *whom].get("status") or {} for whom in self.can_run()}
        return [whom for whom, said in status.items() if said.get("lastManualSync") != LAST]

    def most_jobs_in_an_hour(self) -> int:
        """Return the largest number of Jobs that were made within an hour."""
        jobs, begin, most = self.cluster.jobs, 0, 0
        for end, at in enumerate(jobs):
            while jobs[begin] < at - timedelta(hours=1):
                begin += 1
            most = max(most, end - begin + 1)
        return most

    def pass_by(self, actions: int) -> None:
        """Let so much happen, and then a month without anybody's help."""
        for _ in range(actions):
            self.run(self.cluster.now + timedelta(seconds=60 * 10 ** self.chance.uniform(-2, 2)))
            self.act()
        for number, whom in enumerate(SOURCES):
            if number % 2:
                self.change(whom, trigger={"manual": LAST})
        self.run(self.cluster.now + timedelta(seconds=self.chance.uniform(0, 600)))
        for whom in SOURCES:
            self.change(whom, trigger={"manual": LAST})
        end = self.cluster.now + MONTH
        for _ in itertools.takewhile(lambda _: self.starved() and self.cluster.now < end, itertools.count()):
            self.run(self.cluster.now + timedelta(hours=2))
        # Whether those that cannot run make a storm is seen on a single day.
        self.run(self.cluster.now + timedelta(days=1))


ACTIONS = {
    "pause": lambda month, whom: month.change(whom, paused=True),
    "resume": lambda month, whom: month.change(whom, paused=None),
    "resume all": Month.resume_all,
    "kill mover": Month.kill_mover,
    "kill manager": Month.kill_manager,
    "no answer": Month.outage,
    "delete source": lambda month, whom: month.lose("ReplicationSource", whom, whom[1]),
    "delete Job": lambda month, whom: month.lose("Job", whom, f"volsync-src-{whom[1]}"),
    "break spec": lambda month, whom: month.change(whom, sourcePVC="none"),
    "mend spec": lambda month, whom: month.change(whom, sourcePVC=f"data-{whom[1]}"),
    "ask again": lambda month, whom: month.change(whom, trigger={"manual": str(month.cluster.now)}),
    "fault": Month.fault,
    "another fault": Month.fault,
}
