"""The API over HTTP: paths to kinds, verbs to the registry, refusals to Status bodies, watches to streams."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from attrs import frozen

from hack.devcluster import discovery, events
from hack.devcluster.errors import StatusError, not_found
from hack.devcluster.faults import Asked, Faults, Rule
from hack.devcluster.patch import apply_patch
from hack.devcluster.registry import Object, Registry, Resource, WatchEvent
from hack.devcluster.schema import admit
from hack.devcluster.selectors import Match, field_match, label_match
from hack.devcluster.table import as_table

_METHODS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# A client that asks for bookmarks gets one so often, besides the one at the end.
_BOOKMARK_SECONDS = 30.0


@frozen
class Target:
    """What a request is about."""

    resource: Resource
    namespace: str
    name: str
    subresource: str


class Server(ThreadingHTTPServer):
    """The listening socket and what its handlers share."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], registry: Registry, faults: Faults, state: Path, node: Any) -> None:
        super().__init__(address, Handler)
        self.registry, self.faults, self.state, self.node = registry, faults, state, node
        self.ending = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the record of requests is kept elsewhere."""

    def do_GET(self) -> None:
        """Read, list or watch."""
        self._handle()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    @property
    def _server(self) -> Server:
        return cast("Server", self.server)

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        self.query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length) if length else b""
        asked = Asked(self.headers.get("User-Agent", ""), self.command, "", "", "", "")
        code, self._streams = 500, False
        try:
            if parts.path.startswith("/devcluster/"):
                self._admin(parts.path.removeprefix("/devcluster/"), json.loads(raw or b"{}"))
                return
            if parts.path in ("/healthz", "/readyz", "/livez"):
                self._reply(200, b"ok", "text/plain")
                return
            document = discovery.answer(self._server.registry, parts.path) if self.command == "GET" else None
            if document is not None:
                self._json(200, document)
                return
            target = self._target(parts.path)
            asked = self._asked(target)
            rule = self._server.faults.take(asked)
            if rule is not None and rule.drop == "before":
                self._drop(rule)
                return
            if rule is not None and rule.code:
                raise StatusError(rule.code, "InternalError", "a fault that was asked for")
            code, answer = self._answer(target, raw, asked)
            if rule is not None and rule.drop == "after":
                self._drop(rule)
            elif answer is not None:
                self._json(code, answer)
        except StatusError as error:
            code = error.code
            self._json(code, error.body())
        except (ValueError, KeyError, yaml.YAMLError) as error:
            code = 400
            self._json(400, StatusError(400, "BadRequest", f"bad request: {error}").body())
        except OSError:
            # The client has gone; nobody is left to tell.
            self.close_connection = True
        finally:
            if not self._streams:
                self._server.faults.note(asked, code)

    def _drop(self, rule: Rule) -> None:
        """End the connection without an answer, and whoever is to be killed with it."""
        if rule.kill:
            os.kill(rule.kill, signal.SIGKILL)
        self.close_connection = True
        self.connection.close()

    # ---- what is asked for

    def _target(self, path: str) -> Target:
        parts = [unquote(p) for p in path.split("/") if p]
        if parts[:1] == ["api"]:
            group, rest = "", parts[2:]
        elif parts[:1] == ["apis"] and len(parts) > 3:
            group, rest = parts[1], parts[3:]
        else:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        res = self._server.registry.resource(group, rest[0])
        if group == events.GROUP:
            # One store, whichever group they are asked for in.
            res = self._server.registry.resource("", rest[0])
        return Target(res, namespace, rest[1] if len(rest) > 1 else "", rest[2] if len(rest) > 2 else "")

    def _asked(self, target: Target) -> Asked:
        verb = _METHODS[self.command]
        if verb == "get" and not target.name:
            verb = "watch" if self._flag("watch") else "list"
        if verb == "delete" and not target.name:
            verb = "deletecollection"
        agent = self.headers.get("User-Agent", "")
        return Asked(agent, verb, target.resource.plural, target.subresource, target.namespace, target.name)

    def _flag(self, name: str) -> bool:
        return self.query.get(name, "false") in ("true", "1", "") if name in self.query else False

    def _answer(self, target: Target, raw: bytes, asked: Asked) -> tuple[int, Object | None]:
        registry, res = self._server.registry, target.resource
        if asked.verb == "get":
            if target.subresource == "log":
                self._log(target)
                return 200, None
            found = registry.get(res, target.namespace, target.name)
            if found is None:
                raise not_found(res.title, target.name)
            return 200, self._maybe_table(res, found)
        if asked.verb == "list":
            return 200, self._list(target)
        if asked.verb == "watch":
            self._watch(target, asked)
            return 200, None
        body = self._body(raw)
        if res.plural == "events" and isinstance(body, dict):
            body = events.as_core(body)
        if asked.verb == "create":
            return self._create(target, body)
        if asked.verb == "update":
            body["metadata"]["namespace"] = target.namespace
            self._admit(res, body)
            return 200, registry.update(res, body, target.subresource, dry_run=self._dry())
        if asked.verb == "patch":
            return self._patch(target, body)
        return 200, self._delete(target, body)

    def _body(self, raw: bytes) -> Any:
        kind = self.headers.get("Content-Type", "")
        if "protobuf" in kind:
            raise StatusError(415, "UnsupportedMediaType", "this server speaks JSON and YAML only")
        if not raw:
            return {}
        return yaml.safe_load(raw) if "yaml" in kind else json.loads(raw)

    def _dry(self) -> bool:
        return self.query.get("dryRun") == "All"

    def _admit(self, res: Resource, body: Object) -> None:
        if res.schema:
            admit(res.schema, body, f"{res.kind}.{res.group}")

    # ---- verbs

    def _create(self, target: Target, body: Object) -> tuple[int, Object]:
        registry, res = self._server.registry, target.resource
        if target.subresource == "eviction":
            return 201, registry.delete(res, target.namespace, target.name)
        if target.name:
            raise StatusError(405, "MethodNotAllowed", "the server does not allow this method on the resource")
        meta = body.setdefault("metadata", {})
        if target.namespace:
            meta["namespace"] = target.namespace
        self._admit(res, body)
        return 201, registry.create(res, body, dry_run=self._dry())

    def _patch(self, target: Target, body: Any) -> tuple[int, Object]:
        registry, res = self._server.registry, target.resource
        kind = self.headers.get("Content-Type", "").split(";")[0]
        with registry.changed:
            old = registry.get(res, target.namespace, target.name)
            if old is None:
                if kind == "application/apply-patch+yaml":
                    return self._create(Target(res, target.namespace, "", ""), body)
                raise not_found(res.title, target.name)
            given = body.get("metadata") if isinstance(body, dict) else None
            new = apply_patch(kind, old, body)
            if not (given or {}).get("resourceVersion"):
                new["metadata"].pop("resourceVersion", None)
            new["metadata"].pop("managedFields", None)
            self._admit(res, new)
            return 200, registry.update(res, new, target.subresource, dry_run=self._dry())

    def _delete(self, target: Target, options: Object) -> Object:
        registry, res = self._server.registry, target.resource
        wanted = options.get("preconditions") or {}
        grace = options.get("gracePeriodSeconds", self.query.get("gracePeriodSeconds"))
        common: dict[str, Any] = {
            "propagation": options.get("propagationPolicy") or self.query.get("propagationPolicy", ""),
            "grace_seconds": None if grace is None else int(grace),
        }
        if target.name:
            left = registry.delete(
                res,
                target.namespace,
                target.name,
                uid=wanted.get("uid", ""),
                resource_version=wanted.get("resourceVersion", ""),
                **common,
            )
            if left["metadata"].get("deletionTimestamp"):
                return left
            details = {"name": target.name, "group": res.group, "kind": res.plural, "uid": left["metadata"]["uid"]}
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        page = self._list(target)
        for item in page["items"]:
            registry.delete(res, item["metadata"].get("namespace"), item["metadata"]["name"], **common)
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def _matches(self) -> Match:
        label, field = (
            label_match(self.query.get("labelSelector", "")),
            field_match(self.query.get("fieldSelector", "")),
        )
        return lambda obj: label(obj) and field(obj)

    def _list(self, target: Target) -> Object:
        registry, res = self._server.registry, target.resource
        with registry.changed:
            items = [o for o in registry.list(res, target.namespace or None) if self._matches()(o)]
            version = str(registry.version)
        first = int(self.query.get("continue") or 0)
        limit = int(self.query.get("limit") or 0)
        meta: Object = {"resourceVersion": version}
        if limit and len(items) > first + limit:
            meta["continue"] = str(first + limit)
        items = items[first : first + limit] if limit else items[first:]
        if "as=Table" in self.headers.get("Accept", ""):
            return as_table(res, items, version)
        return {"kind": f"{res.kind}List", "apiVersion": res.api_version, "metadata": meta, "items": items}

    def _maybe_table(self, res: Resource, obj: Object) -> Object:
        if "as=Table" in self.headers.get("Accept", ""):
            return as_table(res, [obj], obj["metadata"]["resourceVersion"])
        return obj

    # ---- streams

    def _watch(self, target: Target, asked: Asked) -> None:
        registry, matches = self._server.registry, self._matches()
        res = target.resource
        version = int(self.query.get("resourceVersion") or 0)
        until = time.monotonic() + float(self.query.get("timeoutSeconds") or 1800)
        with registry.changed:
            if version and version + 1 < registry.oldest:
                raise StatusError(410, "Expired", f"too old resource version: {version}")
            pending: list[Object] = []
            if not version:
                pending = [
                    {"type": "ADDED", "object": o} for o in registry.list(res, target.namespace or None) if matches(o)
                ]
                version = registry.version
        # A stream is on record from its beginning.
        self._streams = True
        self._server.faults.note(asked, 200)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        table = "as=Table" in self.headers.get("Accept", "")
        bookmark_at = time.monotonic() + _BOOKMARK_SECONDS
        while not self._server.ending.is_set():
            for event in pending:
                if table and event["type"] != "BOOKMARK":
                    event["object"] = as_table(res, [event["object"]], str(version))
                self._chunk(json.dumps(event).encode() + b"\n")
            now = time.monotonic()
            if now >= until:
                break
            with registry.changed:
                if registry.version == version:
                    registry.changed.wait(min(until - now, max(bookmark_at - now, 0.05)))
                pending = []
                for change in _since(registry, version):
                    shown = _shown(change, res, target.namespace, matches)
                    if shown is not None:
                        pending.append(shown)
                version = registry.version
            if time.monotonic() >= bookmark_at:
                bookmark_at = time.monotonic() + _BOOKMARK_SECONDS
                if self._flag("allowWatchBookmarks"):
                    meta = {"resourceVersion": str(version), "creationTimestamp": None}
                    obj = {"kind": res.kind, "apiVersion": res.api_version, "metadata": meta}
                    pending.append({"type": "BOOKMARK", "object": obj})
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _log(self, target: Target) -> None:
        registry = self._server.registry
        pod = registry.get(target.resource, target.namespace, target.name)
        if pod is None:
            raise not_found("pods", target.name)
        container = self.query.get("container") or pod["spec"]["containers"][0]["name"]
        path = self._server.state / "logs" / target.namespace / pod["metadata"]["uid"] / f"{container}.log"
        if not self._flag("follow"):
            data = path.read_bytes() if path.exists() else b""
            lines = data.splitlines(keepends=True)
            if "tailLines" in self.query:
                count = int(self.query["tailLines"])
                lines = lines[-count:] if count else []
            self._reply(200, b"".join(lines), "text/plain")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        while not self._server.ending.is_set():
            current = registry.get(target.resource, target.namespace, target.name)
            ended = current is None or (current.get("status") or {}).get("phase") in ("Succeeded", "Failed")
            data = path.read_bytes()[sent:] if path.exists() else b""
            if data:
                self._chunk(data)
                sent += len(data)
            elif ended:
                break
            with registry.changed:
                registry.changed.wait(0.2)
        self._chunk(b"")

    # ---- administration

    def _admin(self, what: str, body: Object) -> None:
        faults = self._server.faults
        if what == "requests":
            self._json(200, {"requests": list(faults.requests)})
        elif what == "clear":
            faults.clear()
            self._json(200, {})
        elif what == "faults":
            faults.add(body)
            self._json(200, {})
        elif what == "node":
            self._server.node.fault(body.pop("fault"), **body)
            self._json(200, {})
        else:
            raise StatusError(404, "NotFound", f"no such endpoint: {what}")

    def _json(self, code: int, body: Object) -> None:
        self._reply(code, json.dumps(body).encode(), "application/json")

    def _reply(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _since(registry: Registry, version: int) -> list[WatchEvent]:
    found: list[WatchEvent] = []
    for event in reversed(registry.history):
        if event.version <= version:
            break
        found.append(event)
    return found[::-1]


def _shown(event: WatchEvent, res: Resource, namespace: str, matches: Match) -> Object | None:
    """Return the event as a watcher with a selector sees it: objects enter and leave what is selected."""
    if (event.resource.group, event.resource.plural) != (res.group, res.plural):
        return None
    if namespace and event.object["metadata"].get("namespace") != namespace:
        return None
    now = event.type != "DELETED" and matches(event.object)
    before = event.before is not None and matches(event.before)
    if not now and not before:
        return None
    kind = "DELETED" if not now else ("MODIFIED" if before else "ADDED")
    return {"type": kind, "object": event.object}
