"""Logs of pods, as kubelet hands them out.

Guarantees: of the run that is asked for and of no other; a container without a log says why. Lines carry no times,
so what would need them is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hack.devcluster.api.call import Call
from hack.devcluster.api.errors import StatusError, bad_request, not_found
from hack.devcluster.api.objects import Object

_LOOK_SECONDS = 0.2
_NOT_KEPT = ("timestamps", "sinceSeconds", "sinceTime")


def log_name(container: str, run: int) -> str:
    """Return the name of the file that a run of a container logs to."""
    return f"{container}.{run}.log" if run else f"{container}.log"


def serve(call: Call) -> None:
    """Answer with a log."""
    for name in _NOT_KEPT:
        if call.query.get(name, "false") != "false":
            raise bad_request(f"{name}: the development cluster keeps no times of log lines")
    pod = call.registry.get(call.target.resource, call.target.namespace, call.target.name)
    if pod is None:
        raise not_found("pods", call.target.name)
    name = container_of(call, pod)
    status = status_of_container(pod, name)
    previous = call.flag("previous")
    restarts = int(status.get("restartCount") or 0)
    if previous and not restarts:
        raise bad_request(f'previous terminated container "{name}" in pod "{call.target.name}" not found')
    if not previous:
        _check_started(call, pod, name, status)
    waits = "waiting" in (status.get("state") or {})
    run = restarts - 1 if previous or (restarts and waits) else restarts
    path = call.state / "logs" / call.target.namespace / pod["metadata"]["uid"] / log_name(name, run)
    at, most = _start(path, call.number("tailLines")), call.number("limitBytes")
    call.stream.begin("text/plain")
    _send(call, path, at, most, lambda: not previous and call.flag("follow") and _runs(call, pod, name, run))
    call.stream.end()


def container_of(call: Call, pod: Object) -> str:
    """Return the name of the container that is asked for."""
    spec = pod["spec"]
    names = [one["name"] for one in spec["containers"]]
    every = [*names, *(one["name"] for one in spec.get("initContainers") or [])]
    asked = call.query.get("container", "")
    pod_name = call.target.name
    if not asked and len(every) > 1:
        raise bad_request(f"a container name must be specified for pod {pod_name}, choose one of: [{' '.join(every)}]")
    if asked and asked not in every:
        raise bad_request(f"container {asked} is not valid for pod {pod_name}")
    return asked or names[0]


def status_of_container(pod: Object, container: str) -> Object:
    """Return the status of one container, {} if it has none yet."""
    status = pod.get("status") or {}
    found = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return next((one for one in found if one["name"] == container), {})


def _check_started(call: Call, pod: Object, container: str, status: Object) -> None:
    if not pod["spec"].get("nodeName"):
        raise StatusError(400, "BadRequest", f"pod {call.target.name} does not have a host assigned")
    waiting = (status.get("state") or {"waiting": {}}).get("waiting")
    if waiting is None or status.get("restartCount"):
        return
    reason = waiting.get("reason", "ContainerCreating")
    why = "trying and failing to pull image" if reason in ("ErrImagePull", "ImagePullBackOff") else reason
    raise bad_request(f'container "{container}" in pod "{call.target.name}" is waiting to start: {why}')


def _runs(call: Call, pod: Object, container: str, run: int) -> bool:
    """Return whether more may be written by this run of the container."""
    current = call.registry.get(call.target.resource, call.target.namespace, call.target.name)
    if current is None or current["metadata"]["uid"] != pod["metadata"]["uid"]:
        return False
    status = status_of_container(current, container)
    return "terminated" not in (status.get("state") or {}) and int(status.get("restartCount") or 0) == run


def _send(call: Call, path: Path, at: int, left: int | None, more: Callable[[], bool]) -> None:
    """Send the file from a place on, so many bytes of it, and what is added while there is more to come."""
    while not call.ending.is_set():
        # Asked before the read: what was written before the end must not be missed.
        goes_on = more()
        data = _read(path, at)
        at += len(data)
        call.stream.send(data if left is None else data[:left])
        if left is not None:
            left = max(0, left - len(data))
        if not goes_on or left == 0 or call.stream.gone():
            return
        with call.registry.changed:
            call.registry.changed.wait(_LOOK_SECONDS)


def _read(path: Path, at: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read()
    except FileNotFoundError:
        return b""


def _start(path: Path, lines: int | None) -> int:
    """Return where the last lines begin."""
    if lines is None:
        return 0
    data = _read(path, 0)
    kept = data.splitlines(keepends=True)[-lines:] if lines else []
    return len(data) - sum(map(len, kept))
