"""Who may read metrics: the API server is asked about a bearer token, as for any of its own requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256

from volsync_py.kube.client import Client
from volsync_py.kube.errors import KubeError
from volsync_py.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS

# Prometheus asks every fifteen or thirty seconds; a right that was taken away ends within a minute.
_REMEMBERED_SECONDS = 60.0
# More tokens than any cluster has scrapers; a flood of wrong ones fills no memory.
_MOST_REMEMBERED = 100


class Reviewer:
    """Judges tokens, and remembers its judgements for a minute."""

    def __init__(self, client: Client, *, path: str = "/metrics", clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._path, self._clock = client, path, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, int]] = {}

    def authorize(self, token: str) -> int:
        """Return 200, 401 (nobody), 403 (somebody who may not), or 500 when the API server cannot be asked."""
        key = sha256(token.encode()).hexdigest()
        with self._lock:
            until, status = self._known.get(key, (0.0, 0))
        if self._clock() < until:
            return status
        try:
            status = self._review(token)
        except KubeError:
            return 500
        with self._lock:
            while len(self._known) >= _MOST_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = (self._clock() + _REMEMBERED_SECONDS, status)
        return status

    def _review(self, token: str) -> int:
        asked = {
            "apiVersion": TOKEN_REVIEWS.api_version,
            "kind": TOKEN_REVIEWS.kind,
            "metadata": {},
            "spec": {"token": token},
        }
        answer = self._client.create(TOKEN_REVIEWS, asked).get("status") or {}
        if not answer.get("authenticated"):
            return 401
        user = answer.get("user") or {}
        spec = {
            "user": user.get("username", ""),
            "groups": user.get("groups") or [],
            "uid": user.get("uid", ""),
            "nonResourceAttributes": {"path": self._path, "verb": "get"},
        }
        review = {
            "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
            "kind": SUBJECT_ACCESS_REVIEWS.kind,
            "metadata": {},
            "spec": spec,
        }
        allowed = (self._client.create(SUBJECT_ACCESS_REVIEWS, review).get("status") or {}).get("allowed")
        return 200 if allowed else 403
