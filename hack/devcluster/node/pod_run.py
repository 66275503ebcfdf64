"""A pod that this node runs: its containers' states, and the status they add up to.

Guarantees: `status_of` is a function of what happened and of the pod's object; phases, reasons, exit codes,
termination messages and conditions follow kubelet's rules. Starts and kills nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import Any

from attrs import define, field

from hack.devcluster.api.conditions import set_condition
from hack.devcluster.api.objects import Object
from hack.devcluster.api.pod_log import log_name
from hack.devcluster.api.times import now, timestamp
from hack.devcluster.common.options import NODE_NAME
from hack.devcluster.node.mounts import Volume

# Kubelet keeps the end of a termination message, and of the log that stands in for it.
_MESSAGE_BYTES, _FALLBACK_BYTES, _FALLBACK_LINES = 4096, 2048, 80


@define
class ContainerRun:
    """One container of a pod, through its restarts."""

    name: str
    init: bool
    state: Object
    last_state: Object = field(factory=dict)
    restarts: int = 0
    # The runtime's id of the process that runs; empty when none does.
    process: str = ""
    start_error: str = ""
    restart_at: float = 0.0
    restart_wait: float = 0.0

    @property
    def waiting(self) -> bool:
        """Return whether it never ran, or has to run again."""
        return "waiting" in self.state

    @property
    def ended(self) -> bool:
        """Return whether its last run is over."""
        return "terminated" in self.state

    @property
    def exit_code(self) -> int:
        """Return the exit code of the last run."""
        code: int = self.state["terminated"]["exitCode"]
        return code


@define
class PodRun:
    """What the node knows of a pod."""

    uid: str
    namespace: str
    name: str
    folder: Path
    logs: Path
    grace_seconds: int
    containers: list[ContainerRun]
    started_at: str = field(factory=now)
    volumes: dict[str, Volume] | None = None
    # Kubelet gave up on the pod as a whole: reason and message.
    failure: tuple[str, str] = ("", "")
    stopping: bool = False
    kill_at: float = 0.0
    killed: bool = False
    # The runtime's reports, appended by its thread, taken by the kubelet's.
    inbox: deque[Object] = field(factory=deque)
    last_warning: str = ""

    @property
    def over(self) -> bool:
        """Return whether no process runs and none will."""
        if any(one.process for one in self.containers):
            return False
        if self.stopping or self.failure[0]:
            return True
        if any(one.init and one.ended and one.exit_code != 0 for one in self.containers):
            return True
        return all(one.ended for one in self.containers)

    def container(self, process: str) -> ContainerRun | None:
        """Find the container whose current process has that id."""
        return next((one for one in self.containers if one.process == process), None)

    def termination_file(self, container: ContainerRun) -> Path:
        """Return the file behind the container's termination message path."""
        return self.folder / f"termination-{container.name}"

    def log_file(self, container: ContainerRun) -> Path:
        """Return the log of the container's current run."""
        return self.logs / log_name(container.name, container.restarts)


def new_run(pod: Object, state: Path) -> PodRun:
    """Start to keep track of a pod."""
    metadata, spec = pod["metadata"], pod["spec"]
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    later = {"waiting": {"reason": "PodInitializing"}}
    first = [ContainerRun(one["name"], True, dict(later)) for one in spec.get("initContainers") or []]
    main_state = later if first else waiting
    return PodRun(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        folder=state / "pods" / metadata["uid"],
        logs=state / "logs" / metadata["namespace"] / metadata["uid"],
        grace_seconds=int(spec.get("terminationGracePeriodSeconds", 30)),
        containers=[
            *first,
            *(ContainerRun(one["name"], False, dict(main_state)) for one in spec["containers"]),
        ],
    )


def terminate(run: PodRun, container: ContainerRun, spec: Object, event: Object) -> None:
    """Note the end of a container's process."""
    running = container.state.get("running") or {}
    ended: Object = {
        "exitCode": event["code"],
        "reason": "Completed" if event["code"] == 0 else "Error",
        "startedAt": running.get("startedAt", timestamp(event["at"])),
        "finishedAt": timestamp(event["at"]),
        "containerID": f"devcluster://{container.process}",
    }
    message = _message(run, container, spec, event["code"])
    if container.start_error:
        ended |= {"reason": "StartError", "exitCode": 128, "startedAt": "1970-01-01T00:00:00Z"}
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
            "create failed: unable to start container process: error during container init: "
            f"{container.start_error}"
        )
    if message:
        ended["message"] = message
    container.state = {"terminated": ended}
    container.process = ""


def _message(run: PodRun, container: ContainerRun, spec: Object, code: int) -> str:
    try:
        data = run.termination_file(container).read_bytes()[-_MESSAGE_BYTES:]
        if not data and code != 0 and spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            data = run.log_file(container).read_bytes()[-_FALLBACK_BYTES:]
            data = b"".join(data.splitlines(keepends=True)[-_FALLBACK_LINES:])
    except OSError:
        return ""
    return data.decode(errors="replace")


