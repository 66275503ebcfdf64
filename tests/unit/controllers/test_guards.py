"""What keeps writes from doing harm, each shown by what happens where it has to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, cast

import pytest
from attrs import evolve

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import Later, SteppedManager
from tests.unit.movers.objects import job_of, source
from tests.unit.movers.seen import NOW
from volsync_py.controllers.execute import Executor, InTheWay
from volsync_py.controllers.fair_line import FairLine
from volsync_py.controllers.mover_limit import Key, MoverLimit, SlotStores
from volsync_py.controllers.parts import SharedLocks
from volsync_py.core.actions import Action, Create, Delete, Patch, PatchStatus, Ref
from volsync_py.core.labels import Label
from volsync_py.core.names import Role
from volsync_py.kube.client import Client
from volsync_py.kube.errors import Conflict, Forbidden, NotFound, Unreachable
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import JOBS, REPLICATION_SOURCES, Resource
from volsync_py.kube.store import Store
from volsync_py.movers.restic.run_record import RunRecord

Object = dict[str, Any]


def execute(cluster: LateCluster, *actions: Action) -> None:
    """Carry out actions in a cluster; nothing is known of it before."""
    client = cast(Client, cluster)
    events = EventRecorder(client, controller="tests", instance="tests", most_series=1)
    executor = Executor(client, {}, events, cast(IdleQueue, Later()), lambda ref: None)
    executor.execute(cluster.objects["ReplicationSource", "n"], actions)


def there(labels: Object, owners: list[Object]) -> LateCluster:
    """Return a cluster in which the Job's name is taken."""
    job = job_of(source())
    job["metadata"] |= {"labels": labels, "ownerReferences": owners, "uid": "j", "resourceVersion": "5"}
    return LateCluster([*source(), job], [])


OURS = {str(Label.CREATED_BY): "volsync"}
OWNER = {"kind": "ReplicationSource", "name": "n", "uid": "u", "controller": True}


@pytest.mark.parametrize(
    ("labels", "owners"),
    [
        pytest.param({}, [OWNER], id="without our label"),
        pytest.param({str(Label.CREATED_BY): "somebody"}, [OWNER], id="with another one's label"),
        pytest.param(OURS, [], id="without an owner"),
        pytest.param(OURS, [{**OWNER, "uid": "another"}], id="of another owner"),
        pytest.param(OURS, [{**OWNER, "controller": False}], id="not controlled"),
    ],
)
def test_an_object_of_somebody_else_is_not_taken_for_what_was_to_be_made(labels: Object, owners: list[Object]) -> None:
    cluster = there(labels, owners)
    with pytest.raises(InTheWay, match="Job/volsync-src-n"):
        execute(cluster, Create(job_of(source()), "u"))


def test_what_an_earlier_pass_has_made_is_taken_for_what_was_to_be_made() -> None:
    cluster = there(OURS, [OWNER])
    execute(cluster, Create(job_of(source()), "u"))
    assert cluster.objects["Job", "volsync-src-n"]["metadata"]["uid"] == "j"


SOURCE = Ref("volsync.backube/v1alpha1", "ReplicationSource", "ns", "n")
JOB = Ref("batch/v1", "Job", "ns", "volsync-src-n")


def test_a_status_that_somebody_has_written_since_is_not_written_over() -> None:
    cluster = LateCluster(source(), [])
    status = {"observedGeneration": 1, "lastManualSync": "old"}
    with pytest.raises(Conflict):
        execute(cluster, PatchStatus(SOURCE, status, "0"))
    assert "lastManualSync" not in cluster.objects["ReplicationSource", "n"]["status"]
    execute(cluster, PatchStatus(SOURCE, status, "1"))
    assert cluster.objects["ReplicationSource", "n"]["status"]["lastManualSync"] == "old"


def test_an_object_that_has_taken_the_name_of_another_one_is_not_changed() -> None:
    cluster = there(OURS, [OWNER])
    with pytest.raises(Conflict):
        execute(cluster, Patch(JOB, {"spec": {"parallelism": 0}}, "of an earlier one"))
    assert cluster.objects["Job", "volsync-src-n"]["spec"]["parallelism"] == 1
    execute(cluster, Patch(JOB, {"spec": {"parallelism": 0}}, "j"))
    assert cluster.objects["Job", "volsync-src-n"]["spec"]["parallelism"] == 0


class Changed(LateCluster):
    """A cluster in which what is to be deleted has changed since, or is another object by now."""

    def delete(self, resource: Resource, name: str, namespace: str | None = None, **options: Any) -> Object:
        raise Conflict(409, "Conflict", "the precondition does not hold")


def test_what_was_to_be_deleted_as_it_was_seen_and_has_changed_is_decided_anew() -> None:
    deletion = Delete(JOB, "j")
    execute(Changed(source(), []), deletion)
    with pytest.raises(Conflict):
        execute(Changed(source(), []), evolve(deletion, resource_version="5"))


class Interrupted(LateCluster):
    """A cluster in which something happens before one of the writes of a run."""

    before: Callable[[Resource, Object], None] = staticmethod(lambda resource, obj: None)

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        self.before(resource, obj)
        return super().create(resource, obj, **options)


@pytest.fixture
def run() -> Iterator[tuple[Interrupted, SteppedManager]]:
    cluster = Interrupted(source(), [])
    manager = SteppedManager(cluster, Role.SOURCE)
    yield cluster, manager
    manager.end()


