"""Requests to the API server, in plain JSON dictionaries.

Authentication, TLS and exec plugins are the `kubernetes` package's; so is the connection pool. Every
call has a deadline, nothing is retried here, and every failure is a `kube.errors.KubeError`. Thread-safe.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import urllib3

from volsync_py.kube import errors
from volsync_py.kube.config import Connection
from volsync_py.kube.resources import Resource

Object = dict[str, Any]
Objects = list[Object]
Observer = Callable[[str, str, str, float], None]

MERGE_PATCH = "application/merge-patch+json"
# A healthy API server answers within a second; a list of many objects may take some.
_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
# Beyond the server's own end of a watch, so that a healthy stream never runs into it.
_WATCH_MARGIN_SECONDS = 30.0

# Not a kind of object: the name that requests for an API group have in metrics.
_GROUPS = Resource("", "", "apis", "APIResourceList", namespaced=False)


class Client:
    """Everything this program asks of an API server."""

    def __init__(
        self, connection: Connection, *, user_agent: str = "volsync-py", observer: Observer | None = None
    ) -> None:
        self._api = connection.api_client
        self._host = connection.host.rstrip("/")
        self._agent = user_agent
        self._observe = observer or (lambda verb, resource, code, seconds: None)
        self._streams: set[urllib3.BaseHTTPResponse] = set()
        self._lock = threading.Lock()
        self._closed = False

    # ---- objects

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """Read one object."""
        return self._call("get", resource, resource.path(namespace, name))

    def serves(self, group_version: str) -> bool:
        """Tell whether the API server has an API group, such as `batch/v1`."""
        try:
            self._call("get", _GROUPS, f"/apis/{group_version}")
        except errors.NotFound:
            return False
        return True

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Object:
        """Read one page of a list; its items get the apiVersion and kind that lists leave out."""
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "limit": str(limit),
            "continue": continue_token,
            "resourceVersion": "" if continue_token else resource_version,
        }
        page = self._call("list", resource, resource.path(namespace), query=query)
        for item in page.get("items") or []:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        return page

    def list_all(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> Objects:  # fmt: skip
        """Read all pages of a list."""
        items: Objects = []
        token = ""
        while True:
            page = self.list(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                continue_token=token,
            )
            items += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return items

    def create(self, resource: Resource, obj: Object) -> Object:
        """Create an object, in the namespace that it names."""
        path = resource.path(obj["metadata"].get("namespace"))
        return self._call("create", resource, path, method="POST", body=obj)

    def patch(
        self, resource: Resource, name: str, changes: Any, namespace: str | None = None, *, subresource: str = ""
    ) -> Object:
        """Apply a JSON merge patch; metadata.resourceVersion and metadata.uid in it are preconditions."""
        path = resource.path(namespace, name, subresource)
        return self._call("patch", resource, path, method="PATCH", body=changes, content_type=MERGE_PATCH)

    def replace(self, resource: Resource, obj: Object) -> Object:
        """Replace an object."""
        path = resource.path(obj["metadata"].get("namespace"), obj["metadata"]["name"])
        return self._call("update", resource, path, method="PUT", body=obj)

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
    ) -> Object:
        """Delete an object, if it still is the one with that UID and version."""
        wanted = {"uid": uid, "resourceVersion": resource_version}
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {key: value for key, value in wanted.items() if value},
        }
        return self._call("delete", resource, resource.path(namespace, name), method="DELETE", body=options)

    def pod_log(self, resource: Resource, namespace: str, name: str, *, container: str, tail_lines: int) -> str:
        """Return the log of one container, all of it if `tail_lines` is negative."""
        query = {"container": container, "tailLines": str(tail_lines) if tail_lines >= 0 else ""}
        response = self._send("GET", resource.path(namespace, name, "log"), query, None, "", _TIMEOUT)
        raw: bytes = response.data
        self._observe("get", "pods/log", str(response.status), 0.0)
        if response.status >= 400:
            raise errors.from_status(response.status, _decoded(raw))
        return raw.decode(errors="replace")

    @contextmanager
    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        timeout_seconds: int,
        label_selector: str = "",
    ) -> Iterator[Iterator[Any]]:
        """Open a watch and iterate over its lines, decoded; a line that is no JSON comes as None."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
            "labelSelector": label_selector,
        }
        timeout = urllib3.Timeout(connect=5.0, read=timeout_seconds + _WATCH_MARGIN_SECONDS)
        response = self._send("GET", resource.path(namespace), query, None, "", timeout, stream=True)
        self._observe("watch", resource.plural, str(response.status), 0.0)
        with self._lock:
            self._streams.add(response)
        try:
            if response.status >= 400:
                retry_after = response.headers.get("Retry-After", "")
                raise errors.from_status(response.status, _decoded(response.read()), retry_after=retry_after)
            yield self._lines(response)
        finally:
            with self._lock:
                self._streams.discard(response)
            response.close()

    def shut_down(self) -> None:
        """End the open watches; whatever is asked from now on fails at once."""
        self._closed = True
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.shutdown()

    # ---- transport

    def _lines(self, response: urllib3.BaseHTTPResponse) -> Iterator[Any]:
        rest = b""
        try:
            for chunk in response.stream(65536, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield _decoded(line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise errors.Unreachable(f"the watch was cut off: {error}") from error

    def _call(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        method: str = "GET",
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        started = time.monotonic()
        code = "error"
        try:
            response = self._send(method, path, query or {}, body, content_type, _TIMEOUT)
            code = str(response.status)
        finally:
            self._observe(verb, resource.plural, code, time.monotonic() - started)
        data = _decoded(response.data)
        if response.status >= 400:
            raise errors.from_status(response.status, data, retry_after=response.headers.get("Retry-After", ""))
        if not isinstance(data, dict):
            raise errors.Unreachable(f"{method} {path}: the answer is no JSON object")
        return data

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Any,
        content_type: str,
        timeout: urllib3.Timeout,
        *,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        if self._closed:
            raise errors.Unreachable("shutting down")
        headers = {"Accept": "application/json", "User-Agent": self._agent}
        if body is not None:
            headers["Content-Type"] = content_type
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
        url = self._host + path
        given = {key: value for key, value in query.items() if value}
        if given:
            url += "?" + urlencode(given)
        try:
            response: urllib3.BaseHTTPResponse = self._api.rest_client.pool_manager.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=timeout,
                retries=False,
                preload_content=not stream,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise errors.Unreachable(f"{method} {path}: {error}") from error
        return response


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
