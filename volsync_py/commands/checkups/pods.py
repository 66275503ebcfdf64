"""Checks of movers' pods: what they wait for, what others have put into them, and Pod Security. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.api.spec import Replication
from volsync_py.commands.checkups.facts import Facts, key_of, objects_in
from volsync_py.commands.checkups.finding import Finding, failed, warned
from volsync_py.commands.common.mover_log import CONTAINER
from volsync_py.core.labels import CREATED_BY_US, Annotation, Label
from volsync_py.core.names import job_name
from volsync_py.core.objects import Object, annotations_of, labels_of, mapping, status_of
from volsync_py.health.words import plain
from volsync_py.kube.resources import JOBS, NAMESPACES, PODS
from volsync_py.movers.restic.held_pod import held
from volsync_py.movers.restic.outcome import ClusterError, info
from volsync_py.movers.restic.pods import condition_of, is_over

# What policies and meshes can tell movers by.
_OURS = f"the label {Label.CREATED_BY}: {CREATED_BY_US}"
_ENFORCE = "pod-security.kubernetes.io/enforce"
_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_NO_START = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def waiting(facts: Facts) -> Iterator[Finding]:
    """Find movers that wait for a node, a queue, an image, or somebody else's container."""
    jobs = {key_of(job): job for job in facts.of(JOBS)}
    for one, pods in _movers(facts):
        title = facts.title(one.object)
        job = jobs.get((key_of(one.object)[0], job_name(one.role, one.name)))
        if mapping(job, "spec").get("suspend") is True:
            text = "its Job is suspended, by a queue or by somebody"
            yield warned(text, info(ClusterError.JOB_SUSPENDED).next_step, title)
        for pod in pods:
            found = None if is_over(pod) else _waits(pod)
            if found is not None:
                error, text = found
                yield failed(f"{error}: {plain(text)}", info(error).next_step, title)


def _waits(pod: Object) -> tuple[str, str] | None:
    """Return the class and the words of what a pod waits for, None if it does not wait."""
    found = held(pod)
    if found is not None:
        return found
    scheduled = condition_of(pod, "PodScheduled")
    name = pod["metadata"]["name"]
    if scheduled.get("status") == "False":
        return (
            ClusterError.NOT_SCHEDULED,
            f"no node takes Pod/{name}: {scheduled.get('message') or 'no reason is given'}",
        )
    statuses = objects_in(pod, "status", "initContainerStatuses") + objects_in(pod, "status", "containerStatuses")
    for status in statuses:
        why = mapping(status, "state", "waiting")
        text = f"Pod/{name}, container {status.get('name')}: {why.get('message') or why.get('reason')}"
        if why.get("reason") in _NO_IMAGE:
            return ClusterError.IMAGE_UNAVAILABLE, text
        if why.get("reason") in _NO_START:
            return ClusterError.START_ERROR, text
    return None


def injected(facts: Facts) -> Iterator[Finding]:
    """Find containers in movers' pods that the manager has not put there."""
    for one, pods in _movers(facts):
        for pod in pods:
            strangers = [str(c.get("name")) for c in _containers(pod) if c.get("name") != CONTAINER]
            if not strangers:
                continue
            name = pod["metadata"]["name"]
            text = f"somebody has put {', '.join(strangers)} into Pod/{name}"
            if _outlives_mover(pod):
                text += ", which goes on after the mover has ended, so that its Job never ends"
                step = f"have that policy or mesh leave out pods with {_OURS}, or make it an init container"
                yield failed(text, step, facts.title(one.object))
            else:
                step = f"see that it ends, or leave out pods with {_OURS}: kubectl describe pod {name}"
                yield warned(text, step, facts.title(one.object))


def security(facts: Facts) -> Iterator[Finding]:
    """Find movers that the namespace's Pod Security will not let in, or that the kubelet will refuse."""
    spaces = {space["metadata"]["name"]: space for space in facts.of(NAMESPACES)}
    for one in facts.replications():
        space = spaces.get(key_of(one.object)[0])
        if space is None:
            continue
        context = one.restic.security_context or {}
        privileged = annotations_of(space).get(Annotation.PRIVILEGED_MOVERS) == "true"
        non_root = context.get("runAsNonRoot") is True and context.get("runAsUser") != 0
        title = facts.title(one.object)
        if privileged and context.get("runAsNonRoot") is True:
            text = "moverSecurityContext.runAsNonRoot: privileged movers run as root, the kubelet would refuse it"
            yield failed(text, f"remove it, or the namespace's annotation {Annotation.PRIVILEGED_MOVERS}", title)
        elif labels_of(space).get(_ENFORCE) == "restricted" and (privileged or not non_root):
            text = "the namespace enforces Pod Security restricted, and nothing makes the mover run as non-root"
            step = "set spec.restic.moverSecurityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}"
            if privileged:
                text = "the namespace enforces Pod Security restricted, and its annotation asks for privileged movers"
                step = f"enforce baseline, or remove the annotation {Annotation.PRIVILEGED_MOVERS}; then {step}"
            yield failed(text, step, title)


def _movers(facts: Facts) -> Iterator[tuple[Replication, list[Object]]]:
    """Return each resource with the pods of its Job."""
    pods: dict[tuple[str, str], list[Object]] = {}
    for pod in facts.of(PODS):
        name = labels_of(pod).get("job-name") or labels_of(pod).get("batch.kubernetes.io/job-name") or ""
        pods.setdefault((key_of(pod)[0], str(name)), []).append(pod)
    for one in facts.replications():
        yield one, pods.get((key_of(one.object)[0], job_name(one.role, one.name)), [])


def _containers(pod: Object) -> list[Object]:
    return objects_in(pod, "spec", "initContainers") + objects_in(pod, "spec", "containers")


def _outlives_mover(pod: Object) -> bool:
    states = {str(s.get("name")): mapping(s, "state") for s in status_of(pod).get("containerStatuses") or []}
    ended = {name for name, state in states.items() if "terminated" in state}
    return CONTAINER in ended and len(ended) < len(states)
