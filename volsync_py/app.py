"""The manager: every part constructed, connected, started and stopped, in one place."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from volsync_py import __version__
from volsync_py.api.view import MoverSettings
from volsync_py.certificates import CertificateFiles, SelfSigned
from volsync_py.controllers.admission import Admission
from volsync_py.controllers.execute import Executor
from volsync_py.controllers.observe import Observer
from volsync_py.controllers.replication import GrantLocks, ReplicationController
from volsync_py.controllers.tally import Tally
from volsync_py.controllers.watches import connect, connect_admission, informers, rights_informers
from volsync_py.core.names import Role
from volsync_py.core.schedule import parse_zone
from volsync_py.http_server import HttpServer, health_routes, metrics_routes
from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Request
from volsync_py.kube.election import LeaderElector
from volsync_py.kube.errors import KubeError
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.resources import (
    JOBS,
    NAMESPACES,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
    Resource,
)
from volsync_py.kube.reviews import Reviewer
from volsync_py.kube.store import Store
from volsync_py.kube.workqueue import RateLimitingQueue
from volsync_py.metrics import CONTENT_TYPE, Metrics
from volsync_py.settings import Settings

LEASE = "b95b3104.backube"
# OpenShift's security context constraints: where they are, a mover's account needs a Role to use one.
_SCC = "security.openshift.io/v1"
# What waits for the API server at start says so after this, and goes on waiting.
_SYNC_NOTE_SECONDS = 15.0
# Below the five seconds in which a manager has to be gone.
_STOP_SECONDS = 2.0
# A refused or unreachable request is tried again at first after this, and at most every five minutes.
_RETRY_SECONDS, _RETRY_LONGEST_SECONDS = 0.2, 300.0

log = structlog.get_logger()


def run_manager(settings: Settings) -> int:
    """Run the manager until a signal ends it; return the exit code."""
    try:
        connection = config.load(settings.kubeconfig, settings.context)
    except config.ConfigError as error:
        log.error("no connection is configured", error=str(error))
        return 1
    metrics = Metrics()
    client = Client(connection, user_agent=f"volsync-py/{__version__}", observer=metrics.observe_request)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    manager = Manager(settings, client, metrics, settings.own_namespace or connection.namespace)
    log.info("manager starts", version=__version__, host=connection.host, mover_image=settings.mover_image)
    try:
        return manager.run(stop)
    finally:
        client.shut_down()
        log.info("manager ends")


class Manager:
    """The running manager."""

    def __init__(self, settings: Settings, client: Client, metrics: Metrics, namespace: str) -> None:
        self._settings, self._client, self._metrics, self._namespace = settings, client, metrics, namespace
        self._identity = f"{socket.gethostname()}_{uuid4().hex[:8]}"
        self._informers = informers(client, settings.namespace or None, self._watch_failed)
        self._controllers: list[Controller] = []
        self._leads = False

    def run(self, stop: threading.Event) -> int:
        """Serve, wait for the lease, reconcile, end."""
        with ExitStack() as stack:
            for server in self._servers(stack):
                server.start()
                stack.callback(server.stop)
            return self._run(stop)

    def _run(self, stop: threading.Event) -> int:
        if not self._settings.election.enabled:
            return self._lead(stop)
        elector = self._elector()
        threading.Thread(target=_release_at, args=(stop, elector), daemon=True).start()
        if not elector.acquire():
            return 0
        elector.keep(self._lost)
        try:
            return self._lead(stop)
        finally:
            elector.release()

    def _lead(self, stop: threading.Event) -> int:
        mover = self._mover_settings(stop)
        if mover is None:
            return 0
        if mover.has_scc:
            self._informers |= rights_informers(self._client, self._settings.namespace or None, self._watch_failed)
        self._controllers = self._make_controllers(mover)
        for informer in self._informers.values():
            informer.start()
        if not self._wait_for_sync(stop):
            return 0
        for controller in self._controllers:
            controller.start()
        self._leads = True
        self._metrics.set_leader(True)
        log.info("manager leads", identity=self._identity)
        stop.wait()
        for informer in self._informers.values():
            informer.stop()
        for controller in self._controllers:
            controller.queue.shut_down()
        for controller in self._controllers:
            controller.stop(_STOP_SECONDS)
        return 0

    def _lost(self) -> None:
        # Another one may lead by now; nothing of this process may write any more.
        log.error("the lease is lost, the manager ends at once")
        os._exit(1)

    def _wait_for_sync(self, stop: threading.Event) -> bool:
        noted = time.monotonic() + _SYNC_NOTE_SECONDS
        while not stop.is_set():
            missing = [i.resource.plural for i in self._informers.values() if not i.has_synced]
            if not missing:
                return True
            if time.monotonic() > noted:
                noted = time.monotonic() + _SYNC_NOTE_SECONDS
                log.warning("still reading from the API server", missing=missing)
            stop.wait(0.02)
        return False

    def _mover_settings(self, stop: threading.Event) -> MoverSettings | None:
        """Return what movers need to know; waits for the API server."""
        settings = self._settings
        while not stop.is_set():
            try:
                space = self._client.get(NAMESPACES, "kube-system")
                has_scc = self._client.serves(_SCC)
            except KubeError as error:
                log.warning("the API server cannot be asked", error=str(error))
                stop.wait(5.0)
                continue
            return MoverSettings(
                image=settings.mover_image,
                proxies=_proxies(settings),
                log_max_bytes=settings.mover_log.max_bytes,
                log_tail_lines=settings.mover_log.tail_lines,
                log_debug=settings.mover_log.debug,
                has_scc=has_scc,
                scc_name=settings.scc_name,
                cluster_id=space["metadata"]["uid"],
                contact_seconds=int(settings.pace.contact_seconds),
                retry_lock_seconds=int(settings.pace.retry_lock_seconds),
                stall_seconds=int(settings.pace.stall_seconds),
                retry_first=timedelta(seconds=settings.pace.retry_base_seconds),
                retry_longest=timedelta(seconds=settings.pace.retry_max_seconds),
                max_movers=settings.max_movers,
            )
        return None

    # ---- parts

    def _elector(self) -> LeaderElector:
        election = self._settings.election
        return LeaderElector(
            self._client,
            namespace=self._namespace,
            name=LEASE,
            identity=self._identity,
            lease_seconds=election.lease_seconds,
            renew_deadline_seconds=election.renew_seconds,
            retry_seconds=election.retry_seconds,
            on_error=lambda error: log.warning("the lease cannot be renewed or taken", error=error),
            on_new_leader=lambda holder: log.info("waiting for the lease", holder=holder, lease=LEASE),
        )

    def _servers(self, stack: ExitStack) -> list[HttpServer]:
        servers = []
        if self._settings.health_address != "0":
            servers.append(HttpServer(self._settings.health_address, health_routes(self._not_ready)))
        metrics = self._settings.metrics
        if metrics.address != "0":
            reviewer = Reviewer(self._client) if metrics.require_rbac else None
            routes = metrics_routes(self._metrics.expose, CONTENT_TYPE, reviewer.authorize if reviewer else None)
            certificate = self._certificate(stack) if metrics.secure else None
            servers.append(HttpServer(metrics.address, routes, certificate))
        return servers

    def _certificate(self, stack: ExitStack) -> CertificateFiles:
        metrics = self._settings.metrics
        if metrics.cert_path:
            folder = Path(metrics.cert_path)
            return CertificateFiles(folder / metrics.cert_name, folder / metrics.cert_key)
        return stack.enter_context(SelfSigned())

    def _not_ready(self) -> str:
        if not self._leads and self._settings.election.enabled:
            # A replica that waits for its turn is as ready as it can be.
            return ""
        missing = [i.resource.plural for i in self._informers.values() if not i.has_synced]
        return f"not in sync: {', '.join(missing)}" if missing else ""

    def _make_controllers(self, mover: MoverSettings) -> list[Controller]:
        stores: dict[Resource, Store] = {r: i.store for r, i in self._informers.items()}
        events = EventRecorder(self._client, controller="volsync-controller", instance=self._identity)
        observer = Observer(self._client, stores, mover)
        executor = Executor(self._client, stores, events)
        grants = GrantLocks()
        roles = ((Role.SOURCE, REPLICATION_SOURCES), (Role.DESTINATION, REPLICATION_DESTINATIONS))
        admission = Admission(
            self._settings.max_movers,
            jobs=stores[JOBS],
            staged=(stores[PVCS], stores[VOLUME_SNAPSHOTS]),
            resources=[(role, stores[resource]) for role, resource in roles],
            clock=_now,
        )
        self._metrics.watch_movers(lambda: admission.line().busy, lambda: len(admission.line().waiting))
        made = {}
        for role, resource in roles:
            one = ReplicationController(
                role,
                stores[resource],
                observer,
                executor,
                Tally(self._metrics.objects),
                grants,
                admission,
                clock=_now,
                zone=parse_zone(self._settings.time_zone),
            )
            controller = Controller(
                role.value,
                _logged(one),
                workers=self._settings.workers,
                observer=self._reconciled(role.value),
                queue=RateLimitingQueue(
                    base_seconds=_RETRY_SECONDS,
                    longest_seconds=_RETRY_LONGEST_SECONDS,
                    on_wait=partial(self._metrics.observe_queue_wait, role.value),
                ),
            )
            self._metrics.watch_queue_depth(role.value, controller.queue.__len__)
            connect(self._informers, resource, controller)
            made[resource.kind] = controller
        connect_admission(self._informers, admission, made)
        return list(made.values())

    def _watch_failed(self, resource: Resource, error: Exception) -> None:
        self._metrics.count_watch_restart(resource.plural, type(error).__name__)
        log.warning("watching failed, it is tried again", resource=resource.plural, error=str(error))

    def _reconciled(self, controller: str) -> Callable[[Request, float, Exception | None], None]:
        def observe(request: Request, seconds: float, error: Exception | None) -> None:
            self._metrics.observe_reconcile(controller, "error" if error else "success", seconds)
            if error is not None:
                known = isinstance(error, KubeError)
                log.log(
                    30 if known else 40,
                    "a pass failed, it is tried again",
                    namespace=request.namespace,
                    name=request.name,
                    error=str(error),
                    exc_info=None if known else error,
                )

        return observe


def _now() -> datetime:
    return datetime.now(UTC)


def _release_at(stop: threading.Event, elector: LeaderElector) -> None:
    stop.wait()
    elector.release()


def _logged(controller: ReplicationController) -> Callable[[Request], Any]:
    def reconcile(request: Request) -> Any:
        with _bound(request):
            return controller.reconcile(request)

    return reconcile


@contextmanager
def _bound(request: Request) -> Iterator[None]:
    fields = {"namespace": request.namespace, "name": request.name, "reconcile_id": uuid4().hex[:8]}
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def _proxies(settings: Settings) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        if name in settings.proxies:
            pairs += [(name, settings.proxies[name]), (name.lower(), settings.proxies[name])]
    return tuple(pairs)
