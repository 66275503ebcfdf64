"""One manager at a time: a Lease that is renewed, given up, or waited for (client-go's rules).

The deadline runs on a clock that nobody sets and that goes on while the machine sleeps; no request takes
longer than half of it, so that one which hangs loses nothing, and a holder whose connection hangs gives
up before another one may take over.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from volsync_py.kube.client import Client
from volsync_py.kube.errors import Conflict, KubeError, NotFound
from volsync_py.kube.resources import LEASES, Object

# client-go's numbers: a dead leader is replaced within 15 seconds; one that cannot renew has 5 of them to end in.
_LEASE_SECONDS, _RENEW_DEADLINE_SECONDS, _RETRY_SECONDS = 15.0, 10.0, 2.0
# A thread's wait does not count the time in which the machine slept, so the clock is checked in between.
_LOOK_SECONDS = 1.0
# A process that ends has five seconds for everything. A healthy server answers within this; otherwise the lease
# expires.
_RELEASE_REQUEST_SECONDS = 1.0
# A request that is under way when the end comes mostly needs milliseconds.
_LAST_REQUEST_SECONDS = 0.5


def boot_seconds() -> float:
    """Return seconds of a clock that only goes forward, also while the machine sleeps where that can be had."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class LeaderElector:
    """Takes a Lease and keeps it."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        lease_seconds: float = _LEASE_SECONDS,
        renew_deadline_seconds: float = _RENEW_DEADLINE_SECONDS,
        retry_seconds: float = _RETRY_SECONDS,
        last_request_seconds: float = _LAST_REQUEST_SECONDS,
        on_new_leader: Callable[[str], None] = lambda identity: None,
        on_error: Callable[[str], None] = lambda error: None,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        if not lease_seconds > renew_deadline_seconds > retry_seconds > 0:
            raise ValueError(
                "a lease must be longer than its renew deadline, and that longer than the pause of a retry"
            )
        self._client, self._namespace, self._name, self._identity = client, namespace, name, identity
        # Leases count whole seconds; a longer one never lets another begin too soon.
        self._lease = math.ceil(lease_seconds)
        self._deadline, self._retry = renew_deadline_seconds, retry_seconds
        self._last_request = last_request_seconds
        # After the first pause, a request that hangs and one that works both fit into the deadline.
        self._request = (renew_deadline_seconds - retry_seconds) / 2
        self._on_new_leader, self._on_error, self._clock = on_new_leader, on_error, clock
        self._last_error = ""
        self._stop = threading.Event()
        # Set when waiting for the lease has ended: it is ours, or we were stopped.
        self._settled = threading.Event()
        # Sends all requests but those of the release.
        self._thread: threading.Thread | None = None
        # Holder and renewal time of the lease as last seen, and when we saw them: we never compare our clock with the
        # holder's.
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = clock()
        # Whether a request that takes the lease was sent, whatever became of it.
        self._asked_for_it = False
        self.renewed_at = 0.0

    def acquire(self) -> bool:
        """Wait until the lease is ours; False if stopped before, at once, even when a request hangs."""
        self._start(self._acquire)
        self._settled.wait()
        return not self._stop.is_set()

    def keep(self, on_lost: Callable[[], None]) -> None:
        """Renew in a thread; `on_lost` is called when that has not worked for the deadline."""
        self._start(lambda: self._keep(on_lost))
        threading.Thread(target=self._watchdog, args=(on_lost,), name="election-deadline", daemon=True).start()

    def stop(self) -> None:
        """Neither wait for the lease nor renew it any more; nothing is sent."""
        self._stop.set()
        self._settled.set()

    def release(self) -> None:
        """Stop, and let the next one take over at once."""
        self.stop()
        if self._thread is not None:
            self._thread.join(self._last_request)
        if not self._asked_for_it:
            return
        # A last renewal may come in between; none follows it.
        for _ in range(2):
            try:
                self._give_back()
            except Conflict:
                continue
            except KubeError:
                # The lease expires by itself.
                pass
            return

    def try_once(self) -> bool:
        """Take or renew the lease if that is allowed; return whether it is ours."""
        started = self._clock()
        try:
            mine = self._try()
        except (KubeError, KeyError, TypeError, ValueError) as error:
            # KeyError, TypeError and ValueError: the answer is not a Lease.
            if str(error) != self._last_error:
                self._last_error = str(error)
                self._on_error(self._last_error)
            return False
        self._last_error = ""
        if mine:
            # Counted from before the request: the server may have taken it at any time since.
            self.renewed_at = started
        return mine

    # ---- threads

    def _start(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name="election", daemon=True)
        self._thread.start()

    def _acquire(self) -> None:
        while not self._stop.is_set():
            started = self._clock()
            if self.try_once():
                self._settled.set()
                return
            self._pause(started)

    def _keep(self, on_lost: Callable[[], None]) -> None:
        self._pause(self._clock())
        while not self._stop.is_set():
            started = self._clock()
            mine = self.try_once()
            if not mine and self._seen[0] not in ("", self._identity) and not self._stop.is_set():
                on_lost()
                return
            self._pause(started)

    def _pause(self, started: float) -> None:
        # The pause is between starts: after a request that hung, the next one follows at once.
        self._stop.wait(started + self._retry - self._clock())

    def _watchdog(self, on_lost: Callable[[], None]) -> None:
        # A thread of its own, because the renewing one may hang in a request.
        while (left := self.renewed_at + self._deadline - self._clock()) > 0:
            if self._stop.wait(min(left, _LOOK_SECONDS)):
                return
        if not self._stop.is_set():
            on_lost()

    # ---- requests

    def _try(self) -> bool:
        try:
            lease = self._client.get(LEASES, self._name, self._namespace, timeout_seconds=self._request)
        except NotFound:
            return self._create()
        spec = lease.get("spec") or {}
        holder, renewed = str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or "")
        if (holder, renewed) != self._seen:
            if holder != self._seen[0] and holder not in ("", self._identity):
                self._on_new_leader(holder)
            self._seen, self._seen_at = (holder, renewed), self._clock()
        duration = float(spec.get("leaseDurationSeconds") or self._lease)
        if holder not in ("", self._identity) and self._clock() < self._seen_at + duration:
            return False
        if self._stop.is_set():
            # stop() was called while the request was under way; a released lease must not be taken again.
            return False
        self._asked_for_it = True
        changes = {
            "metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]},
            "spec": self._spec(spec, taken=holder != self._identity),
        }
        written = self._client.patch(LEASES, self._name, changes, self._namespace, timeout_seconds=self._request)
        self._seen = (self._identity, str(written["spec"].get("renewTime") or ""))
        return True

    def _create(self) -> bool:
        if self._stop.is_set():
            return False
        self._asked_for_it = True
        meta = {"name": self._name, "namespace": self._namespace}
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": meta}
        self._client.create(LEASES, {**body, "spec": self._spec({}, taken=True)}, timeout_seconds=self._request)
        return True

    def _give_back(self) -> None:
        timeout = _RELEASE_REQUEST_SECONDS
        lease = self._client.get(LEASES, self._name, self._namespace, timeout_seconds=timeout)
        if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
            version = lease["metadata"]["resourceVersion"]
            changes = {"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": ""}}
            self._client.patch(LEASES, self._name, changes, self._namespace, timeout_seconds=timeout)

    def _spec(self, before: Object, *, taken: bool) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec: Object = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._lease,
            "renewTime": now,
        }
        if taken:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(before.get("leaseTransitions") or 0) + (1 if before else 0)
        return spec
