"""Requests to the API server, in plain JSON dictionaries.

Authentication, TLS and exec plugins are the `kubernetes` package's; so is the connection pool. Every
call has a deadline, nothing is retried here, and every failure is a `kube.errors.KubeError`. Thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from volsync_py.bounded_json import read_stored
from volsync_py.kube import errors
from volsync_py.kube.config import Connection
from volsync_py.kube.resources import Object, Resource
from volsync_py.kube.transport import Answer, Observer, Transport

if TYPE_CHECKING:
    from volsync_py.kube.execution import Execution

Objects = list[Object]

MERGE_PATCH = "application/merge-patch+json"
# A healthy API server answers within a second; a list of many objects may take some.
_TIMEOUT_SECONDS = 30.0
# Added to the server's own time limit of a watch, so that a healthy stream never runs into ours.
_WATCH_MARGIN_SECONDS = 30.0
# kubectl's and client-go's page: a few megabytes to decode at once, and few requests.
_PAGE = 500
# A log is read for its last lines, of which a status keeps a kilobyte; a pod may have written gigabytes.
_MOST_LOG_LINES = 5_000
_MOST_LOG_SENT_BYTES = 8 * 1024 * 1024
_MOST_LOG_KEPT_BYTES = 256 * 1024
# restic is ended as stalled before that if it neither moves a byte nor says anything.
_LOG_SILENCE_SECONDS = 3600.0

# Not a kind of object: the name that requests for an API group have in metrics.
_GROUPS = Resource("", "", "apis", "APIResourceList", namespaced=False)


class Client:
    """Everything this program asks of an API server."""

    def __init__(
        self,
        connection: Connection,
        *,
        user_agent: str = "volsync-py",
        observer: Observer | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        watch_margin_seconds: float = _WATCH_MARGIN_SECONDS,
    ) -> None:
        self._transport = Transport(connection, user_agent, timeout_seconds, observer)
        self._watch_margin = watch_margin_seconds

    # ---- objects

    def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, timeout_seconds: float | None = None
    ) -> Object:
        """Read one object."""
        return self._call("get", resource, resource.path(namespace, name), timeout_seconds=timeout_seconds)

    def version(self) -> Object:
        """Read what the API server says of itself."""
        return self._call("get", _GROUPS, "/version")

    def serves(self, group_version: str) -> bool:
        """Return whether the API server has an API group, such as `batch/v1`."""
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
        limit: int = _PAGE,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Object:
        """Read one page of a list; its items get the apiVersion and kind that lists leave out.

        It is as of now; with the resource version "0" as the API server's own watch has it, a moment older, which costs
        it less than half and comes as one page.
        """
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "limit": str(limit),
            "continue": continue_token,
            "resourceVersion": resource_version,
        }
        page = self._call("list", resource, resource.path(namespace), query=query)
        for item in page.get("items") or []:
            if isinstance(item, dict):
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
        return page

    def list_all(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
    ) -> Objects:
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
                # Later pages are of the version of the first.
                resource_version="" if token else resource_version,
            )
            items += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return items

    def create(
        self, resource: Resource, obj: Object, *, timeout_seconds: float | None = None, dry_run: bool = False
    ) -> Object:
        """Create an object, in the namespace that it names; as a dry run, only find out what would be refused."""
        path = resource.path(obj["metadata"].get("namespace"))
        query = {"dryRun": "All"} if dry_run else {}
        return self._call(
            "create", resource, path, method="POST", body=obj, query=query, timeout_seconds=timeout_seconds
        )

    def patch(
        self,
        resource: Resource,
        name: str,
        changes: Any,
        namespace: str | None = None,
        *,
        subresource: str = "",
        timeout_seconds: float | None = None,
    ) -> Object:
        """Apply a JSON merge patch; metadata.resourceVersion and metadata.uid in it are preconditions."""
        return self._call(
            "patch",
            resource,
            resource.path(namespace, name, subresource),
            method="PATCH",
            body=changes,
            content_type=MERGE_PATCH,
            timeout_seconds=timeout_seconds,
        )

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
        """Return the end of a container's log, so many lines of it or as many as are of use if that is negative."""
        lines = min(tail_lines, _MOST_LOG_LINES) if tail_lines >= 0 else _MOST_LOG_LINES
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(_MOST_LOG_SENT_BYTES)}
        path = resource.path(namespace, name, "log")
        answer = self._transport.send_for_the_end(
            "get", resource, path, query, part="log", most_bytes=_MOST_LOG_KEPT_BYTES
        )
        if answer.status >= 400:
            raise _refusal(answer)
        return answer.raw.decode(errors="replace")

    @contextmanager
    def follow_log(self, resource: Resource, namespace: str, name: str, *, container: str) -> Iterator[Iterator[bytes]]:
        """Open a container's log and iterate over its lines, those to come included, until the container ends."""
        query = {"container": container, "follow": "true"}
        path = resource.path(namespace, name, "log")
        with self._transport.stream("get", resource, path, query, _LOG_SILENCE_SECONDS) as lines:
            if isinstance(lines, Answer):
                raise _refusal(lines)
            yield lines

    def execute(
        self, resource: Resource, namespace: str, name: str, *, container: str, command: Sequence[str]
    ) -> Execution:
        """Start a program in a container of a pod."""
        # Imported here: only commands need it, and the manager's start does without.
        from volsync_py.kube.execution import open_execution

        connection, url, headers = self._transport.own_connection(resource.path(namespace, name, "exec"))
        return open_execution(connection, url, command, container, headers)

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
        silence = timeout_seconds + self._watch_margin
        with self._transport.stream("watch", resource, resource.path(namespace), query, silence) as lines:
            if isinstance(lines, Answer):
                raise _refusal(lines)
            yield map(_decoded, lines)

    def server_offset(self) -> timedelta:
        """Return how far the API server's clock is from ours, as its answers tell."""
        return self._transport.server_clock.offset

    def shut_down(self) -> None:
        """End the open watches; whatever is asked from now on fails at once."""
        self.refuse_all_but()

    def refuse_all_but(self, *resources: Resource) -> None:
        """End the open watches; from now on, whatever is asked about any other resource fails at once.

        A request that is under way is not called back.
        """
        self._transport.refuse_all_but(resources)

    def _call(self, verb: str, resource: Resource, path: str, **request: Any) -> Object:
        answer = self._transport.send(verb, resource, path, **request)
        if answer.status >= 400:
            raise _refusal(answer)
        data = _decoded(answer.raw)
        if not isinstance(data, dict):
            raise errors.Unreachable(f"{verb} {path}: the answer is no JSON object")
        return data


def _refusal(answer: Answer) -> errors.ApiError:
    return errors.from_status(answer.status, _decoded(answer.raw), retry_after=answer.retry_after)


def _decoded(raw: bytes) -> Any:
    try:
        return read_stored(raw)
    except ValueError:
        return None
