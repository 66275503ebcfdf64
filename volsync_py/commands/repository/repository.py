"""Questions about the repository of a source or destination, answered by a short-lived pod in its namespace.

Whoever asks needs no Secret: the pod is given it by reference, and knows no question that changes anything. A pod that
waits already is asked; else one is made. It ends by itself: a moment after the last answer where nobody is expected to
ask again, after a while elsewhere, and when the command that asks is no more. No command takes it away from another one
that it answers: only a pod that has never started is removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import click
from attrs import define, evolve, field

from volsync_py.api.spec import Replication
from volsync_py.commands.common.answer import Answer, AnswerError
from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.repository.held import Held, hold
from volsync_py.commands.repository.job import basis_for
from volsync_py.commands.repository.own_job import OwnJob
from volsync_py.commands.repository.pod_awaited import NotStarted, await_pod
from volsync_py.commands.repository.pod_start import has_begun, is_gone
from volsync_py.contract.questions import ASK, FIRST_WAIT, Ending, Kind, Question, may_be_of_the_secret
from volsync_py.core.names import question_job_name
from volsync_py.core.objects import Object, labels_of
from volsync_py.core.owners import controller_of, is_controlled_by
from volsync_py.kube.errors import Forbidden, KubeError
from volsync_py.kube.execution import STDOUT
from volsync_py.kube.resources import JOBS, PODS
from volsync_py.movers.restic.job_environment import DATA_DIRECTORY
from volsync_py.movers.restic.objects import COMMAND
from volsync_py.movers.restic.question_job import host_of, labels_of_questions, question_job

_LOOK_SECONDS = 0.25
# restic says by itself when it gets nowhere; some questions about large repositories take long.
_SILENCE_SECONDS = 3600.0
# A program that says nothing else starts within a few seconds on a busy node; the pod ends also without its word.
_END_SECONDS = 10.0
# A pod that ends while it is asked is a matter of a moment.
_MOST_PODS = 3
# For the first question of who is slow: an API server that is far away, a node with much to do.
_PATIENT_SECONDS = 20.0
# What a program exits with that goes with its container: SIGKILL, as a shell counts it.
_KILLED = 137
# The kubelet tells of a container's end within a second or two.
_GONE_SECONDS = 3.0
# What one answer of JSON may take in memory: ten times the list of a hundred thousand snapshots.
MOST_BYTES = 512 * 1024 * 1024


class Answers(Protocol):
    """Whoever answers questions about a repository."""

    def ask(self, question: Question, to: Callable[[bytes], object]) -> Ending:
        """Hand the answer on as it comes, and return its ending; AnswerError if there is none."""


def whole(asked: Answers, question: Question, most: int = MOST_BYTES) -> bytes:
    """Return a whole answer."""
    taken = bytearray()

    def take(chunk: bytes) -> None:
        if len(taken) + len(chunk) > most:
            raise AnswerError("", f"the answer is longer than {most} bytes")
        taken.extend(chunk)

    asked.ask(question, take)
    return bytes(taken)


def _say(text: str) -> None:
    say(text, err=True)


@define
class Repository:
    """The repository of one resource, as questions can be asked about it."""

    cluster: Cluster
    replication: Replication
    image: str
    keep_seconds: float
    # Whether it was said how long the pod is to be kept.
    keep_said: bool
    start_seconds: float
    # The pod that is asked, whether this command has made it, and for how long it was told to wait.
    pod: str = ""
    made: bool = False
    told_seconds: float = 0.0
    # Pods that have decided to end, and may be seen to run for a moment still.
    too_late: set[str] = field(factory=set)
    # Where it is said what is waited for, and what waits; a screen has its own.
    tell: Callable[[str], None] = _say
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    # Whether it is asked by a pod of its own, whose Secret is as it is now, or also by one that waits already.
    afresh: bool = False
    # Whether somebody thinks between questions: the pod waits meanwhile, and no longer if this command is killed.
    thinks: bool = False
    _held: Held | None = None
    # Whether the pod has heard how long it is to wait: it hears it with the end of an answer.
    _heard: bool = False

    @property
    def host(self) -> str:
        """The host name of the resource's snapshots."""
        return host_of(self.replication)

    @property
    def path(self) -> str:
        """The path of the resource's snapshots."""
        return DATA_DIRECTORY

    def ask(self, question: Question, to: Callable[[bytes], object]) -> Ending:
        """Ask, hand the answer on as it comes, and return its ending; AnswerError if there is none."""
        for _ in range(_MOST_PODS):
            if not self.pod:
                self._find_pod()
                self._held = hold(self.cluster, self.pod, self.keep_seconds) if self.thinks else None
            kept = 0.0 if self._held is not None else self.keep_seconds
            self.told_seconds = max(self.told_seconds, kept)
            try:
                ending = self._asked(evolve(question, keep_seconds=kept), to)
            except AnswerError as error:
                # Such a pod does not wait, so that who sets the Secret right is not answered by it.
                if may_be_of_the_secret(error.error_class):
                    self._leave()
                self._heard = bool(self.pod)
                raise
            if ending is not None:
                self._heard = True
                return ending
            self.too_late.add(self.pod)
            self._leave()
        raise AnswerError("", "the pods that answer end before they are asked; try once more")

    def read(self, question: Question) -> bytes:
        """Return a whole answer."""
        return whole(self, question)

    def close(self) -> None:
        """Say how long the pod waits, or that it need not wait any more; what it answers to others it still does."""
        if not self.pod:
            return
        if self.keep_seconds:
            if self.made and (self._heard or self._held is not None):
                seconds = f"{self.keep_seconds:g}"
                _say(f"the pod {self.pod} waits {seconds} s for another question; --keep 0s ends it at once")
            self._leave(with_a_word=True)
            return
        if self.keep_said or (self.made and self.told_seconds):
            # One that has gone meanwhile is what is wanted.
            with suppress(KubeError, AnswerError):
                self._asked(Question(Kind.END), lambda chunk: None, _END_SECONDS)
        self._leave()

    def _leave(self, *, with_a_word: bool = False) -> None:
        """Ask this pod no more; with a word, it waits as long as was said for others."""
        held, self.pod, self._held, self._heard = self._held, "", None, False
        if held is not None:
            held.let_go(with_a_word=with_a_word)

    def _asked(
        self, question: Question, to: Callable[[bytes], object], silence_seconds: float = _SILENCE_SECONDS
    ) -> Ending | None:
        """Return the ending of the pod's answer, or None if that pod does not answer any more."""
        answer = Answer(to)
        try:
            with self.cluster.client.execute(
                PODS, self.cluster.namespace, self.pod, container="restic", command=[COMMAND, ASK]
            ) as running:
                running.write(question.to_json().encode() + b"\n")
                for channel, data in running.outputs(silence_seconds):
                    (answer.output if channel == STDOUT else answer.error)(data)
        except KubeError as failed:
            # What somebody has seen the beginning of is not asked again.
            if answer.size or isinstance(failed, Forbidden) or not self._goes():
                raise
            return None
        if running.code == _KILLED and not answer.size and self._goes():
            return None
        return answer.ended(running.code)

    def _goes(self) -> bool:
        """Return whether the pod has ended; the API server may hear of it a moment later than who asks."""
        until = time.monotonic() + _GONE_SECONDS
        while not self._is_pod_gone():
            if time.monotonic() > until:
                return False
            self.wait(_LOOK_SECONDS)
        return True

    def _is_pod_gone(self) -> bool:
        pod = self.cluster.has(PODS, self.pod)
        return pod is None or is_gone(pod)

    # ---- the pod

    def _find_pod(self) -> None:
        """Have a pod that can be asked: one that waits, or a new one."""
        # What was named is not taken from another image.
        how = (self.image, "afresh") if self.afresh else (self.image,)
        waiting = None if self.afresh else self._waiting(labels_of_questions(self.replication, how=how))
        if waiting is not None:
            self.pod, self.made = waiting["metadata"]["name"], False
            return
        basis = basis_for(self.cluster, self.replication, self.image)
        # Who came too late for one was slow, and has the next one wait longer.
        more = {FIRST_WAIT: f"{_PATIENT_SECONDS:g}"} if self.too_late else {}
        wanted = question_job(self.replication, basis.asked(how=how, more=more))
        job = OwnJob(self.cluster, wanted, self.tell, self.clock)
        try:
            made = job.create()
            self.made = True
            self.pod = self._started(job, made)["metadata"]["name"]
        except BaseException:
            job.remove()
            raise
        job.runs()

    def _waiting(self, wanted: dict[str, str]) -> Object | None:
        """Return the pod that waits for such questions, the youngest of several: it waits longest."""
        selector = ",".join(f"{key}={value}" for key, value in wanted.items())
        pods: list[Object] = self.cluster.client.list_all(PODS, self.cluster.namespace, label_selector=selector)
        for pod in sorted(pods, key=_created, reverse=True):
            if pod["metadata"]["name"] in self.too_late or is_gone(pod):
                continue
            if has_begun(pod) and self._is_for_questions(pod, wanted):
                return pod
        return None

    def _is_for_questions(self, pod: Object, labels: dict[str, str]) -> bool:
        """Return whether a pod is of a Job for such questions, and not one that only has its labels."""
        owner = controller_of(pod) or {}
        name = str(owner.get("name") or "")
        if owner.get("kind") != "Job" or name != question_job_name(self.replication.name, name.rpartition("-")[2]):
            return False
        try:
            job = self.cluster.has(JOBS, name)
        except Forbidden:
            return False
        return (
            job is not None
            and is_controlled_by(pod, job["metadata"]["uid"])
            and labels.items() <= labels_of(job).items()
        )

    def _started(self, own: OwnJob, job: Object) -> Object:
        """Wait until the Job's pod runs, and return it; a click exception ends a wait that is of no use."""
        label = f"job-name={own.name}"

        def pod_of() -> Object | None:
            own.waits()
            pods = self.cluster.client.list_all(PODS, self.cluster.namespace, label_selector=label)
            return next((pod for pod in pods if is_controlled_by(pod, job["metadata"]["uid"])), None)

        def tell(why: str) -> None:
            self.tell(f"waiting for the pod that asks the repository: {why}")

        try:
            return await_pod(self.cluster, job, pod_of, has_begun, self.start_seconds, tell, self.wait)
        except NotStarted as error:
            late = "" if error.hopeless else f" within {self.start_seconds:g} s"
            said = f"the pod that asks the repository has not started{late}: {error}"
            raise click.ClickException(said) from None


def _created(pod: Object) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")
