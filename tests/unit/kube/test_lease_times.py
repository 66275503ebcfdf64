"""A lease is counted from before the request that renews it: the server may have taken it at any time since."""

from __future__ import annotations

from typing import Any, cast

from volsync_py.kube.client import Client
from volsync_py.kube.election import LeaderElector


class SlowServer:
    """A server that has one lease, and takes three seconds for each answer."""

    def __init__(self) -> None:
        self.now = 100.0
        self.spec: dict[str, Any] = {"holderIdentity": "me", "leaseDurationSeconds": 15}

    def get(self, *about: Any, **options: Any) -> dict[str, Any]:
        self.now += 3.0
        return {"metadata": {"resourceVersion": "1"}, "spec": self.spec}

    def patch(self, resource: Any, name: str, changes: dict[str, Any], *more: Any, **options: Any) -> dict[str, Any]:
        self.now += 3.0
        self.spec = self.spec | changes["spec"]
        return {"spec": self.spec}


def test_the_time_of_a_request_is_not_added_to_a_lease() -> None:
    server = SlowServer()
    client = cast(Client, server)
    elector = LeaderElector(client, namespace="ns", name="lease", identity="me", clock=lambda: server.now)
    assert elector.try_once()
    assert (elector.renewed_at, server.now) == (100.0, 106.0)
