"""The manager as a process: started, in turn with others, and ended in order and in time.

A thread of its own starts everything and may wait for as long as it takes; the main thread waits for the end and
nothing else, so whatever hangs, the process ends in time. The end has an order: no more work is handed out, workers
finish what they are at, the lease is given back – only if nobody writes any more – and the process ends.
"""

from __future__ import annotations

import gc
import socket
import threading
import time
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import NoReturn
from uuid import uuid4

import structlog

from volsync_py import __version__
from volsync_py.controllers.watches import INFORMERS, Informers, informers, rights_informers
from volsync_py.core.local_zone import LocalZone
from volsync_py.core.names import pull_secret_name
from volsync_py.core.view import MoverSettings
from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller
from volsync_py.kube.election import LeaderElector
from volsync_py.kube.errors import KubeError
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import LEASES, Resource
from volsync_py.kube.reviews import Reviewer
from volsync_py.manager.assembly import CONTROLLERS, ask_mover_settings, make_elector, make_workers
from volsync_py.manager.endpoints import StartError, make_servers
from volsync_py.manager.page_routes import PageRoutes
from volsync_py.manager.settings import Settings
from volsync_py.manager.shutdown import Deadline, done_within, leave
from volsync_py.telemetry.metrics import Metrics

# Connections besides those of workers and watches: our registration, deferred work, renewing the lease, returning it.
_OTHER_CONNECTIONS = 4
# Who reads the metrics is asked about over connections of their own, one for each thread that answers …
_REVIEW_CONNECTIONS = 4
# … and an API server that takes longer than this is no use to a scraper, who waits for ten seconds.
_REVIEW_SECONDS = 4.0
# What waits for the API server at start says so after this, and goes on waiting.
_SYNC_NOTE_SECONDS = 15.0
# Nobody notices so short a wait, and looking costs nothing.
_SYNC_POLL_SECONDS = 0.02
# An API server that is being restarted is back after a few of these.
_ASK_AGAIN_SECONDS = 5.0
# A manager has to be gone after five seconds; a pass that takes longer than this hangs …
_STOP_SECONDS = 2.5
# … and returning the lease is two requests. What is left is for a slow machine.
_RELEASE_SECONDS = 1.0
# What is decoded from JSON has no cycles, so the collector finds next to nothing, a hundred times a second in a burst
# of events. With this many objects it looks a few times a minute, and takes an eighth less of the processor's time.
_YOUNG_OBJECTS = 50_000

log = structlog.get_logger()


