"""Completes pods as a kubelet would, without running anything: the same for the operator and for the floor."""

from __future__ import annotations

import heapq
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from volsync_py.contract.report import Outcome, Report, SnapshotFacts, StepReport
from volsync_py.kube.client import Client
from volsync_py.kube.errors import KubeError
from volsync_py.kube.resources import PODS

# How long a mover "runs".
RUN_SECONDS = 0.2
_WORKERS = 8


class Kubelet:
    """Watches the pods of a namespace; each is running at once and has succeeded a little later."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client, self._namespace = client, namespace
        self._pool = ThreadPoolExecutor(_WORKERS)
        self._due: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._ending = False
        for work in (self._watch, self._finish):
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._ending = True
        self._client.shut_down()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _watch(self) -> None:
        seen: set[str] = set()
        while not self._ending:
            try:
                page = self._client.list(PODS, self._namespace)
                for pod in page.get("items") or []:
                    self._take(pod, seen)
                version = page["metadata"]["resourceVersion"]
                with self._client.watch(PODS, self._namespace, resource_version=version, timeout_seconds=300) as lines:
                    for event in lines:
                        if event and event["type"] in ("ADDED", "MODIFIED"):
                            self._take(event["object"], seen)
            except KubeError:
                continue

    def _take(self, pod: dict[str, Any], seen: set[str]) -> None:
        meta = pod["metadata"]
        if meta["uid"] in seen or meta.get("deletionTimestamp"):
            return
        seen.add(meta["uid"])
        self._pool.submit(self._start, meta["name"])

    def _start(self, name: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._patch(name, {"phase": "Running", "startTime": now})
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + RUN_SECONDS, name))
            self._changed.notify()

    def _finish(self) -> None:
        while not self._ending:
            with self._changed:
                if not self._due:
                    self._changed.wait(1.0)
                    continue
                left = self._due[0][0] - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                _, name = heapq.heappop(self._due)
            self._pool.submit(self._end, name)

    def _end(self, name: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ended = {"exitCode": 0, "reason": "Completed", "message": REPORT, "startedAt": now, "finishedAt": now}
        status = {"name": "restic", "state": {"terminated": ended}, "image": "i", "imageID": "", "ready": False}
        self._patch(name, {"phase": "Succeeded", "containerStatuses": [{**status, "restartCount": 0}]})

    def _patch(self, name: str, status: dict[str, Any]) -> None:
        try:
            self._client.patch(PODS, name, {"status": status}, self._namespace, subresource="status")
        except KubeError as error:
            if not self._ending:
                print(f"pod {name}: {error}", flush=True)


REPORT = Report(
    Outcome.SUCCEEDED,
    steps=(StepReport("backup", Outcome.SUCCEEDED, seconds=0.2), StepReport("forget", Outcome.SUCCEEDED, seconds=0.1)),
    snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z", 1, 2, 3, 4, 5),
    log="\n".join(f"a line of the mover's log, number {n}" for n in range(20)),
).to_json()
