"""How often the API server is asked about tokens that nobody has been let in with: by client, and by all of them.

A client is an address. What one of them may cost is a small part of what all may, so none keeps another one out.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from attrs import define

# A scraper with a new token is let in at once, also after a restart of ours with some tokens more.
_BURST, _PER_SECOND = 10.0, 1.0
# Ten clients that guess all the time; the API server notices none of it.
_BURST_OF_ALL, _PER_SECOND_OF_ALL = 100.0, 10.0
# More than there are nodes with scrapers. Who comes back after so many others begins anew, within the bound for all.
_MOST_CLIENTS = 1_000
# Fewer than there are threads to answer with: the others are for who is known.
_MOST_AT_ONCE = 2
# What one host, or one tenant of a provider, is given of IPv6.
_PREFIX = 64


@define
class _Budget:
    """What is left of a number that grows again with time."""

    most: float
    per_second: float
    left: float
    counted_at: float

    def has_one(self, now: float) -> bool:
        """Return whether one may be taken now."""
        self.left = min(self.most, self.left + (now - self.counted_at) * self.per_second)
        self.counted_at = now
        return self.left >= 1


class StrangerLimits:
    """Says who may be asked about; its caller lets one thread in at a time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of_all = _Budget(_BURST_OF_ALL, _PER_SECOND_OF_ALL, _BURST_OF_ALL, clock())
        # The longest unseen first.
        self._by_client: dict[str, _Budget] = {}
        self._asked_about: set[str] = set()

    def begin(self, address: str) -> str | None:
        """Count one more review for the client at an address, and return what ends it; None: it is too much."""
        client, now = _client(address), self._clock()
        own = self._by_client.pop(client, None) or _Budget(_BURST, _PER_SECOND, _BURST, now)
        self._by_client[client] = own
        if len(self._by_client) > _MOST_CLIENTS:
            del self._by_client[next(iter(self._by_client))]
        # One at a time: a client whose reviews take long leaves a thread to others.
        if client in self._asked_about or len(self._asked_about) >= _MOST_AT_ONCE:
            return None
        if not own.has_one(now) or not self._of_all.has_one(now):
            return None
        own.left -= 1
        self._of_all.left -= 1
        self._asked_about.add(client)
        return client

    def end(self, client: str) -> None:
        """Take note that a review is done."""
        self._asked_about.discard(client)


def _client(address: str) -> str:
    """Return what stands for a client: its address, or the network that it has to itself."""
    try:
        found = ip_address(address)
    except ValueError:
        # Of a socket without addresses, of which there is one.
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), _PREFIX), strict=False))
    return str(found)
