"""The manager's parts, made from its settings and connected with each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import structlog

from volsync_py.controllers.mover_limit import Key
from volsync_py.controllers.parts import KINDS, Parts, make_parts
from volsync_py.controllers.populator import PopulatorController, RegistrationController
from volsync_py.controllers.populator_watches import connect_populator, connect_registration
from volsync_py.controllers.reminders import Reminders
from volsync_py.controllers.replication import ReplicationController
from volsync_py.controllers.resource_metrics import ResourceMetrics
from volsync_py.controllers.watches import Informers, connect, connect_limit
from volsync_py.core.actions import Ref
from volsync_py.core.names import Role
from volsync_py.core.view import MoverSettings
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Reconcile, Request, Result
from volsync_py.kube.election import LeaderElector
from volsync_py.kube.errors import KubeError
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import NAMESPACES
from volsync_py.kube.workqueue import RateLimitingQueue
from volsync_py.manager.settings import Settings
from volsync_py.telemetry.metrics import Metrics

# VolSync's, so that both exclude each other in one namespace.
LEASE = "b95b3104.backube"
# OpenShift's security context constraints: where they are, a mover's account needs a Role to use one.
_SCC = "security.openshift.io/v1"
# A refused or unreachable request is tried again at first after this, and at most every five minutes.
_RETRY_SECONDS, _RETRY_LONGEST_SECONDS = 0.2, 300.0
# VolSync's name for its controller of claims.
_POPULATOR, _REGISTRATION = "volsync-volume-populator", "registration"
# How many there are with all their workers: one of each kind of custom resource, and one of claims.
CONTROLLERS = len(KINDS) + 1

log = structlog.get_logger()


def make_elector(settings: Settings, client: Client, namespace: str, identity: str) -> LeaderElector:
    """Return who takes and keeps the Lease."""
    election = settings.election
    return LeaderElector(
        client,
        namespace=settings.own_namespace or namespace,
        name=LEASE,
        identity=identity,
        lease_seconds=election.lease_seconds,
        renew_deadline_seconds=election.renew_seconds,
        retry_seconds=election.retry_seconds,
        on_error=lambda error: log.warning("the lease cannot be renewed or taken", error=error),
        on_new_leader=lambda holder: log.info("waiting for the lease", holder=holder, lease=LEASE),
    )


def ask_mover_settings(settings: Settings, client: Client, namespace: str) -> MoverSettings:
    """Return what movers need to know, a part of which the API server tells; KubeError if it does not.

    `namespace` is the manager's own, unless the settings say another.
    """
    space = client.get(NAMESPACES, "kube-system")
    pace = settings.pace
    return MoverSettings(
        image=settings.mover_image,
        proxies=_proxies(settings),
        log_max_bytes=settings.mover_log.max_bytes,
        log_tail_lines=settings.mover_log.tail_lines,
        log_debug=settings.mover_log.debug,
        has_scc=client.serves(_SCC),
        scc_name=settings.scc_name,
        pull_secrets=settings.mover_image_pull_secrets,
        pull_secrets_namespace=settings.own_namespace or namespace,
        cluster_id=space["metadata"]["uid"],
        contact_seconds=int(pace.contact_seconds),
        retry_lock_seconds=int(pace.retry_lock_seconds),
        stall_seconds=int(pace.stall_seconds),
        retry_first=timedelta(seconds=pace.retry_base_seconds),
        retry_longest=timedelta(seconds=pace.retry_max_seconds),
        ended_job_shown=timedelta(seconds=pace.ended_job_seconds),
        max_movers=settings.max_movers,
    )


def make_workers(
    settings: Settings, metrics: Metrics, client: Client, informers: Informers, mover: MoverSettings, identity: str
) -> list[Controller | IdleQueue]:
    """Return the controllers, connected with the informers, and what they put off; none is started."""
    events = EventRecorder(
        client,
        controller="volsync-controller",
        instance=identity,
        on_drop=partial(metrics.count_dropped_event, "limit"),
    )
    made: dict[str, Controller] = {}
    deferred = IdleQueue(
        lambda: not all(controller.queue.is_idle() for controller in made.values()),
        on_error=lambda error: log.exception("what was put off failed: this is a defect"),
        on_drop=partial(metrics.count_dropped_event, "queue"),
    )

    def call(ref: Ref | Key) -> None:
        made[ref.kind].enqueue(Request(ref.namespace, ref.name))

    parts = make_parts(
        client,
        {resource: informer.store for resource, informer in informers.items()},
        mover,
        events,
        deferred,
        call=call,
        clock=_now,
        zone=settings.time_zone.zone,
        server_offset=client.server_offset,
    )
    metrics.watch_movers(lambda: parts.limit.held, lambda: parts.limit.waiting, parts.limit.limit)
    for role, resource in KINDS.items():
        made[resource.kind] = _replication(settings, metrics, parts, role)
        connect(informers, resource, made[resource.kind])
    connect_limit(informers, parts.limit)
    made[_POPULATOR] = _populator(settings, metrics, parts, client)
    connect_populator(informers, made[_POPULATOR])
    made[_REGISTRATION] = _controller(metrics, _REGISTRATION, RegistrationController(parts).reconcile, workers=1)
    connect_registration(informers, made[_REGISTRATION])
    return [*made.values(), deferred]


def _replication(settings: Settings, metrics: Metrics, parts: Parts, role: Role) -> Controller:
    one = ReplicationController(role, parts, ResourceMetrics(metrics.objects, _now))
    return _controller(metrics, role.value, one.reconcile, workers=settings.workers)


def _populator(settings: Settings, metrics: Metrics, parts: Parts, client: Client) -> Controller:
    one = PopulatorController(parts, lambda: _now() + client.server_offset(), Reminders())
    return _controller(metrics, _POPULATOR, one.reconcile, workers=settings.workers)


def _controller(metrics: Metrics, name: str, reconcile: Reconcile, *, workers: int) -> Controller:
    controller = Controller(
        name,
        logged(name, reconcile),
        workers=workers,
        observer=partial(_count, metrics, name),
        queue=RateLimitingQueue(
            base_seconds=_RETRY_SECONDS,
            longest_seconds=_RETRY_LONGEST_SECONDS,
            on_wait=partial(metrics.observe_queue_wait, name),
        ),
    )
    metrics.watch_queue_depth(name, controller.queue.__len__)
    return controller


def _count(metrics: Metrics, controller: str, _request: Request, seconds: float, error: Exception | None) -> None:
    metrics.observe_reconcile(controller, "error" if error else "success", seconds)


def logged(controller: str, reconcile: Reconcile) -> Reconcile:
    """Bind to each line of a pass what it is about, the one of its failure included."""

    def one_pass(request: Request, enqueued_at: float) -> Result:
        fields = {"namespace": request.namespace, "name": request.name, "reconcile_id": uuid4().hex[:8]}
        with structlog.contextvars.bound_contextvars(controller=controller, **fields):
            try:
                return reconcile(request, enqueued_at)
            except KubeError as error:
                log.warning("a pass failed, it is tried again", error=str(error))
                raise
            except Exception:
                log.exception("a pass failed, it is tried again")
                raise

    return one_pass


def _now() -> datetime:
    return datetime.now(UTC)


def _proxies(settings: Settings) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        if name in settings.proxies:
            pairs += [(name, settings.proxies[name]), (name.lower(), settings.proxies[name])]
    return tuple(pairs)
