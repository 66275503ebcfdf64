"""Which pod is asked, and when another one is; the API server is one that has what a test says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import click
import pytest
from attrs import define, field

from tests.unit.movers.objects import source
from volsync_py.api.spec import parse
from volsync_py.commands.common.answer import AnswerError
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.repository.repository import Repository
from volsync_py.contract.questions import FIRST_WAIT, TOO_LATE, Ending, Kind, Question
from volsync_py.contract.report import ErrorClass
from volsync_py.kube.errors import ApiError, Forbidden, NotFound, ServerError, Unreachable
from volsync_py.kube.execution import STDERR, STDOUT
from volsync_py.kube.resources import JOBS, PODS
from volsync_py.movers.restic.question_job import labels_of_questions

SOURCE = parse(source()[0], UTC)
LABELS = labels_of_questions(SOURCE, how=("",))
NAME = f"volsync-ask-{SOURCE.name}-"
LOST = ServerError(500, "InternalError", "container not found")


def pod(name: str, created: str = "", job: str = "", **more: Any) -> dict[str, Any]:
    """Return a pod that runs, of a Job called as the pod is."""
    called = job or NAME + name
    owner = {"kind": "Job", "name": called, "uid": f"uid-{called}", "controller": True}
    meta = {"name": name, "labels": dict(LABELS), "ownerReferences": [owner], "creationTimestamp": created}
    status = {"phase": "Running", "containerStatuses": [{"name": "restic", "state": {"running": {}}}]}
    return {"metadata": {**meta, **more}, "status": status}


def ended(one: dict[str, Any]) -> dict[str, Any]:
    one["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 0}}
    return one


@define
class Running:
    """A program that says something, and then fails or ends."""

    says: list[tuple[int, bytes]]
    fails: BaseException | None = None
    code: int = 0
    written: bytes = b""
    left: int = 0

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: object) -> None:
        self.left += 1

    def write(self, data: bytes) -> None:
        self.written += data

    def outputs(self, silence_seconds: float) -> Iterator[tuple[int, bytes]]:
        yield from self.says
        if self.fails is not None:
            raise self.fails


def answers(text: bytes = b"{}", sent: bytes = b"") -> Running:
    ending = Ending(len(sent or text), hashlib.sha256(sent or text).hexdigest())
    return Running([(STDOUT, text), (STDERR, ending.to_json().encode())])


@define
class Server:
    """The part of a client that asking needs."""

    pods: list[dict[str, Any]]
    programs: dict[str, Running]
    jobs: list[str] = field(factory=list)
    asked: list[str] = field(factory=list)
    # What becomes of a pod when it was asked.
    ends: list[str] = field(factory=list)
    job_labels: dict[str, str] = field(factory=lambda: dict(LABELS))
    # What the pod of a Job is called that somebody makes, "" if it has none; None: nobody may.
    may_create: str | None = None
    created: list[dict[str, Any]] = field(factory=list)
    # A Job is there for the first of them.
    patched: list[tuple[str, Any]] = field(factory=list)
    deleted: list[str] = field(factory=list)

    def list_all(self, resource: Any, namespace: str, **selectors: str) -> list[dict[str, Any]]:
        return list(self.pods)

    def get(self, resource: Any, name: str, namespace: str) -> dict[str, Any]:
        if resource is JOBS and name not in self.jobs and not name.startswith("volsync-src"):
            return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": self.job_labels}}
        found = [one for one in self.pods if resource is PODS and one["metadata"]["name"] == name]
        if not found:
            raise NotFound(404, "NotFound", "none", {"name": name})
        return found[0]

    def create(self, resource: Any, obj: dict[str, Any]) -> dict[str, Any]:
        self.created.append(obj)
        if self.may_create is None:
            raise Forbidden(403, "Forbidden", "none is made")
        made = {**obj, "metadata": {**obj["metadata"], "uid": f"uid-{obj['metadata']['name']}"}}
        if self.may_create:
            self.pods.append(pod(self.may_create, job=obj["metadata"]["name"]))
        return made

    def patch(self, resource: Any, name: str, changes: dict[str, Any], namespace: str) -> None:
        self.patched.append((name, changes["spec"]))
        if len(self.patched) > 1:
            raise NotFound(404, "NotFound", "none", {"name": name})

    def delete(self, resource: Any, name: str, namespace: str) -> None:
        self.deleted.append(name)

    def execute(self, resource: Any, namespace: str, name: str, **more: Any) -> Running:
        self.asked.append(name)
        for one in self.pods:
            if one["metadata"]["name"] in self.ends and one["metadata"]["name"] == name:
                ended(one)
        return self.programs[name]


def repository(server: Server, **more: Any) -> Repository:
    given: dict[str, Any] = {"image": "", "keep_seconds": 0.0, "keep_said": False, "start_seconds": 0.0, **more}
    return Repository(Cluster(server, "ns"), SOURCE, **given, wait=lambda seconds: None)


def test_the_youngest_pod_that_waits_is_asked() -> None:
    pods = [pod("a", "2026-01-01"), pod("c", "2026-01-03"), ended(pod("d", "2026-01-04")), pod("b", "2026-01-02")]
    server = Server(pods, {"c": answers()})
    assert repository(server).read(Question(Kind.OPEN)) == b"{}"
    assert server.asked == ["c"]


def test_a_pod_that_ends_with_the_program_that_asks_it_is_asked_no_more_and_another_one_is() -> None:
    server = Server([pod("a", "2026-01-02"), pod("b", "2026-01-01")], {"a": Running([], code=137), "b": answers()})
    server.ends = ["a"]
    assert repository(server).read(Question(Kind.OPEN)) == b"{}"
    assert server.asked == ["a", "b"]


def test_who_asks_afresh_takes_no_pod_that_waits() -> None:
    # Of somebody else who has asked so, a moment ago.
    labels = labels_of_questions(SOURCE, how=("x", "afresh"))
    server = Server([pod("a")], {"a": answers()}, job_labels=labels)
    with pytest.raises(Forbidden, match="none is made"):
        repository(server, image="x", afresh=True).read(Question(Kind.OPEN))
    assert server.asked == []


def test_a_pod_that_has_decided_to_end_is_not_asked_again_while_it_is_seen_to_run() -> None:
    server = Server([pod("a", "2026-01-02"), pod("b", "2026-01-01")], {"a": Running([], code=TOO_LATE), "b": answers()})
    assert repository(server).read(Question(Kind.OPEN)) == b"{}"
    assert server.asked == ["a", "b"]


@pytest.mark.parametrize(
    ("error_class", "says"),
    [
        (ErrorClass.WRONG_PASSWORD, False),
        (ErrorClass.UNREACHABLE, False),
        (ErrorClass.NO_ELIGIBLE_SNAPSHOT, True),
        # Whoever has read enough of a list ends the answer.
        (ErrorClass.INTERRUPTED, True),
    ],
)
def test_a_pod_waits_on_only_after_a_failure_that_no_change_of_its_secret_can_mend(
    error_class: str, says: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Running([(STDERR, Ending(error_class=error_class).to_json().encode())], code=1)
    one = repository(Server([pod("a")], {"a": failed}), keep_seconds=60.0)
    with pytest.raises(AnswerError):
        one.read(Question(Kind.OPEN))
    one.made = True
    one.close()
    assert ("waits 60 s" in capsys.readouterr().err) is says


@pytest.mark.parametrize(
    ("said", "ends"), [([], []), ([(STDOUT, b"{")], ["a"])], ids=["of a pod that stays", "after its first words"]
)
def test_a_program_that_is_killed_for_another_reason_is_told_of(said: list[tuple[int, bytes]], ends: list[str]) -> None:
    server = Server([pod("a"), pod("b")], {"a": Running(said, code=137), "b": answers()}, ends=ends)
    with pytest.raises(AnswerError, match=r"not answered to the end \(code 137\)"):
        repository(server).read(Question(Kind.OPEN))


@pytest.mark.parametrize(
    "stranger",
    [
        pod("x", "2026", job="volsync-src-n"),
        pod("x", "2026", job="other"),
        pod("x", "2026", ownerReferences=[]),
        pod("x", "2026", ownerReferences=[{"kind": "ReplicaSet", "name": NAME + "x", "uid": "u", "controller": True}]),
        # Of a Job that is gone, or another one of that name.
        pod("x", "2026", job=NAME + "gone"),
        pod("x", "2026", ownerReferences=[{"kind": "Job", "name": NAME + "x", "uid": "old", "controller": True}]),
    ],
)
def test_a_pod_that_only_has_the_labels_is_not_asked(stranger: dict[str, Any]) -> None:
    server = Server([stranger, pod("a", "2025")], {"a": answers()}, [NAME + "gone"])
    repository(server).read(Question(Kind.OPEN))
    assert server.asked == ["a"]


@pytest.mark.parametrize("failure", [LOST, Unreachable("cut off")])
def test_a_pod_that_ends_while_it_is_asked_lets_another_one_answer(failure: Exception) -> None:
    server = Server([pod("a", "2025"), pod("b", "2026")], {"b": Running([], failure), "a": answers(b"[]")}, ends=["b"])
    assert repository(server).read(Question(Kind.OPEN)) == b"[]"
    assert server.asked == ["b", "a"]


@pytest.mark.parametrize(
    ("running", "ends"),
    [
        # The beginning of the answer has been handed on.
        (Running([(STDOUT, b"x")], LOST), ["b"]),
        (Running([], Forbidden(403, "Forbidden", "no")), ["b"]),
    ],
)
def test_what_another_pod_would_not_mend_is_an_error(running: Running, ends: list[str]) -> None:
    server = Server([pod("a", "2025"), pod("b", "2026")], {"b": running, "a": answers()}, ends=ends)
    with pytest.raises(ApiError):
        repository(server).read(Question(Kind.OPEN))
    assert server.asked == ["b"]


def test_who_came_too_late_for_a_pod_has_the_next_one_wait_longer() -> None:
    labels = labels_of_questions(SOURCE, how=("i",))
    late = {"a": Running([], code=TOO_LATE), "new": answers()}
    server = Server([pod("a")], late, job_labels=labels, may_create="new")
    repository(server, image="i").read(Question(Kind.OPEN))
    assert server.asked == ["a", "new"]
    assert first_wait(server.created[0]) == "20"
    assert server.patched == [(server.created[0]["metadata"]["name"], {"activeDeadlineSeconds": 24 * 3600})]

    server = Server([], {"new": answers()}, may_create="new")
    repository(server, image="i").read(Question(Kind.OPEN))
    assert first_wait(server.created[0]) is None


def test_who_waits_for_a_pod_says_so_to_its_job_until_that_has_gone() -> None:
    server, seconds = Server([], {}, may_create=""), [0.0]
    one = repository(server, image="i", start_seconds=20.0)
    one.clock, one.wait = lambda: seconds[0], lambda _: seconds.append(seconds.pop() + 15)
    with pytest.raises(click.ClickException, match="has gone; try once more"):
        one.read(Question(Kind.OPEN))
    assert [changes["activeDeadlineSeconds"] for _, changes in server.patched] == [90, 120]
    assert server.deleted == [server.created[0]["metadata"]["name"]]


def first_wait(job: dict[str, Any]) -> str | None:
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    return next((one["value"] for one in env if one["name"] == FIRST_WAIT), None)


def test_a_whole_answer_that_was_cut_is_none() -> None:
    with pytest.raises(AnswerError, match="not what was sent"):
        repository(Server([pod("a")], {"a": answers(b"[", b"[]")})).read(Question(Kind.SNAPSHOTS))


def test_who_thinks_between_questions_holds_the_pod_and_tells_it_to_wait_only_when_leaving() -> None:
    server = Server([pod("a")], {"a": answers()})
    one = repository(server, keep_seconds=60.0, thinks=True)
    one.read(Question(Kind.OPEN))
    one.read(Question(Kind.OPEN))
    asked = [Question.from_json(line.decode()) for line in server.programs["a"].written.splitlines()]
    assert [(q.kind, q.keep_seconds) for q in asked] == [("hold", 60), ("open", 0), ("open", 0)]
    one.close()
    assert server.programs["a"].written.endswith(b"}\n\n"), "the word at leaving"
    assert server.asked == ["a"] * 3


def test_a_pod_that_may_have_an_old_secret_is_held_no_longer() -> None:
    failed = Running([(STDERR, Ending(error_class=ErrorClass.WRONG_PASSWORD).to_json().encode())], code=1)
    server = Server([pod("a")], {"a": failed})
    one = repository(server, keep_seconds=60.0, thinks=True)
    with pytest.raises(AnswerError):
        one.read(Question(Kind.OPEN))
    # The hold and the question: each connection was ended.
    assert failed.left == 2


def test_a_pod_that_has_not_heard_how_long_it_is_to_wait_is_not_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    # Whoever asks is interrupted in the middle of the first answer.
    interrupted = Running([], KeyboardInterrupt())
    one = repository(Server([pod("a")], {"a": interrupted}), keep_seconds=60.0)
    with pytest.raises(KeyboardInterrupt):
        one.read(Question(Kind.OPEN))
    one.made = True
    one.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("keep_seconds", "keep_said", "made", "told", "says"),
    [
        # It ends by itself a moment after the answer, and another one's is left as it is.
        (0.0, False, True, 0.0, False),
        (0.0, False, False, 0.0, False),
        (0.0, True, False, 0.0, True),
        (0.0, False, True, 30.0, True),
        (60.0, True, True, 60.0, False),
    ],
)
def test_no_pod_that_has_started_is_removed(
    keep_seconds: float, keep_said: bool, made: bool, told: float, says: bool
) -> None:
    server = Server([pod("a")], {"a": answers(b"", b"")})
    one = repository(server, keep_seconds=keep_seconds, keep_said=keep_said)
    one.pod, one.made, one.told_seconds = "a", made, told
    one.close()
    assert [b'"kind":"end"' in server.programs[name].written for name in server.asked] == [True] * says
    assert server.deleted == []
