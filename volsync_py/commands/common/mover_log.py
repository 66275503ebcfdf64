"""The log of the newest mover of a resource, where its user may read it."""

from __future__ import annotations

from volsync_py.commands.common.cluster import Cluster
from volsync_py.core.names import Role, job_name
from volsync_py.core.objects import Object
from volsync_py.health.words import plain
from volsync_py.kube.errors import Forbidden, Invalid, NotFound
from volsync_py.kube.resources import PODS

CONTAINER = "restic"


def newest_pod(cluster: Cluster, role: Role, name: str) -> Object | None:
    """Return the newest pod of the resource's Job, or None."""
    label = f"job-name={job_name(role, name)}"
    pods: list[Object] = cluster.client.list_all(PODS, cluster.namespace, label_selector=label)
    return max(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)


def last_line(cluster: Cluster, role: Role, name: str) -> str | None:
    """Return the last line of the newest log, "" if there is none yet, None if one may not read it."""
    try:
        pod = newest_pod(cluster, role, name)
        if pod is None:
            return ""
        text = cluster.client.pod_log(
            PODS, cluster.namespace, pod["metadata"]["name"], container=CONTAINER, tail_lines=1
        )
    except Forbidden:
        return None
    except (NotFound, Invalid):
        # It has gone meanwhile, or its container has not begun.
        return ""
    return plain(text).strip()
