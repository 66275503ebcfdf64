"""All controllers of the development cluster: started, fed with changes, made to fail, stopped.

Guarantees: `start` returns with the node registered and the storage classes there, or raises `Unusable`
with one sentence; `stop` leaves no process and no mount. Each fault is a method `_fault_…`, which gives it
its name. Owns no behaviour of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import Registry, Resource
from hack.devcluster.common.context import Context, key_of
from hack.devcluster.common.options import NODE_NAME, Options
from hack.devcluster.control.ephemeral import EphemeralVolumes
from hack.devcluster.control.jobs import Jobs
from hack.devcluster.control.node_lifecycle import NodeLife
from hack.devcluster.control.scheduler import Scheduler
from hack.devcluster.control.snapshots import Snapshots
from hack.devcluster.control.storage import Storage
from hack.devcluster.node.executions import Program
from hack.devcluster.node.kubelet import Kubelet
from hack.devcluster.node.pod_run import PodRun
from hack.devcluster.node.runtime_client import Unusable
from hack.devcluster.node.sandbox import OWN_DIRECTORIES
from hack.devcluster.node.tasks import remove_partial

_SUBDIRECTORIES = ("volumes", "snapshots", "pods", "logs", "rootfs")
_SENTENCE = "Pods cannot run here: this machine grants neither root nor unprivileged user namespaces ({})."


class Controllers:
    """What `start` returns."""

    def __init__(self, context: Context, on_lost: Callable[[], None]) -> None:
        self._context = context
        self._kubelet = Kubelet(context, needed_paths(context.options), on_lost)
        self._scheduler = Scheduler(context)
        self._node_life = NodeLife(context)
        self._jobs = Jobs(context)
        self._storage = Storage(context, self._kubelet.runtime)
        self._snapshots = Snapshots(context, self._kubelet.runtime)
        self._parts = (
            self._storage,
            self._snapshots,
            EphemeralVolumes(context),
            self._scheduler,
            self._jobs,
            self._node_life,
            self._kubelet,
        )
        # Only what these parts look at; anything else would wake them for nothing.
        self._by_name = {(one.group, one.plural): one.plural for one in context.resources.values()}
        self._hosts = _Hosts(context)

    def begin(self) -> None:
        """Set the first objects up and go to work."""
        self._kubelet.runtime.call("check", root=str(self._context.state / "rootfs"))
        self._hosts.write()
        self._context.registry.subscribe(self._on_change)
        self._node_life.user_namespace = self._kubelet.runtime.user_namespace
        self._node_life.register()
        self._storage.install()
        self._snapshots.install()
        for part in self._parts:
            part.work.start()
        for plural in ("persistentvolumes", "persistentvolumeclaims", "volumesnapshots", "jobs", "pods"):
            for obj in self._context.list(plural):
                self._tell(plural, obj)

    def stop(self) -> None:
        """End every process; nothing is written afterwards."""
        for part in self._parts:
            part.work.stop()
        self._kubelet.stop()

    def fault(self, name: str, **args: Any) -> Any:
        """Inject the fault `name`; ValueError if there is none of that name or its object is not there."""
        method = getattr(self, f"_fault_{name.replace('-', '_')}", None)
        if method is None:
            known = ", ".join(sorted(one[7:] for one in dir(self) if one.startswith("_fault_")))
            raise ValueError(f"no fault is called {name}; there are: {known}")
        return method(**args)

    def execute(self, namespace: str, pod: str, container: str, words: list[str]) -> Program:
        """Start a program in a container that runs; ValueError if it does not any more."""
        return self._kubelet.execute(self._run_of(namespace, pod), container, words)

    def _on_change(self, event: str, resource: Resource, obj: Object) -> None:
        plural = self._by_name.get((resource.group, resource.plural))
        if plural == "services":
            self._hosts.write()
        elif plural is not None and plural != "events":
            self._tell(plural, obj)

    def _tell(self, plural: str, obj: Object) -> None:
        for part in self._parts:
            part.on_change(plural, obj)

    def _run_of(self, namespace: str, pod: str) -> PodRun:
        run = self._kubelet.runs.get(namespace, pod)
        if run is None:
            raise ValueError(f"pod {namespace}/{pod} does not run")
        return run

    def _fault_kill_pod(self, namespace: str, pod: str, number: int = signal.SIGKILL) -> None:
        self._kubelet.kill(self._run_of(namespace, pod), number)

    def _fault_freeze_pod(self, namespace: str, pod: str) -> None:
        self._kubelet.kill(self._run_of(namespace, pod), signal.SIGSTOP)

    def _fault_thaw_pod(self, namespace: str, pod: str) -> None:
        self._kubelet.kill(self._run_of(namespace, pod), signal.SIGCONT)

    def _fault_lose_node(self) -> None:
        self._kubelet.lose()
        self._node_life.fell_silent()

    def _fault_return_node(self) -> None:
        self._node_life.register()
        self._kubelet.come_back()

    def _fault_delete_node(self) -> None:
        self._node_life.delete()

    def _fault_fill_volume(self, namespace: str, claim: str) -> None:
        self._storage.fill(namespace, claim, full=True)

    def _fault_drain_volume(self, namespace: str, claim: str) -> None:
        self._storage.fill(namespace, claim, full=False)

    def _fault_refuse_provisioning(self, message: str = "out of capacity") -> None:
        self._storage.knobs.refuse_provisioning = message
        self._storage.wake()

    def _fault_snapshots(self, delay_seconds: float = 0.0, never_ready: bool = False, error: str = "") -> None:
        knobs = self._snapshots.knobs
        knobs.delay_seconds, knobs.never_ready, knobs.error = delay_seconds, never_ready, error
        self._snapshots.wake()


class _Hosts:
    """The file behind every container's /etc/hosts; rewritten in place, so running containers see it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._path = context.state / "hosts"

    def write(self) -> None:
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
        for service in self._context.list("services"):
            namespace, name = key_of(service)
            full = f"{name}.{namespace}.svc.cluster.local {name}.{namespace}.svc {name}.{namespace}"
            lines.append(f"{service['spec'].get('externalName') or '127.0.0.1'} {full}")
        self._path.write_text("\n".join([*lines, f"127.0.0.1 {NODE_NAME}", ""]))


