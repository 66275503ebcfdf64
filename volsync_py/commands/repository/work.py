"""Work on a repository that is done once, by a Job that goes on without the command: check, prune, unlock."""

from __future__ import annotations

from contextlib import suppress

import click
from attrs import frozen

from volsync_py.api.spec import Replication
from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.exit_codes import INTERRUPTED
from volsync_py.commands.common.moving_line import MovingLine
from volsync_py.commands.common.timeout import seconds_of
from volsync_py.commands.repository.followed_job import FollowedJob
from volsync_py.commands.repository.job import basis_for, replication_called
from volsync_py.commands.repository.pod_awaited import NotStarted, await_pod
from volsync_py.commands.repository.pod_start import has_begun
from volsync_py.contract.report import Outcome, Report
from volsync_py.contract.run_document import Run
from volsync_py.core.labels import Label
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.health.words import plain
from volsync_py.kube.errors import Forbidden, NotFound
from volsync_py.kube.resources import JOBS
from volsync_py.movers.restic.job_state import has_ended
from volsync_py.movers.restic.outcome import info
from volsync_py.movers.restic.question_job import labels_of_questions, question_job

# Who follows it beside looks twice a second for its last word.
_READ_SECONDS = 5


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
        others = self._under_way(labels_of_questions(replication, (self.operation,), self._how))
        job = others or self._made(replication)
        moving = MovingLine(f"{self.operation} of {self.name}")
        followed = FollowedJob(self.cluster, str(job["metadata"]["name"]), moving)
        try:
            report = followed.report(self._begun(job, followed, is_ours=others is None))
        except KeyboardInterrupt:
            where = f"-n {self.cluster.namespace}"
            _say(
                f"you no longer wait, and {self.operation} goes on: volsync-py {self.operation} {self.name} {where} "
                f"shows it, kubectl delete job {followed.name} {where} ends it"
            )
            return INTERRUPTED
        if others is None:
            self._let_go(followed.name)
        return self._said(report)

    @property
    def _how(self) -> tuple[str, ...]:
        """What was asked besides the operation: what of the packs is read, and by which image."""
        check = self.run.check if self.run is not None else None
        return (check.subset if check is not None else "", self.image)

    def _let_go(self, job: str) -> None:
        """Have the Job removed soon, if it has ended: what still runs is not ended by it, as by a removal."""
        soon = {"spec": {"ttlSecondsAfterFinished": _READ_SECONDS}}
        with suppress(NotFound, Forbidden):
            self.cluster.client.patch(JOBS, job, soon, self.cluster.namespace)

    def _made(self, replication: Replication) -> Object:
        basis = basis_for(self.cluster, replication, self.image)
        asked = basis.asked(work=(self.operation,), how=self._how, run=self.run or replication.restic.run)
        made: Object = self.cluster.client.create(JOBS, question_job(replication, asked))
        return made

    def _under_way(self, labels: dict[str, str]) -> Object | None:
        """Return the Job that does just this already; a click exception tells of one that does it in another way."""
        how = labels.pop(Label.ASKED_HOW)
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        jobs: list[Object] = self.cluster.client.list_all(JOBS, self.cluster.namespace, label_selector=selector)
        live = {
            str(labels_of(job).get(Label.ASKED_HOW)): job
            for job in jobs
            if not has_ended(job) and not job["metadata"].get("deletionTimestamp")
        }
        if how in live:
            _say(f"{self.operation} of {self.name} is under way already: this is how it goes")
            return live[how]
        other = next((job for asked, job in live.items() if asked.startswith(f"{self.operation}-")), None)
        if other is not None:
            called, where = plain(other["metadata"]["name"]), self.cluster.namespace
            raise click.ClickException(
                f"another {self.operation} of {self.name} is under way, with other options or of an earlier spec; wait "
                f"for its end (kubectl logs -f job/{called} -n {where}), or end it with kubectl delete job {called} "
                f"-n {where}"
            )
        return None

    def _begun(self, job: Object, followed: FollowedJob, *, is_ours: bool) -> Object:
        """Wait until the Job's pod runs or has run; a click exception says why it does not, and ends a Job of ours."""

        def tell(why: str) -> None:
            _say(f"waiting for the start of {self.operation}: {why}")

        try:
            return await_pod(self.cluster, job, followed.pod, _has_run, self.start_seconds, tell)
        except NotStarted as error:
            raise self._given_up(followed.name, str(error), is_ours=is_ours) from None

    def _given_up(self, job: str, why: str, *, is_ours: bool) -> click.ClickException:
        where = self.cluster.namespace
        if not is_ours:
            return click.ClickException(
                f"{self.operation} of {self.name} has not started, and somebody else waits for it: {why}; "
                f"kubectl delete job {job} -n {where} gives it up"
            )
        with suppress(NotFound):
            self.cluster.client.delete(JOBS, job, where)
        return click.ClickException(f"{self.operation} has not started, and is given up: {why}")

    def _said(self, report: Report | None) -> int:
        if report is None:
            raise click.ClickException(
                f"{self.operation} of {self.name} has left no word of how it ended; try once more"
            )
        if report.outcome == Outcome.SUCCEEDED:
            skipped = [step for step in report.steps if step.outcome == Outcome.SKIPPED]
            say(f"{self.name}: {self.operation} ended well" + (": nothing was to be done" if skipped else ""))
            return 0
        step = info(report.error_class).next_step
        raise click.ClickException(
            f"{self.operation} of {self.name} failed: {report.error_class}: {plain(report.message)}; {step}"
        )


def work(cluster: Cluster, name: str, operation: str, image: str, timeout: str, run: Run | None = None) -> int:
    """Do one piece of work on the repository of a source or destination, and return the exit code."""
    return Work(cluster, name, operation, run, image, seconds_of(timeout)).done()


def _has_run(pod: Object) -> bool:
    return has_begun(pod) or status_of(pod).get("phase") in ("Succeeded", "Failed")


def _say(text: str) -> None:
    say(text, err=True)
