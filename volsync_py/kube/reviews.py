"""Who may read metrics: the API server is asked about a bearer token, as for any of its own requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from volsync_py.kube.client import Client
from volsync_py.kube.errors import KubeError
from volsync_py.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS
from volsync_py.kube.stranger_limits import StrangerLimits

# Prometheus asks every fifteen or thirty seconds; a right that was taken away ends within a minute.
_REMEMBERED_SECONDS = 60.0
# More tokens than any cluster has scrapers.
_MOST_ALLOWED = 100
# Repeats of these cost nothing; a flood of others fills no memory.
_MOST_REFUSED = 1_000


class Reviewer:
    """Judges tokens, and remembers its judgements for a minute.

    Who was allowed before is always asked about again; of strangers there is a limit to how many at once and a second,
    for each client and for all (`StrangerLimits`), so that wrong tokens are a burden neither to the API server nor to
    those with a right one, also if that is new.
    """

    def __init__(self, client: Client, *, path: str = "/metrics", clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._path, self._clock = client, path, clock
        # Guards what follows; no request is sent under it.
        self._lock = threading.Lock()
        # By the token's hash: until when the judgement holds, and what it is.
        self._allowed: dict[str, float] = {}
        self._refused: dict[str, tuple[float, int]] = {}
        self._strangers = StrangerLimits(clock)

    def authorize(self, token: str, address: str) -> int:
        """Return 200, 401 (nobody), 403 (somebody who may not), 429 (too many to ask about), or 500 (no answer).

        `address` is the client's.
        """
        key = sha256(token.encode()).hexdigest()
        with self._lock:
            status = self._judged(key)
            if status:
                return status
            stranger = None
            if key not in self._allowed and (stranger := self._strangers.begin(address)) is None:
                return 429
        try:
            status = self._review(token)
        except KubeError:
            return 500
        finally:
            if stranger is not None:
                with self._lock:
                    self._strangers.end(stranger)
        with self._lock:
            self._remember(key, status)
        return status

    def _judged(self, key: str) -> int:
        """Return the judgement that still holds, or 0."""
        now = self._clock()
        if now < self._allowed.get(key, 0.0):
            return 200
        until, status = self._refused.get(key, (0.0, 0))
        return status if now < until else 0

    def _remember(self, key: str, status: int) -> None:
        until = self._clock() + _REMEMBERED_SECONDS
        self._allowed.pop(key, None)
        self._refused.pop(key, None)
        if status == 200:
            self._allowed[key] = until
            _bound(self._allowed, _MOST_ALLOWED)
        else:
            self._refused[key] = (until, status)
            _bound(self._refused, _MOST_REFUSED)

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


def _bound(remembered: dict[str, Any], most: int) -> None:
    """Forget the oldest."""
    while len(remembered) > most:
        del remembered[next(iter(remembered))]
