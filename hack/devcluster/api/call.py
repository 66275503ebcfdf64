"""One request as the verbs see it: what it is about, what was sent, and where a stream would go.

Guarantees: a path that nothing is served at is 404, a body that cannot be read 400, one of another media type 415.
"""

from __future__ import annotations

import base64
import hashlib
import json
import select
import socket
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml
from attrs import define, frozen

from hack.devcluster.api import events, protobuf
from hack.devcluster.api.errors import StatusError, bad_request, no_such_path
from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import Registry, Resource
from hack.devcluster.api.selectors import Match, field_match, label_match
from hack.devcluster.faults import Asked, Faults

APPLY = "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"
_PATCHES = ("application/json-patch+json", "application/merge-patch+json", STRATEGIC, APPLY)
_BODIES = ("application/json", "application/yaml", protobuf.MEDIA)
# RFC 6455.
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_METHODS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SUBRESOURCES = {("pods", "log"), ("pods", "exec"), ("pods", "eviction"), ("namespaces", "finalize")}


class Stream:
    """An answer that goes on for a while."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler

    def begin(self, kind: str) -> None:
        """Send the head."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", kind)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def send(self, data: bytes) -> None:
        """Send a piece; an empty one would end the stream."""
        if data:
            self._chunk(data)

    def end(self) -> None:
        """Say that this was all."""
        self._chunk(b"")

    def cut(self) -> None:
        """End the connection in the middle."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def protocols(self) -> list[str]:
        """Return the protocols that the client would go on with over a websocket; none if it asks for none."""
        headers = self._handler.headers
        if headers.get("Upgrade", "").lower() != "websocket" or not headers.get("Sec-WebSocket-Key"):
            return []
        return [one.strip() for one in headers.get("Sec-WebSocket-Protocol", "").split(",")]

    def upgrade(self, protocol: str) -> socket.socket:
        """Go on as a websocket, and return the connection."""
        handler = self._handler
        key = hashlib.sha1(handler.headers["Sec-WebSocket-Key"].encode() + _WEBSOCKET).digest()
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
        handler.send_header("Sec-WebSocket-Protocol", protocol)
        handler.end_headers()
        handler.close_connection = True
        connection: socket.socket = handler.connection
        return connection

    def gone(self) -> bool:
        """Return whether the client has closed its side: nothing else is to be read while a stream goes on."""
        try:
            readable, _, _ = select.select([self._handler.connection], [], [], 0)
            return bool(readable) and not self._handler.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def _chunk(self, data: bytes) -> None:
        self._handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self._handler.wfile.flush()


@frozen
class Target:
    """What a request is about."""

    resource: Resource
    namespace: str
    name: str
    subresource: str


@define
class Call:
    """A request to the API, with what is needed to answer it."""

    registry: Registry
    faults: Faults
    state: Path
    stream: Stream
    ending: Any
    method: str
    target: Target
    query: dict[str, str]
    agent: str
    accept: str
    media: str
    raw: bytes
    # What the answer says besides its body.
    warnings: list[str]
    # Who runs pods; and the whole query, of which a program's words are as many values of one name.
    node: Any = None
    query_string: str = ""

    @property
    def verb(self) -> str:
        """The verb, as rights and records know it."""
        verb = _METHODS[self.method]
        if verb == "get" and not self.target.name:
            return "watch" if self.flag("watch") else "list"
        return "deletecollection" if verb == "delete" and not self.target.name else verb

    @property
    def asked(self) -> Asked:
        """The request as rules and counts look at it."""
        target = self.target
        return Asked(
            self.agent, self.verb, target.resource.plural, target.subresource, target.namespace, target.name
        )  # fmt: skip

    @property
    def table(self) -> bool:
        """Whether kubectl wants columns."""
        return "as=Table" in self.accept

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be written."""
        given = self.query.get("dryRun", "")
        if given not in ("", "All"):
            raise bad_request(f'dryRun: Unsupported value: "{given}": supported values: "All"')
        return given == "All"

    def words(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return parse_qs(self.query_string, keep_blank_values=True).get(name, [])

    def flag(self, name: str) -> bool:
        """Return a parameter that is true or false."""
        return name in self.query and self.query[name] in ("true", "1", "")

    def number(self, name: str) -> int | None:
        """Return a parameter that is a number, if it is given."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.isascii() or not text.isdigit():
            raise bad_request(f"{name}: {text!r} is no number")
        return int(text)

    def matches(self) -> Match:
        """Return the test of the selectors."""
        label, field = (
            label_match(self.query.get("labelSelector", "")),
            field_match(self.query.get("fieldSelector", "")),
        )
        return lambda obj: label(obj) and field(obj)

    def body(self) -> Any:
        """Decode what was sent."""
        if not self.raw:
            return {}
        allowed = _PATCHES if self.method == "PATCH" else _BODIES
        media = self.media or ("" if self.method == "PATCH" else "application/json")
        if media not in allowed:
            text = (
                f"the body of the request was in an unknown format - accepted media types include: {', '.join(allowed)}"
            )
            raise StatusError(415, "UnsupportedMediaType", text)
        try:
            if media == protobuf.MEDIA:
                return protobuf.decoded(self.raw)
            return yaml.safe_load(self.raw) if "yaml" in media else json.loads(self.raw)
        except (ValueError, RecursionError, yaml.YAMLError) as error:
            raise bad_request(f"the object provided is unrecognized: {error}") from None

    def object(self) -> Object:
        """Decode an object."""
        body = self.body()
        if not isinstance(body, dict):
            raise bad_request("the object provided is unrecognized: it is no object")
        return body


def target_of(registry: Registry, path: str) -> Target:
    """Find out what a path names."""
    parts = [unquote(p) for p in path.split("/") if p]
    if parts[:2] == ["api", "v1"] and len(parts) > 2:
        group, version, rest = "", "v1", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    res = registry.resource(group, rest[0])
    if res.version != version or len(rest) > 3 or (namespace and not res.namespaced):
        raise no_such_path()
    if group == events.GROUP:
        # One store, whichever group they are asked for in.
        res = registry.resource("", rest[0])
    name, subresource = (*rest[1:], "", "")[:2]
    if res.namespaced and name and not namespace:
        raise no_such_path()
    if (
        subresource
        and (res.plural, subresource) not in _SUBRESOURCES
        and not (subresource == "status" and res.has_status)
    ):
        raise no_such_path()
    return Target(res, namespace, name, subresource)
