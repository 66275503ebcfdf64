"""What is known when the checks begin: each thing as it was read, or the right that was missing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from attrs import field, frozen

from volsync_py.api.spec import Replication, parse
from volsync_py.core.names import Role
from volsync_py.core.objects import Object, mapping
from volsync_py.kube.resources import PVCS, REPLICATION_DESTINATIONS, REPLICATION_SOURCES, STORAGE_CLASSES, Resource

_KINDS = (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)


class Unread(Exception):
    """What a check needs may not be read; the text names the right."""


@frozen
class NotServed:
    """The API server does not have this kind."""


@frozen
class MayNotRead:
    """Its user may not, for want of this right."""

    right: str


Listed = Sequence[Object] | NotServed | MayNotRead


@frozen
class Right:
    """What somebody may do or not: the commands that need it, and in the API server's words."""

    commands: str
    verb: str
    resource: Resource
    subresource: str = ""

    @property
    def text(self) -> str:
        """Return it in the words of a refusal."""
        return f"{self.verb} {self.kind}"

    @property
    def kind(self) -> str:
        """Return of what it is, in the same words."""
        part = f"/{self.subresource}" if self.subresource else ""
        return f"{self.resource.plural}{part}.{self.resource.group}".rstrip(".")


@frozen
class Answered:
    """What a pod in the namespace has found out about the repository of one Secret, for the resources that name it."""

    secret: str
    # How they are called.
    names: tuple[str, ...]
    # Why no pod has answered, and what to do; `hopeless`: one was made, and could not.
    silent: str = ""
    silent_step: str = "name the operator's image with --image, or back up once"
    hopeless: bool = False
    # Names of keys that movers know, how many others there are, and the word before the URL's first colon.
    keys: tuple[str, ...] = ()
    others: int = 0
    backend: str = ""
    # Each with what to do.
    faults: tuple[tuple[str, str], ...] = ()
    # Why the repository does not open: a class of failures, and the words.
    error_class: str = ""
    error: str = ""
    # restic's own documents.
    locks: tuple[Object, ...] = ()
    # Whether a backup is on record that has been made into it.
    was_used: bool = False


@frozen
class Facts:
    """All that was gathered."""

    now: datetime
    # None: all namespaces.
    namespace: str | None
    listed: Mapping[Resource, Listed]
    # Those that are asked about, of the sources and destinations that are listed.
    is_chosen: Callable[[Object], bool] = lambda obj: True
    # The definitions that came with this version.
    shipped: Sequence[Object] = ()
    # None: the API server did not say.
    rights: Mapping[Right, bool | None] = field(factory=dict)
    # What was asked of repositories, and why not of others: each a sentence, and what to do.
    repositories: Sequence[Answered] = ()
    not_asked: tuple[str, str] | None = None
    # Their specs, read once for all checks.
    _specs: Sequence[Replication] = field(init=False, repr=False, eq=False)

    @_specs.default
    def _parsed(self) -> Sequence[Replication]:
        known = (self.listed.get(kind) for kind in _KINDS)
        # The zone of a schedule that names none is the manager's, which nobody knows here.
        return [parse(obj, UTC) for found in known if isinstance(found, Sequence) for obj in found]

    def of(self, resource: Resource) -> Sequence[Object]:
        """Return all objects of a kind, none if it is not served; Unread if they may not be read."""
        found = self.listed.get(resource, NotServed())
        if isinstance(found, MayNotRead):
            raise Unread(found.right)
        return () if isinstance(found, NotServed) else found

    def is_served(self, resource: Resource) -> bool:
        """Return whether the API server has a kind, as far as its answer to this user says."""
        return not isinstance(self.listed.get(resource, NotServed()), NotServed)

    def named(self, resource: Resource, name: str, namespace: str = "") -> Object | None:
        """Return one object, or None."""
        wanted = (name, namespace)
        return next(
            (o for o in self.of(resource) if (o["metadata"]["name"], o["metadata"].get("namespace") or "") == wanted),
            None,
        )

    def claims(self) -> dict[tuple[str, str], Object]:
        """Return all claims by namespace and name."""
        return {key_of(claim): claim for claim in self.of(PVCS)}

    def classes(self) -> dict[str, Object]:
        """Return the StorageClasses by name."""
        return {str(one["metadata"]["name"]): one for one in self.of(STORAGE_CLASSES)}

    def title(self, obj: Object) -> str:
        """Return how an object is called: with its namespace where there are several."""
        name = str(obj["metadata"]["name"])
        space = obj["metadata"].get("namespace")
        named = f"{space}/{name}" if space and self.namespace is None else name
        return f"{named} (destination)" if obj.get("kind") == "ReplicationDestination" else named

    def replications(self) -> Iterator[Replication]:
        """Return the sources and destinations that are asked about and that are for this operator to serve."""
        self._readable()
        return (one for one in self._specs if self.is_chosen(one.object) and not one.external)

    def sources(self) -> Iterator[Replication]:
        """Return the sources that are asked about."""
        return (one for one in self.replications() if one.role is Role.SOURCE)

    def all_specs(self) -> Sequence[Replication]:
        """Return all sources and destinations, also those that are not asked about: some checks compare."""
        self._readable()
        return self._specs

    def all_sources(self) -> Iterator[Replication]:
        """Return all sources, also those that are not asked about."""
        return (one for one in self.all_specs() if one.role is Role.SOURCE and not one.external)

    def _readable(self) -> None:
        for kind in _KINDS:
            self.of(kind)


def key_of(obj: Object) -> tuple[str, str]:
    """Return namespace and name."""
    return str(obj["metadata"].get("namespace") or ""), str(obj["metadata"]["name"])


def objects_in(obj: object, *path: str) -> list[Object]:
    """Return the objects of a list at a path, [] where there is none, whatever is there instead."""
    *parents, last = path
    found = mapping(obj, *parents).get(last)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def texts_in(obj: object, *path: str) -> list[str]:
    """Return the texts of a list at a path."""
    *parents, last = path
    found = mapping(obj, *parents).get(last)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