def needed_paths(options: Options) -> tuple[str, ...]:
    """List what a container needs of the host besides its system: Python, this checkout, PATH."""
    stdlib = sysconfig.get_paths()["stdlib"]
    wanted = [sys.prefix, sys.base_prefix, stdlib, str(Path(__file__).resolve().parents[2]), *sys.path]
    wanted += [*options.bins, *options.needed, *os.environ.get("PATH", "").split(os.pathsep)]
    found: list[str] = []
    for path in sorted({str(Path(one).absolute()) for one in wanted if one}):
        outer = any(path.startswith(other + "/") for other in found)
        if path.strip("/") not in ("", *OWN_DIRECTORIES) and os.path.isdir(path) and not outer:
            found.append(path)
    return tuple(found)


def start(
    registry: Registry, state_dir: Path, options: Options | None = None, on_lost: Callable[[], None] = lambda: None
) -> Controllers:
    """Start all controllers over a registry; `on_lost` hears, once, that pods can no longer run."""
    state = state_dir.resolve()
    for name in _SUBDIRECTORIES:
        # Volumes hold what others have no business with; pods get them by mounts.
        (state / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (state / name).chmod(0o700)
    remove_partial(state)
    try:
        controllers = Controllers(Context(registry, state, options or Options()), on_lost)
        controllers.begin()
    except (Unusable, OSError) as error:
        raise Unusable(_SENTENCE.format(error)) from error
    return controllers


__all__ = ["Controllers", "Options", "Unusable", "start"]