class Manager:
    """The running manager; it ends when `stop` is set."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings, self._stop = settings, stop
        self._metrics = Metrics()
        self._identity = f"{socket.gethostname()}_{uuid4().hex[:8]}"
        self._client: Client | None = None
        self._elector: LeaderElector | None = None
        self._informers: Informers = {}
        self._workers: list[Controller | IdleQueue] = []
        self._may_lead = not settings.election.enabled
        self._code = 0

    def run(self) -> NoReturn:
        """Serve, wait for the lease, reconcile, end; with the exit code."""
        gc.set_threshold(_YOUNG_OBJECTS)
        start = threading.Thread(target=self._start, name="start", daemon=True)
        start.start()
        self._stop.wait()
        self._end(start)

    # ---- the end, by the main thread

    def _end(self, start: threading.Thread) -> NoReturn:
        self._hand_out_nothing()
        log.info("manager stops")
        deadline = Deadline(_STOP_SECONDS)
        if self._elector is not None and not self._may_lead:
            self._elector.stop()
        start.join(deadline.seconds_left)
        if start.is_alive() or not self._stop_workers(deadline):
            log.warning("requests hang; a lease that is held is not given back, it runs out")
            log.info("manager ends")
            leave(self._code)
        if self._client is not None:
            self._client.refuse_all_but(LEASES)
        if self._elector is not None and not done_within(_RELEASE_SECONDS, self._elector.release):
            log.warning("the lease could not be given back in time, it runs out")
        if self._client is not None:
            self._client.shut_down()
        log.info("manager ends")
        # An HTTP request may be half answered.
        leave(self._code)

    def _hand_out_nothing(self) -> None:
        for worker in self._workers:
            worker.shut_down()

    def _stop_workers(self, deadline: Deadline) -> bool:
        """Let workers finish what they are at; return whether all have."""
        # Twice, for workers that were still being started the first time.
        self._hand_out_nothing()
        for informer in self._informers.values():
            informer.stop()
        # Wait for each of them, even if another one did not end.
        ended = [worker.stop(deadline.seconds_left) for worker in self._workers]
        return all(ended)

    def _lost(self) -> None:
        # Another replica may lead by now, so this process must not write any more.
        log.error("the lease is lost, the manager ends at once")
        leave(0 if self._stop.is_set() else 1)

    # ---- the start, by a thread of its own

    def _start(self) -> None:
        try:
            self._serve_and_lead()
        except StartError as error:
            log.error("the manager cannot start", error=str(error))
            self._code = 1
            self._stop.set()
        except Exception:
            log.exception("the manager ends: this is a defect")
            self._code = 1
            self._stop.set()

    def _serve_and_lead(self) -> None:
        settings = self._settings
        connection = _connect(settings, CONTROLLERS * settings.workers + INFORMERS + _OTHER_CONNECTIONS)
        client = Client(connection, user_agent=f"volsync-py/{__version__}", observer=self._metrics.observe_request)
        self._client = client
        self._informers = informers(client, settings.namespace or None, self._watch_failed)
        # They answer until the very end: their threads and ports go with the process.
        for server in make_servers(settings, self._metrics, self._reviewer, self._not_ready, self._pages(client)):
            server.start()
        log.info("manager starts", version=__version__, host=connection.host, mover_image=settings.mover_image)
        _say_which_zone(settings.time_zone)
        self._metrics.watch_time_zone(settings.time_zone.name, partial(_utc_offset_seconds, settings.time_zone.zone))
        _say_what_flags_mean(settings)
        if not settings.election.enabled or self._take_turn(client, connection.namespace):
            self._lead(client, connection.namespace)

    def _pages(self, client: Client) -> PageRoutes:
        """Return what draws the page of what is watched."""
        zone, space = self._settings.time_zone.zone, self._settings.namespace
        return PageRoutes(
            {resource: informer.store for resource, informer in self._informers.items()},
            lambda: self._not_ready() if self._may_lead else "this replica waits for the lease, another one works",
            lambda: (datetime.now(UTC) + client.server_offset()).astimezone(zone),
            f"the namespace {space}" if space else "any namespace",
        )

    def _reviewer(self, path: str) -> Reviewer:
        """Return who asks about those who ask for a path, beside the work and not in its way."""
        return Reviewer(
            Client(
                _connect(self._settings, _REVIEW_CONNECTIONS),
                user_agent=f"volsync-py/{__version__}",
                observer=self._metrics.observe_request,
                timeout_seconds=_REVIEW_SECONDS,
            ),
            path=path,
        )

    def _take_turn(self, client: Client, namespace: str) -> bool:
        """Wait for the lease; False if the end comes first."""
        self._elector = elector = make_elector(self._settings, client, namespace, self._identity)
        # The main thread sets `_stop` before it looks at `_elector`: one of both threads sees what the other did.
        if self._stop.is_set() or not elector.acquire():
            return False
        self._may_lead = True
        elector.keep(self._lost)
        return True

    def _lead(self, client: Client, namespace: str) -> None:
        mover = self._ask_mover_settings(client, namespace)
        if mover is None:
            return
        if mover.has_scc:
            more = rights_informers(client, self._settings.namespace or None, self._watch_failed)
            self._informers = {**self._informers, **more}
        workers = make_workers(self._settings, self._metrics, client, self._informers, mover, self._identity)
        for informer in self._informers.values():
            informer.start()
        if not self._wait_for_sync():
            return
        self._workers = workers
        for worker in workers:
            worker.start()
        self._metrics.set_leader(True)
        log.info("manager leads", identity=self._identity)

    def _ask_mover_settings(self, client: Client, namespace: str) -> MoverSettings | None:
        """Wait for the API server's part of the settings; None if the end comes first."""
        while not self._stop.is_set():
            try:
                return ask_mover_settings(self._settings, client, namespace)
            except KubeError as error:
                log.warning("the API server cannot be asked", error=str(error))
                self._stop.wait(_ASK_AGAIN_SECONDS)
        return None

    def _wait_for_sync(self) -> bool:
        """Wait until every store is complete; False if the end comes first."""
        noted = time.monotonic() + _SYNC_NOTE_SECONDS
        while not self._stop.is_set():
            missing = self._missing()
            if not missing:
                return True
            if time.monotonic() > noted:
                noted = time.monotonic() + _SYNC_NOTE_SECONDS
                log.warning("still reading from the API server", missing=missing)
            self._stop.wait(_SYNC_POLL_SECONDS)
        return False

    # ---- what is asked and told

    def _missing(self) -> list[str]:
        return [one.resource.plural for one in self._informers.values() if not one.has_synced]

    def _not_ready(self) -> str:
        # A standby is ready: it only waits for the lease.
        missing = self._missing() if self._may_lead else []
        return f"not in sync: {', '.join(missing)}" if missing else ""

    def _watch_failed(self, resource: Resource, error: Exception) -> None:
        self._metrics.count_watch_restart(resource.plural, type(error).__name__)
        log.warning("watching met an error and goes on", resource=resource.plural, error=str(error))


def _connect(settings: Settings, connections: int) -> config.Connection:
    try:
        return config.load(settings.kubeconfig, settings.context, pool_size=connections)
    except config.ConfigError as error:
        raise StartError(f"no connection is configured: {error}") from error


def _say_which_zone(local: LocalZone) -> None:
    # What a file is called, and what it holds, may differ; the time tells.
    now = datetime.now(local.zone).strftime("%H:%M %Z")
    if local.problem:
        log.warning("schedules that name no zone are in UTC", problem=local.problem, now=now)
    else:
        log.info("schedules that name no zone are in the manager's", time_zone=local.name, now=now)


def _utc_offset_seconds(zone: tzinfo) -> float:
    offset = datetime.now(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def _say_what_flags_mean(settings: Settings) -> None:
    if settings.ignored:
        log.info("these flags of VolSync's have no effect here", flags=settings.ignored)
    if settings.mover_image_pull_secrets:
        # Whoever grants the rights has to know the names of the copies.
        copies = {name: pull_secret_name(name) for name in settings.mover_image_pull_secrets}
        log.info("Secrets are copied for the movers' image", copies=copies)