def phase_of(run: PodRun) -> str:
    """Add the containers' states up."""
    main = [one for one in run.containers if not one.init]
    if run.over:
        good = not run.failure[0] and all(one.ended and one.exit_code == 0 for one in run.containers)
        return "Succeeded" if good else "Failed"
    if any(one.init and not one.ended for one in run.containers):
        return "Pending"
    return "Running" if any("waiting" not in one.state or one.restarts for one in main) else "Pending"


def status_of(run: PodRun, pod: Object) -> Object:
    """Build the pod's status; conditions of others stay."""
    old = pod.get("status") or {}
    phase = phase_of(run)
    status: Object = {
        **{key: old[key] for key in ("qosClass", "message", "reason", "nominatedNodeName") if key in old},
        "phase": phase,
        "conditions": [dict(one) for one in old.get("conditions") or []],
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "podIP": "127.0.0.1",
        "podIPs": [{"ip": "127.0.0.1"}],
        "startTime": run.started_at,
        "qosClass": old.get("qosClass", "BestEffort"),
    }
    if run.failure[0]:
        status["reason"], status["message"] = run.failure
    for key, init, specs in (
        ("initContainerStatuses", True, pod["spec"].get("initContainers") or []),
        ("containerStatuses", False, pod["spec"]["containers"]),
    ):
        shown = [_container_status(run, one, specs) for one in run.containers if one.init is init]
        if shown:
            status[key] = shown
    _set_conditions(run, status, phase)
    return status


def _container_status(run: PodRun, container: ContainerRun, specs: list[Object]) -> Object:
    spec = next(one for one in specs if one["name"] == container.name)
    running = "running" in container.state
    done = container.init and container.ended and container.exit_code == 0
    shown: Object = {
        "name": container.name,
        "image": spec.get("image", ""),
        "imageID": "" if container.waiting else spec.get("image", ""),
        "ready": done if container.init else running,
        "started": running,
        "restartCount": container.restarts,
        "state": _interrupted() if run.over and container.waiting and run.stopping else container.state,
        "lastState": container.last_state,
    }
    if container.process or container.ended:
        terminated: dict[str, Any] = container.state.get("terminated") or {}
        shown["containerID"] = terminated.get("containerID", f"devcluster://{container.process}")
    return shown


def _interrupted() -> Object:
    reason = {
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was deleted.",
    }
    return {"terminated": {"exitCode": 137, "startedAt": None, "finishedAt": None, **reason}}


def _set_conditions(run: PodRun, status: Object, phase: str) -> None:
    conditions = status["conditions"]
    initialized = all(one.ended and one.exit_code == 0 for one in run.containers if one.init)
    ready = phase == "Running" and all("running" in one.state for one in run.containers if not one.init)
    not_ready = "PodCompleted" if phase in ("Succeeded", "Failed") else "ContainersNotReady"
    set_condition(conditions, "PodScheduled", "True")
    sandbox = run.volumes is not None and phase not in ("Succeeded", "Failed")
    set_condition(conditions, "PodReadyToStartContainers", str(sandbox))
    set_condition(conditions, "Initialized", str(initialized))
    for type_ in ("ContainersReady", "Ready"):
        conditions[:] = [one for one in conditions if one["type"] != type_ or one["status"] == str(ready)]
        set_condition(conditions, type_, str(ready), "" if ready else not_ready)


class Runs:
    """All pods of the node, found by pod or by process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_pod: dict[tuple[str, str], PodRun] = {}
        self._by_process: dict[str, PodRun] = {}

    def get(self, namespace: str, name: str) -> PodRun | None:
        """Find the run of a pod's name."""
        with self._lock:
            return self._by_pod.get((namespace, name))

    def put(self, run: PodRun) -> None:
        """Keep a run."""
        with self._lock:
            self._by_pod[run.namespace, run.name] = run

    def started(self, run: PodRun, process: str) -> None:
        """Remember whose process that is."""
        with self._lock:
            self._by_process[process] = run

    def ended(self, process: str) -> PodRun | None:
        """Forget a process and say whose it was."""
        with self._lock:
            return self._by_process.pop(process, None)

    def of_process(self, process: str) -> PodRun | None:
        """Find the run a process belongs to."""
        with self._lock:
            return self._by_process.get(process)

    def remove(self, run: PodRun) -> None:
        """Forget a run."""
        with self._lock:
            self._by_pod.pop((run.namespace, run.name), None)

    def all(self) -> list[PodRun]:
        """Return every run."""
        with self._lock:
            return list(self._by_pod.values())


__all__ = ["NODE_NAME", "ContainerRun", "PodRun", "Runs", "new_run", "phase_of", "status_of", "terminate"]
