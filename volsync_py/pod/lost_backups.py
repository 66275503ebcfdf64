"""Whether the backups that are on record are still there: a repository that was lost looks like a new one.

The manager tells what the resource's status has on record; a repository that the resource has not used before has no
past, and is never told of.
"""

from __future__ import annotations

from volsync_py.contract.report import ErrorClass, Outcome, StepReport
from volsync_py.pod.record import cache_of, holding
from volsync_py.pod.session import Session


def tell_of_loss(session: Session) -> None:
    """Note which repository it is, and warn if the earlier backups are gone from it."""
    made = session.report.snapshot
    now = holding(cache_of(session), made.id) if made is not None else None
    if now is not None:
        session.update(repository_id=now.repository)
        if session.group is None:
            # Of whatever host and path they are.
            session.group = now.snapshots
    text = _loss(session, now.snapshots if now is not None else frozenset())
    if text:
        session.log(f"Warning: {text}")
        session.add(StepReport("history", Outcome.WARNING, ErrorClass.BACKUPS_GONE, text))


def _loss(session: Session, there: frozenset[str]) -> str:
    """Return what has been lost; `there` are the snapshots of any host and path, as far as they are known."""
    past, report = session.run.history, session.report
    if report.snapshot is None or not (past.repository_id or past.last_snapshot):
        return ""
    last = f" (the last one on record is {past.last_snapshot[:8]})" if past.last_snapshot else ""
    if report.initialized:
        return f"the repository was not there any more and has been made anew: it holds no earlier backup{last}"
    if past.repository_id and report.repository_id not in ("", past.repository_id):
        named = f"{report.repository_id[:10]} and no longer {past.repository_id[:10]}"
        return f"the repository is another one, {named}: the backups on record are not in it{last}"
    # One of another host is still there: `host` was changed.
    if past.last_snapshot and past.last_snapshot not in there and session.group == frozenset({report.snapshot.id}):
        return f"the repository holds no backup but the new one, all earlier ones are gone{last}"
    return ""
