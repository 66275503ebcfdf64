"""From a container's spec to what the runtime is told.

Guarantees: everything the sandbox needs is in one JSON-able dict; what the spec asks for and cannot be had
is a ConfigError. Starts nothing.
"""

from __future__ import annotations

from typing import Any

from attrs import asdict

from hack.devcluster.api.objects import Object
from hack.devcluster.common.context import Context
from hack.devcluster.node.mounts import binds
from hack.devcluster.node.pod_run import ContainerRun, PodRun
from hack.devcluster.node.pods import command_line, environment, hostname, identity


def specs_of(pod: Object) -> list[Object]:
    """List the containers in the order of their start."""
    return [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]


def sandbox_spec(
    context: Context, run: PodRun, one: ContainerRun, pod: Object, needed: tuple[str, ...]
) -> dict[str, Any]:
    """Say to the runtime what the container is; raises ConfigError."""
    spec = next(found for found in specs_of(pod) if found["name"] == one.name)
    options, state = context.options, context.state

    def read(plural: str, name: str) -> Object | None:
        return context.get(plural, run.namespace, name)

    variables = environment(pod, spec, options.bins, read)
    who = asdict(identity(pod, spec))
    no_new_privs = who.pop("no_new_privs")
    fixed = {"readOnly": False, "scratch": False, "subPath": ""}
    own = [
        {"source": str(run.termination_file(one)), **fixed}
        | {"target": spec.get("terminationMessagePath") or "/dev/termination-log"},
        {"source": str(state / "hosts"), "target": "/etc/hosts", **fixed, "readOnly": True},
    ]
    return {
        **who,
        "noNewPrivs": no_new_privs,
        "root": str(state / "rootfs"),
        "state": str(state),
        "hostname": hostname(pod),
        "argv": command_line(spec, variables),
        "env": variables,
        "bins": list(options.bins),
        "cwd": spec.get("workingDir") or "/",
        "mounts": [*binds(spec, run.volumes or {}, variables), *own],
        "log": str(run.log_file(one)),
        "needed": list(needed),
        "readOnlyRoot": bool((spec.get("securityContext") or {}).get("readOnlyRootFilesystem")),
    }
