"""How long an ended Job is left in its place, for people and scripts that look for it by its name.

Scripts wait for a Job to appear with a look every few seconds, and then for its end; a run may take less than such a
pause, and an attempt that fails may be followed by one that does not. So the Job of a run that somebody has asked for
can be seen for a while after its end, and a failed one until the next attempt, if that comes soon.
"""

from __future__ import annotations

from datetime import timedelta

from volsync_py.core.attempt import Attempt
from volsync_py.core.objects import Object
from volsync_py.core.times import instant
from volsync_py.core.view import View
from volsync_py.movers.restic.job_state import ended_at, has_ended, has_failed
from volsync_py.movers.restic.run_record import RunRecord

# Times of the API server's have no fractions, so what they say has happened may have happened a second later.
_ROUNDING = timedelta(seconds=1)
# What is over by then was a hiccup. Others raise an alert for a Job that stays failed for a quarter of an hour.
_HICCUP = timedelta(minutes=10)


def seconds_after_success(view: View, job: Object) -> float:
    """Return how much longer the Job of a run that has ended well is shown; nobody looks for that of a schedule."""
    record = RunRecord.of(job)
    # A token that was served long ago is on record as well, and does no harm.
    return _left(view, job) if has_ended(job) and (record.manual or record.run_now) else 0.0


def seconds_after_failure(attempt: Attempt, view: View, job: Object) -> float:
    """Return how much longer a failed Job is shown, of which `attempt` is the record.

    One that is Complete, though its mover has proved nothing, would tell whoever waits that all is well.
    """
    since = _since_the_end(view, job)
    if since is None or not has_failed(job):
        return 0.0
    wait = instant(attempt.next_at, view.now) - view.now
    if attempt.next_at and wait + since <= _HICCUP:
        return wait.total_seconds()
    return _left(view, job)


def _left(view: View, job: Object) -> float:
    shown, since = view.settings.ended_job_shown, _since_the_end(view, job)
    return (shown + _ROUNDING - since).total_seconds() if shown and since is not None else 0.0


def _since_the_end(view: View, job: Object) -> timedelta | None:
    """Return how long ago a Job ended; None if it does not say when, and then it is never shown."""
    ended = ended_at(job, view.server_now)
    return None if ended is None else view.server_now - ended
