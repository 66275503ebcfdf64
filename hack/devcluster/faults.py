"""Faults on demand, and the record of requests that tests count."""

from __future__ import annotations

import threading
from typing import Any

from attrs import define, field, frozen

from hack.devcluster.api.errors import REASONS, StatusError

# Enough for a test's run; older ones are forgotten.
_MOST_REQUESTS = 100_000


@frozen
class Asked:
    """One request, as far as rules and counts look at it."""

    agent: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str

    @property
    def writes(self) -> str:
        """`yes` or `no`: whether it changes something."""
        return "no" if self.verb in ("get", "list", "watch") else "yes"

    def matches(self, wanted: dict[str, str]) -> bool:
        """Return whether all given fields are those of this request; the agent is a part of a text."""
        return all(
            value in self.agent if key == "agent" else getattr(self, key) == value for key, value in wanted.items()
        )


@define
class Rule:
    """What to do with the next requests that match, but for the first `skip` of them.

    Fail (code), delay, or drop before or after handling; `kill` is a process to kill where the request is dropped.
    """

    match: dict[str, str]
    count: int = 1
    skip: int = 0
    code: int = 0
    delay_seconds: float = 0.0
    drop: str = ""
    kill: int = 0
    headers: dict[str, str] | None = None
    used: int = 0
    # Set once nobody wants the fault any more: what it holds up goes on.
    over: threading.Event = field(factory=threading.Event, init=False)

    def refusal(self) -> StatusError:
        """Return the answer of a request that is to fail, as a server gives it that has this trouble."""
        reason = REASONS.get(self.code, "InternalError" if self.code >= 500 else "BadRequest")
        error = StatusError(self.code, reason, "a fault that was asked for")
        error.headers = dict(self.headers or {})
        if "Retry-After" in error.headers:
            error.details = {"retryAfterSeconds": int(error.headers["Retry-After"])}
        return error


class Faults:
    """The rules and the record."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rules: list[Rule] = []
        self.requests: list[dict[str, Any]] = []
        self._cuts: dict[str, int] = {}

    def add(self, rule: dict[str, Any]) -> None:
        """Add a rule from its JSON form."""
        with self._lock:
            self.rules.append(Rule(**rule))

    def clear(self) -> None:
        """Forget rules and record; what a rule delays is delayed no longer."""
        with self._lock:
            for rule in self.rules:
                rule.over.set()
            self.rules.clear()
            self.requests.clear()

    def take(self, asked: Asked) -> Rule | None:
        """Return the rule for a request, used once more, after its delay."""
        with self._lock:
            rule = next((r for r in self.rules if r.used < r.count and asked.matches(r.match)), None)
            if rule is not None and rule.skip:
                rule.skip -= 1
                rule = None
            elif rule is not None:
                rule.used += 1
        if rule is not None and rule.delay_seconds:
            rule.over.wait(rule.delay_seconds)
        return rule

    def cut(self, resource: str) -> None:
        """Have the watches of a resource end in the middle, or of all."""
        with self._lock:
            self._cuts[resource] = self._cuts.get(resource, 0) + 1

    def cuts(self, resource: str) -> int:
        """Return how often watches of a resource were to end so far."""
        with self._lock:
            return self._cuts.get("", 0) + (self._cuts.get(resource, 0) if resource else 0)

    def recorded(self) -> list[dict[str, Any]]:
        """Return the record of requests."""
        with self._lock:
            return list(self.requests)

    def unused(self) -> int:
        """Return how many rules have never met a request."""
        with self._lock:
            return sum(not r.used for r in self.rules)

    def note(self, asked: Asked, code: int) -> None:
        """Record a request with its answer."""
        with self._lock:
            if len(self.requests) < _MOST_REQUESTS:
                fields = ("agent", "verb", "resource", "subresource", "namespace", "name")
                self.requests.append({**{f: getattr(asked, f) for f in fields}, "code": code})
