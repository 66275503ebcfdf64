"""What can be chosen about the cluster's controllers; the defaults are Kubernetes' own numbers."""

from __future__ import annotations

import sys
from pathlib import Path

from attrs import field, frozen

NODE_NAME = "devcluster"
PROVISIONER = "devcluster.csi"


@frozen
class Options:
    """The choices; tests shorten the waits."""

    # Where commands are looked for first: the scripts of the Python that runs the cluster.
    bins: tuple[str, ...] = field(factory=lambda: (str(Path(sys.executable).parent),))
    # Host paths that containers need besides PATH and Python itself, a checkout for instance.
    needed: tuple[str, ...] = ()
    job_backoff_seconds: float = 10.0
    # Kubernetes: node monitor grace period.
    node_grace_seconds: float = 50.0
    # Kubernetes: PodGC quarantines a vanished node for 40 s and looks every 20 s.
    pod_gc_seconds: float = 50.0
    # Kubelet retries volumes and configuration that are not there.
    volume_retry_seconds: float = 2.0
    # Kubelet's restart back-off for restartPolicy OnFailure and Always.
    restart_backoff_seconds: float = 10.0