def repository_of(job: Object) -> str:
    return str(job["metadata"]["labels"][Label.REPOSITORY])


def grants_of(cluster: LateCluster) -> bool:
    return RunRecord.of(cluster.objects["Job", "volsync-src-n"]).granted


def test_nobody_decides_about_the_grants_of_a_repository_while_a_job_of_it_is_made(
    run: tuple[Interrupted, SteppedManager],
) -> None:
    cluster, manager = run
    free: list[bool] = []

    def look(resource: Resource, obj: Object) -> None:
        if resource.kind == "Job":
            lock = manager.parts.grants.guard(repository_of(obj))
            assert isinstance(lock, type(Lock()))
            free.append(lock.acquire(blocking=False))

    cluster.before = look
    manager.make_pass()
    assert free == [False]
    made = repository_of(cluster.objects["Job", "volsync-src-n"])
    # Each repository has one lock, whoever asks for it.
    assert SharedLocks().guard(made) is not SharedLocks().guard(made)
    assert manager.parts.grants.guard(made) is manager.parts.grants.guard(made)


def test_the_grants_are_those_of_the_moment_in_which_the_job_is_made(run: tuple[Interrupted, SteppedManager]) -> None:
    cluster, manager = run
    other, job = source()[0], job_of(source())
    other["metadata"] |= {"name": "o", "uid": "o", "resourceVersion": "500"}
    job["metadata"] |= {"name": "volsync-src-o", "uid": "oj", "resourceVersion": "500"}
    job["metadata"]["ownerReferences"][0] |= {"name": "o", "uid": "o"}

    def another_is_faster(resource: Resource, obj: Object) -> None:
        if resource.kind == "ServiceAccount":
            manager.informers[REPLICATION_SOURCES].store.put(other)
            manager.informers[JOBS].store.put(job)

    cluster.before = another_is_faster
    manager.make_pass()
    assert not grants_of(cluster)


def test_a_job_that_is_alone_has_the_grants(run: tuple[Interrupted, SteppedManager]) -> None:
    cluster, manager = run
    manager.make_pass()
    assert grants_of(cluster)


def test_slots_are_counted_by_one_at_a_time() -> None:
    asked: list[bool] = []
    sources = Store()
    stores = SlotStores({"ReplicationSource": (Role.SOURCE, sources)}, Store(), Store({"job": lambda pod: []}))
    limit = MoverLimit(1, stores, call=lambda key: asked.append(limit._lock.locked()), clock=lambda: NOW)

    class Line(FairLine):
        def count_slot(self, namespace: str, change: int) -> None:
            assert limit._lock.locked()
            super().count_slot(namespace, change)

    limit._line = Line()
    with limit.one_pass(Key("ReplicationSource", "ns", "a")):
        assert limit.has_free_slot(Key("ReplicationSource", "ns", "a"))
        assert not limit.has_free_slot(Key("ReplicationSource", "ns", "b"))
    assert limit.held == 0


def test_what_has_gone_needs_no_change() -> None:
    cluster = LateCluster(source(), [])
    execute(cluster, Patch(JOB, {"spec": {"parallelism": 0}}, "j"))
    with pytest.raises(NotFound):
        execute(cluster, PatchStatus(Ref(SOURCE.api_version, SOURCE.kind, "ns", "gone"), {}, "1"))


class Refusing:
    """An API server that refuses each change."""

    def patch(self, *arguments: Any, **options: Any) -> Object:
        raise Forbidden(403, "Forbidden", "a policy of the other namespace")


def test_what_is_asked_of_somebody_else_may_be_refused_and_what_follows_is_done() -> None:
    client = cast(Client, Refusing())
    events = EventRecorder(client, controller="tests", instance="tests", most_series=1)
    executor = Executor(client, {}, events, cast(IdleQueue, Later()), lambda ref: None)
    ref = Ref("batch/v1", "Job", "other", "volsync-src-a")
    executor.execute(source()[0], (Patch(ref, {}, "j", is_request=True),))
    with pytest.raises(Forbidden):
        executor.execute(source()[0], (Patch(ref, {}, "j"),))


class WithoutAnswer:
    """An API server whose answer to a create is lost, whether or not it has made the object."""

    def __init__(self, made: bool) -> None:
        self._made = made
        self._objects: list[Object] = []

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        if self._made:
            self._objects.append({**obj, "metadata": {**obj["metadata"], "uid": "j", "resourceVersion": "7"}})
        raise Unreachable("the connection was cut off")

    def get(self, *arguments: Any, **options: Any) -> Object:
        if not self._objects:
            raise NotFound(404, "NotFound", "no such Job")
        return self._objects[0]


@pytest.mark.parametrize("made", [True, False])
def test_a_job_whose_creation_had_no_answer_is_known_before_anybody_else_decides(made: bool) -> None:
    client = cast(Client, WithoutAnswer(made))
    events = EventRecorder(client, controller="tests", instance="tests", most_series=1)
    store = Store()
    executor = Executor(client, {JOBS: store}, events, cast(IdleQueue, Later()), lambda ref: None)
    job = job_of(source())
    if made:
        executor.execute(source()[0], (Create(job, "u"),))
        assert [one["metadata"]["uid"] for one in store.list()] == ["j"]
        return
    with pytest.raises(Unreachable):
        executor.execute(source()[0], (Create(job, "u"),))
    assert store.list() == []
