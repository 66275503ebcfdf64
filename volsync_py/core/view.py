"""What one pass sees of the cluster: a value, complete before anything is decided.

`Objects` holds what the informer stores know about one custom resource. What no store holds (Secrets,
foreign pods, nodes, logs) is read on demand: a decision that lacks a read is interrupted (`Unread`), and made
anew once it has been read. So the number of requests is decided in pure code, and tests can count it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import Factory, evolve, field, frozen

from volsync_py.core import defaults
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object


class Kind(StrEnum):
    """The kinds a pass looks at."""

    JOB = "Job"
    POD = "Pod"
    CLAIM = "PersistentVolumeClaim"
    SNAPSHOT = "VolumeSnapshot"
    SERVICE_ACCOUNT = "ServiceAccount"
    ROLE = "Role"
    ROLE_BINDING = "RoleBinding"


@frozen
class Objects:
    """The objects of the resource's namespace that belong to it or that it names."""

    items: Mapping[tuple[Kind, str], Object] = field(factory=dict)

    @classmethod
    def of(cls, namespace: str, objects: Iterable[Object]) -> Objects:
        """Index the objects of one namespace by kind and name; what is of another one does not exist."""
        here = (o for o in objects if o["metadata"].get("namespace") == namespace)
        return cls({(Kind(o["kind"]), o["metadata"]["name"]): o for o in here})

    def get(self, kind: Kind, name: str) -> Object | None:
        """Return the object of that name, or None."""
        return self.items.get((kind, name))

    def of_kind(self, kind: Kind) -> list[Object]:
        """Return all objects of a kind, by name."""
        return [o for (k, _), o in sorted(self.items.items()) if k == kind]


class ReadKind(StrEnum):
    """What can be read on demand, and what the answer is."""

    SECRET = "Secret"  # the object, or None
    CONFIG_MAP = "ConfigMap"  # the object, or None
    SERVICE_ACCOUNT = "ServiceAccount"  # the object, or None
    PULL_SECRET = "PullSecret"  # the object, of the manager's own namespace, or None
    PULL_SECRET_COPY = "PullSecretCopy"  # the object, or None
    NODE = "Node"  # the object, or None
    VOLUME = "PersistentVolume"  # the object, or None
    STORAGE_CLASS = "StorageClass"  # the object, or None
    PODS = "Pods"  # a list: every pod of the namespace
    JOBS_OF_REPOSITORY = "JobsOfRepository"  # a list: Jobs of any namespace with that repository label
    FAILED_CREATE_EVENTS = "FailedCreateEvents"  # a list: what the Job controller said about one Job
    FAILED_BINDING_EVENTS = "FailedBindingEvents"  # a list: why the cluster cannot make what one pod brings along
    POD = "Pod"  # the object, or a Job whose mover has that host name, or None
    POD_EVENTS = "PodEvents"  # a list: what the cluster remembers of a pod by that name, there or gone
    POD_LOG = "PodLog"  # text, "" when there is none to be had
    SOURCES_OF_CLAIM = "SourcesOfClaim"  # a list: the sources of the namespace that name the claim
    SLOT = "Slot"  # whether the run has one of the slots for movers, or has been given one by being asked for


@frozen
class Read:
    """One thing to read, in the namespace of the resource where nothing else is said."""

    kind: ReadKind
    name: str = ""


class Unread(Exception):
    """Nothing can be decided before these reads have been made."""

    def __init__(self, reads: tuple[Read, ...]) -> None:
        super().__init__(", ".join(f"{read.kind} {read.name}".rstrip() for read in reads))
        self.reads = reads


@frozen
class MoverSettings:
    """What the manager was told about movers, the same for all of them."""

    image: str
    # (name, value) in the order in which they go into the pod.
    proxies: tuple[tuple[str, str], ...] = ()
    log_max_bytes: int = defaults.LOG_MAX_BYTES
    log_tail_lines: int = defaults.LOG_TAIL_LINES
    log_debug: bool = False
    # OpenShift's security context constraints exist: movers then need a Role that lets them use one.
    has_scc: bool = False
    scc_name: str = defaults.SCC_NAME
    # Names of Secrets with which the mover's image is pulled, and their namespace: the manager's own.
    pull_secrets: tuple[str, ...] = ()
    pull_secrets_namespace: str = ""
    # UID of the kube-system namespace: tells two clusters apart.
    cluster_id: str = ""
    contact_seconds: int = defaults.CONTACT_SECONDS
    retry_lock_seconds: int = defaults.RETRY_LOCK_SECONDS
    stall_seconds: int = defaults.STALL_SECONDS
    # From a failed attempt to the next one, doubling from the first to the longest.
    retry_first: timedelta = defaults.RETRY_FIRST
    retry_longest: timedelta = defaults.RETRY_LONGEST
    # For how long the ended Job of a run that somebody has asked for can be seen.
    ended_job_shown: timedelta = defaults.ENDED_JOB_SHOWN
    # 0: no limit.
    max_movers: int = 0


@frozen
class View:
    """Everything a decision may look at."""

    now: datetime
    # What times of the API server's are compared with: when something was made, or has changed.
    server_now: datetime = field(default=Factory(lambda self: self.now, takes_self=True), kw_only=True)
    settings: MoverSettings
    objects: Objects = field(factory=Objects)
    namespace_labels: Mapping[str, str] = field(factory=dict)
    namespace_annotations: Mapping[str, str] = field(factory=dict)
    reads: Mapping[Read, Any] = field(factory=dict)

    def read(self, kind: ReadKind, name: str = "") -> Any:
        """Return the answer of a read; Unread if it has not been made."""
        self.require(Read(kind, name))
        return self.reads[Read(kind, name)]

    def require(self, *reads: Read) -> None:
        """Interrupt the decision for those of the reads that have not been made: they are then made together."""
        missing = tuple(dict.fromkeys(read for read in reads if read not in self.reads))
        if missing:
            raise Unread(missing)

    def with_reads(self, answers: Mapping[Read, Any]) -> View:
        """Return this view with more answers."""
        return evolve(self, reads={**self.reads, **answers})

    @property
    def privileged(self) -> bool:
        """Whether the namespace's admin allows movers with more rights."""
        value = self.namespace_annotations.get(Annotation.PRIVILEGED_MOVERS, "")
        return value.lower() == "true"
