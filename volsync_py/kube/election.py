"""One manager at a time: a Lease that is renewed, given up, or waited for (client-go's rules).

The deadline runs on the monotonic clock and every request has a shorter time-out, so a holder whose
connection hangs gives up before another one may take over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from volsync_py.kube.client import Client
from volsync_py.kube.errors import KubeError, NotFound
from volsync_py.kube.resources import LEASES

Object = dict[str, Any]


class LeaderElector:
    """Takes a Lease and keeps it."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        lease_seconds: float = 15.0,
        renew_deadline_seconds: float = 10.0,
        retry_seconds: float = 2.0,
        on_new_leader: Callable[[str], None] = lambda identity: None,
        on_error: Callable[[str], None] = lambda error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._namespace, self._name, self._identity = client, namespace, name, identity
        self._lease, self._deadline, self._retry = lease_seconds, renew_deadline_seconds, retry_seconds
        self._on_new_leader, self._on_error, self._clock = on_new_leader, on_error, clock
        self._last_error = ""
        self._stop = threading.Event()
        # What we last saw of somebody else's lease, and when: his clock is none of ours.
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = clock()
        self.renewed_at = 0.0

    def acquire(self) -> bool:
        """Wait until the lease is ours; False if stopped before."""
        while not self._stop.is_set():
            if self.try_once():
                return True
            self._stop.wait(self._retry)
        return False

    def keep(self, on_lost: Callable[[], None]) -> None:
        """Renew in a thread; `on_lost` is called when that has not worked for the deadline."""
        threading.Thread(target=self._keep, args=(on_lost,), name="election", daemon=True).start()
        threading.Thread(target=self._watchdog, args=(on_lost,), name="election-deadline", daemon=True).start()

    def _keep(self, on_lost: Callable[[], None]) -> None:
        while not self._stop.wait(self._retry):
            if not self.try_once() and self._seen[0] not in ("", self._identity):
                on_lost()
                return

    def _watchdog(self, on_lost: Callable[[], None]) -> None:
        # A thread of its own, because the renewing one may hang in a request.
        while not self._stop.wait(self._retry / 4):
            if self._clock() - self.renewed_at > self._deadline:
                on_lost()
                return

    def release(self) -> None:
        """Stop, and let the next one take over at once."""
        self._stop.set()
        if not self.renewed_at:
            return
        try:
            lease = self._client.get(LEASES, self._name, self._namespace)
            if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                version = lease["metadata"]["resourceVersion"]
                changes = {"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": ""}}
                self._client.patch(LEASES, self._name, changes, self._namespace)
        except KubeError:
            # It runs out by itself.
            return

    def try_once(self) -> bool:
        """Take or renew the lease if that is allowed; tell whether it is ours."""
        started = self._clock()
        try:
            mine = self._try()
        except KubeError as error:
            if str(error) != self._last_error:
                self._last_error = str(error)
                self._on_error(self._last_error)
            return False
        self._last_error = ""
        if mine:
            # Counted from before the request: the server may have taken it at any time since.
            self.renewed_at = started
        return mine

    def _try(self) -> bool:
        try:
            lease = self._client.get(LEASES, self._name, self._namespace)
        except NotFound:
            meta = {"name": self._name, "namespace": self._namespace}
            body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": meta}
            self._client.create(LEASES, {**body, "spec": self._spec({}, taken=True)})
            return True
        spec = lease.get("spec") or {}
        holder, renewed = str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or "")
        if (holder, renewed) != self._seen:
            if holder != self._seen[0] and holder not in ("", self._identity):
                self._on_new_leader(holder)
            self._seen, self._seen_at = (holder, renewed), self._clock()
        duration = float(spec.get("leaseDurationSeconds") or self._lease)
        if holder not in ("", self._identity) and self._clock() < self._seen_at + duration:
            return False
        changes = {
            "metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]},
            "spec": self._spec(spec, taken=holder != self._identity),
        }
        written = self._client.patch(LEASES, self._name, changes, self._namespace)
        self._seen = (self._identity, str(written["spec"].get("renewTime") or ""))
        return True

    def _spec(self, before: Object, *, taken: bool) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec: Object = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._lease),
            "renewTime": now,
        }
        if taken:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(before.get("leaseTransitions") or 0) + (1 if before else 0)
        return spec
