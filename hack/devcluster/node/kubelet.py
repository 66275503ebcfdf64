"""The kubelet: turns pods bound to this node into processes, and what becomes of them into status.

Guarantees: one pod is worked on by one thread at a time; a pod object is finished off only after its last
process is gone; a silent node (`lose`) reports nothing but lets processes run, and reports the truth, with
its true times, when it is back. Volumes and sandboxes are the business of `mounts` and the runtime.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable

from hack.devcluster.api.objects import Object
from hack.devcluster.api.times import seconds_of, timestamp
from hack.devcluster.common.context import Context, is_deleted, key_of
from hack.devcluster.common.options import NODE_NAME
from hack.devcluster.common.work_queue import Key, WorkQueue
from hack.devcluster.node.containers import sandbox_spec, specs_of
from hack.devcluster.node.executions import Executions, Program
from hack.devcluster.node.mounts import VolumeMissing, prepare
from hack.devcluster.node.pod_run import ContainerRun, PodRun, Runs, new_run, status_of, terminate
from hack.devcluster.node.pods import ConfigError
from hack.devcluster.node.runtime_client import RuntimeClient

# Long file work (fsGroup on a big volume) of some pods must not hold up the others.
_WORKERS = 4
_TERMINAL = ("Succeeded", "Failed")
# RFC 2606: no such registry can exist, so tests of missing images use it.
_NO_IMAGE = ".invalid/"


class Kubelet:
    """The node agent."""

    def __init__(self, context: Context, needed: tuple[str, ...], on_lost: Callable[[], None]) -> None:
        self._context = context
        self._needed = needed
        self._ids = itertools.count(1)
        self.runs = Runs()
        self._executions = Executions()
        self.silent = False
        self.runtime = RuntimeClient(self._on_event, on_lost)
        self.work = WorkQueue("kubelet", self._reconcile, workers=_WORKERS)

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of an object: a pod, or something a pod may be waiting for."""
        if plural == "pods":
            self.work.add(*key_of(obj))
        elif plural in ("secrets", "configmaps", "persistentvolumeclaims"):
            for run in self.runs.all():
                if run.namespace == obj["metadata"]["namespace"] and any(one.waiting for one in run.containers):
                    self.work.add(run.namespace, run.name)

    def lose(self) -> None:
        """Fall silent."""
        self.silent = True

    def come_back(self) -> None:
        """Report again."""
        self.silent = False
        for run in self.runs.all():
            self.work.add(run.namespace, run.name)
        for pod in self._context.list("pods"):
            self.work.add(*key_of(pod))

    def execute(self, run: PodRun, container: str, words: list[str]) -> Program:
        """Start a program in a container that runs; ValueError if it does not any more."""
        process = next((one.process for one in run.containers if one.name == container), "")
        if not process:
            raise ValueError(f"container {container} does not run")
        return self._executions.start(self.runtime, process, words)

    def _on_event(self, event: Object) -> None:
        if self._executions.take(event):
            return
        process = event["id"]
        run = self.runs.ended(process) if event["event"] == "exited" else self.runs.of_process(process)
        if run is not None:
            run.inbox.append(event)
            self.work.add(run.namespace, run.name)

    def _reconcile(self, key: Key) -> float | None:
        if self.silent:
            return None
        namespace, name = key
        pod = self._context.get("pods", namespace, name)
        run = self.runs.get(namespace, name)
        if run is not None and (pod is None or pod["metadata"]["uid"] != run.uid):
            return self._abandon(run)
        if pod is None or pod["spec"].get("nodeName") != NODE_NAME:
            return None
        if run is None:
            run = self._begin(pod)
        return self._sync(run, pod) if run else None

    def _begin(self, pod: Object) -> PodRun | None:
        status = pod.get("status") or {}
        if is_deleted(pod) and (status.get("phase") in _TERMINAL or "startTime" not in status):
            self._finish(pod)
            return None
        if status.get("phase") in _TERMINAL:
            return None
        run = new_run(pod, self._context.state)
        for folder in (run.folder, run.logs):
            folder.mkdir(parents=True, exist_ok=True)
        if "startTime" in status:
            run.failure = ("ContainerStatusUnknown", "The node was restarted; the processes are gone.")
        self.runs.put(run)
        return run

    def _abandon(self, run: PodRun) -> float | None:
        """End a pod whose object is gone."""
        self._take_reports(run, {})
        if not run.over or any(one.process for one in run.containers):
            if not run.stopping:
                self._stop(run, run.grace_seconds)
            if any(one.process for one in run.containers):
                return self._kill_when_due(run)
        self._clean_up(run)
        self.work.add(run.namespace, run.name)
        return None

    def _sync(self, run: PodRun, pod: Object) -> float | None:
        specs = {one["name"]: one for one in specs_of(pod)}
        self._take_reports(run, specs)
        again = self._restart(run, pod)
        if is_deleted(pod) and not run.stopping:
            grace = pod["metadata"].get("deletionGracePeriodSeconds")
            self._stop(run, run.grace_seconds if grace is None else grace)
        elif not run.stopping and not run.failure[0]:
            again = _sooner(again, self._deadline(run, pod))
            again = _sooner(again, self._advance(run, pod))
        if run.stopping or run.failure[0]:
            again = _sooner(again, self._kill_when_due(run))
        self._publish(run, pod)
        if not run.over:
            return again
        self._clean_up(run)
        if is_deleted(pod):
            self._finish(pod)
        return None

    def _take_reports(self, run: PodRun, specs: dict[str, Object]) -> None:
        while run.inbox:
            event = run.inbox.popleft()
            container = run.container(event["id"])
            if container is None:
                continue
            if event["event"] == "started":
                container.state = {"running": {"startedAt": timestamp(event["at"])}}
            elif event["event"] == "failed":
                container.start_error = event["message"]
            else:
                terminate(run, container, specs.get(container.name, {}), event)

    def _restart(self, run: PodRun, pod: Object) -> float | None:
        """Have ended containers run again where the restart policy says so."""
        policy = pod["spec"].get("restartPolicy", "Always")
        again = None
        for one in run.containers:
            if one.ended and not run.stopping and not run.failure[0]:
                wanted = (policy != "Never" and one.exit_code != 0) or (policy == "Always" and not one.init)
                if wanted:
                    wait = one.restart_wait
                    one.restart_wait = min(max(wait * 2, self._context.options.restart_backoff_seconds), 300.0)
                    one.restart_at, one.restarts = time.monotonic() + wait, one.restarts + 1
                    one.last_state, one.start_error = one.state, ""
                    message = f"back-off {wait:.0f}s restarting failed container={one.name} pod={run.name}"
                    one.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
            if one.waiting and one.restart_at > time.monotonic():
                again = _sooner(again, one.restart_at - time.monotonic())
        return again

    def _deadline(self, run: PodRun, pod: Object) -> float | None:
        limit = pod["spec"].get("activeDeadlineSeconds")
        if limit is None or run.over:
            return None
        left = float(seconds_of(run.started_at) + limit - time.time())
        if left > 0:
            return left
        run.failure = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self._signal(run, signal.SIGTERM, run.grace_seconds)
        return None

    def _advance(self, run: PodRun, pod: Object) -> float | None:
        """Start what can be started now."""
        if run.failure[0] or not any(one.waiting for one in run.containers):
            return None
        retry = self._context.options.volume_retry_seconds
        try:
            if run.volumes is None:
                run.volumes = prepare(self._context, self.runtime, pod, run.folder)
        except (VolumeMissing, OSError) as problem:
            self._warn(run, pod, "FailedMount", str(problem))
            return retry
        again = None
        for one, spec in zip(run.containers, specs_of(pod), strict=True):
            if one.waiting and not one.process and one.restart_at <= time.monotonic():
                again = _sooner(again, self._start(run, one, pod, spec))
            if one.init and not (one.ended and one.exit_code == 0):
                break
        return again

    def _start(self, run: PodRun, one: ContainerRun, pod: Object, spec: Object) -> float | None:
        if _NO_IMAGE in spec.get("image", ""):
            message = f'failed to pull and unpack image "{spec["image"]}": no such host'
            one.state = {"waiting": {"reason": "ErrImagePull", "message": message}}
            self._warn(run, pod, "Failed", f"Failed to pull image: {message}")
            return None
        try:
            sandbox = sandbox_spec(self._context, run, one, pod, self._needed)
        except ConfigError as problem:
            one.state = {"waiting": {"reason": "CreateContainerConfigError", "message": str(problem)}}
            self._warn(run, pod, "Failed", f"Error: {problem}")
            return self._context.options.volume_retry_seconds
        run.termination_file(one).write_bytes(b"")
        run.termination_file(one).chmod(0o666)
        run.last_warning = ""
        one.process = f"{run.uid}/{one.name}/{next(self._ids)}"
        self.runs.started(run, one.process)
        self.runtime.run(one.process, sandbox)
        self._context.record(pod, "Normal", "Started", "Container started", "kubelet")
        return None

    def _warn(self, run: PodRun, pod: Object, reason: str, message: str) -> None:
        if run.last_warning != message:
            run.last_warning = message
            self._context.record(pod, "Warning", reason, message, "kubelet")

    def _stop(self, run: PodRun, grace_seconds: float) -> None:
        run.stopping = True
        self._signal(run, signal.SIGTERM, grace_seconds)

    def _signal(self, run: PodRun, number: int, grace_seconds: float) -> None:
        run.kill_at = time.monotonic() + grace_seconds
        for one in run.containers:
            if one.process:
                self.runtime.signal(one.process, number)

    def _kill_when_due(self, run: PodRun) -> float | None:
        if run.killed or not any(one.process for one in run.containers):
            return None
        left = run.kill_at - time.monotonic()
        if left > 0:
            return left
        run.killed = True
        for one in run.containers:
            if one.process:
                self.runtime.signal(one.process, signal.SIGKILL)
        return None

    def _publish(self, run: PodRun, pod: Object) -> None:
        def change(current: Object) -> None:
            if current["metadata"]["uid"] == run.uid:
                current["status"] = status_of(run, current)

        if status_of(run, pod) != pod.get("status"):
            self._context.registry.modify(
                self._context.resources["pods"], run.namespace, run.name, change, subresource="status"
            )

    def _clean_up(self, run: PodRun) -> None:
        self.runs.remove(run)
        self.runtime.task("remove_volume", lambda error: None, path=str(run.folder))

    def _finish(self, pod: Object) -> None:
        self._context.delete("pods", pod, grace_seconds=0)

    def kill(self, run: PodRun, number: int) -> None:
        """Send a signal to every process of a pod."""
        for one in run.containers:
            if one.process:
                self.runtime.signal(one.process, number, everybody=True)

    def stop(self) -> None:
        """Kill everything."""
        self.work.stop()
        self.runtime.close()


def _sooner(first: float | None, second: float | None) -> float | None:
    known = [one for one in (first, second) if one is not None]
    return min(known) if known else None
