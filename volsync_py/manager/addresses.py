"""Addresses to listen at, as Go writes them: `host:port`, `:port` for every interface, `[::1]:port`."""

from __future__ import annotations

# The largest number that a port's two bytes hold.
_LARGEST_PORT = 65535


def host_and_port(address: str) -> tuple[str, int]:
    """Return both parts; ValueError if the text is no address."""
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > _LARGEST_PORT:
        raise ValueError(f"{address!r} is no address such as 127.0.0.1:8080 or :8080")
    return host.strip("[]"), int(port)


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach `address`."""
    host = address.rpartition(":")[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.")
