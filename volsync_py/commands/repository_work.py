"""Work on a repository that is done once, by a Job that goes on without the command: check, prune, unlock."""

from __future__ import annotations

import time
from contextlib import suppress

import click
from attrs import frozen

from volsync_py.api.spec import Replication
from volsync_py.commands.cluster import Cluster
from volsync_py.commands.pod_start import has_begun, waiting_for
from volsync_py.commands.repository import duration
from volsync_py.commands.repository_job import basis_for, replication_called
from volsync_py.commands.words import plain
from volsync_py.contract.report import Outcome, Report
from volsync_py.contract.run_document import Run
from volsync_py.core.objects import Object, status_of
from volsync_py.kube.errors import Forbidden, Invalid, NotFound
from volsync_py.kube.resources import CORE_EVENTS, JOBS, PODS
from volsync_py.movers.restic.job_state import has_ended
from volsync_py.movers.restic.outcome import info
from volsync_py.movers.restic.question_job import labels_of_questions, question_job

INTERRUPTED = 130
_LOOK_SECONDS = 0.5
_TELL_SECONDS = 3.0
# The kubelet tells of a container's end within a second or two of the end of its log.
_ENDED_SECONDS = 30.0


@frozen
class Work:
    """What is done, for whom, and how it is called."""

    cluster: Cluster
    name: str
    operation: str
    run: Run | None
    image: str
    start_seconds: float

    def done(self) -> int:
        """Do it, or follow who does it already; show the log, and return the exit code."""
        replication = replication_called(self.cluster, self.name)
        job = self._under_way(labels_of_questions(replication, (self.operation,))) or self._made(replication)
        called = str(job["metadata"]["name"])
        try:
            pod = self._begun(job)
            self._show(pod)
            report = self._ended(called)
        except KeyboardInterrupt:
            where = f"-n {self.cluster.namespace}"
            _say(
                f"you no longer wait, and {self.operation} goes on: volsync-py {self.operation} {self.name} {where} "
                f"shows it, kubectl delete job {called} {where} ends it"
            )
            return INTERRUPTED
        with suppress(NotFound, Forbidden):
            self.cluster.client.delete(JOBS, called, self.cluster.namespace)
        return self._said(report)

    def _made(self, replication: Replication) -> Object:
        basis = basis_for(self.cluster, replication, self.image)
        asked = basis.asked(work=(self.operation,), run=self.run or replication.restic.run)
        made: Object = self.cluster.client.create(JOBS, question_job(replication, asked))
        return made

    def _under_way(self, labels: dict[str, str]) -> Object | None:
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        jobs: list[Object] = self.cluster.client.list_all(JOBS, self.cluster.namespace, label_selector=selector)
        found = next((job for job in jobs if not has_ended(job) and not job["metadata"].get("deletionTimestamp")), None)
        if found is not None:
            _say(f"{self.operation} of {self.name} is under way already: this is how it goes")
        return found

    def _pod(self, job: str) -> Object | None:
        pods = self.cluster.client.list_all(PODS, self.cluster.namespace, label_selector=f"job-name={job}")
        return max(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)

    def _begun(self, job: Object) -> Object:
        """Wait until the Job's pod runs or has run; a click exception says why it does not, and ends the Job."""
        name, since, told = str(job["metadata"]["name"]), time.monotonic(), ""
        while True:
            pod = self._pod(name)
            if pod is not None and (has_begun(pod) or status_of(pod).get("phase") in ("Succeeded", "Failed")):
                return pod
            waited = time.monotonic() - since
            found = waiting_for(pod, job, self._events() if pod is None and waited > _TELL_SECONDS else [])
            if found.hopeless or waited > self.start_seconds:
                with suppress(NotFound):
                    self.cluster.client.delete(JOBS, name, self.cluster.namespace)
                raise click.ClickException(f"{self.operation} has not started, and is given up: {found.text}")
            if waited > _TELL_SECONDS and found.text != told:
                told = found.text
                _say(f"waiting for the start of {self.operation}: {told}")
            time.sleep(_LOOK_SECONDS)

    def _events(self) -> list[Object]:
        try:
            found: list[Object] = self.cluster.client.list_all(CORE_EVENTS, self.cluster.namespace)
        except Forbidden:
            return []
        return found

    def _show(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        with (
            suppress(NotFound, Invalid),
            self.cluster.client.follow_log(PODS, self.cluster.namespace, name, container="restic") as lines,
        ):
            for line in lines:
                _say(plain(line.decode(errors="replace")))

    def _ended(self, job: str) -> Report | None:
        """Return what the pod has left as its last word, once it has ended."""
        until = time.monotonic() + _ENDED_SECONDS
        while True:
            pod = self._pod(job)
            ended = _terminated(pod) if pod is not None else {}
            if ended or pod is None or time.monotonic() > until:
                return Report.from_json(str(ended.get("message") or ""))
            time.sleep(_LOOK_SECONDS)

    def _said(self, report: Report | None) -> int:
        if report is None:
            raise click.ClickException(
                f"{self.operation} of {self.name} has left no word of how it ended; try once more"
            )
        if report.outcome == Outcome.SUCCEEDED:
            skipped = [step for step in report.steps if step.outcome == Outcome.SKIPPED]
            click.echo(f"{self.name}: {self.operation} ended well" + (": nothing was to be done" if skipped else ""))
            return 0
        step = info(report.error_class).next_step
        raise click.ClickException(
            f"{self.operation} of {self.name} failed: {report.error_class}: {plain(report.message)}; {step}"
        )


def _terminated(pod: Object) -> Object:
    statuses = status_of(pod).get("containerStatuses") or []
    own: Object = next((one for one in statuses if one.get("name") == "restic"), {})
    ended: Object = (own.get("state") or {}).get("terminated") or {}
    return ended


def work(cluster: Cluster, name: str, operation: str, image: str, timeout: str, run: Run | None = None) -> int:
    """Do one piece of work on the repository of a source or destination, and return the exit code."""
    return Work(cluster, name, operation, run, image, duration(timeout, "--timeout")).done()


def _say(text: str) -> None:
    click.echo(text, err=True)
