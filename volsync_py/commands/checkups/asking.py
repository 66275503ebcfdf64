"""Has pods in the namespaces ask the repositories, each Secret's once: what can only be known there.

A repository whose last run has ended well within a day is not asked unless somebody wants it: the run has shown more
than a pod could.
"""

from __future__ import annotations

from datetime import timedelta

import click
from attrs import evolve, frozen

from volsync_py.api.spec import Replication
from volsync_py.bounded_json import number_of, read_object, text_of
from volsync_py.commands.checkups.facts import Answered, Facts, Right, Unread, key_of, objects_in, texts_in
from volsync_py.commands.common.answer import AnswerError
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.refused import sentence
from volsync_py.commands.repository.repository import Repository
from volsync_py.contract.questions import Kind, Question
from volsync_py.contract.run_document import Deadlines
from volsync_py.core.objects import status_of
from volsync_py.health.state import health_of
from volsync_py.kube.errors import KubeError
from volsync_py.kube.resources import JOBS, PODS

_RECENT = timedelta(hours=24)
# A pod takes a second or three, and a place on a node; of so many the others most likely tell the same.
_MOST_PODS = 5
# Somebody waits, and a server that can be reached answers within a second, a slow name server after five.
_CONTACT_SECONDS = 10.0
# The next question comes at once, but a program for it may take seconds to start on a busy node.
_KEPT_SECONDS = 30.0
# Names of keys and a few sentences; a list of two hundred locks.
_MOST_BYTES = 1024 * 1024


@frozen
class Wish:
    """How repositories are to be asked: at all, each of them, by a pod of which image, and how long it may start."""

    ask: bool
    every: bool
    image: str
    start_seconds: float


def with_answers(cluster: Cluster, facts: Facts, wish: Wish) -> Facts:
    """Return the facts with what the repositories have answered, or why they were not asked."""
    if not wish.ask:
        return evolve(facts, not_asked=("not asked, as --no-pod wants it", ""))
    try:
        groups = _by_secret(facts)
    except Unread as missing:
        text = f"the repositories could not be asked: you may not {missing}"
        return evolve(facts, not_asked=(text, "ask for that right, or have somebody look who has it"))
    wanted = [group for group in groups if wish.every or any(_is_doubtful(one, facts) for one in group)]
    refused = [right for right, allowed in facts.rights.items() if _is_missing(right, allowed)]
    if wanted and refused:
        text = f"the repositories could not be asked: you may not {refused[0].text}"
        return evolve(facts, not_asked=(text, "the role edit allows it; or have somebody ask who has it"))
    asked = wanted if wish.every else wanted[:_MOST_PODS]
    answers = tuple(_answered(cluster, group, facts, wish) for group in asked)
    if len(asked) < len(wanted):
        text = f"{len(wanted) - len(asked)} more repositories of runs that failed were not asked"
        return evolve(facts, repositories=answers, not_asked=(text, "--all asks each"))
    if len(asked) < len(groups):
        text = f"{len(groups) - len(asked)} of {len(groups)} were not asked: their last runs have ended well"
        return evolve(facts, repositories=answers, not_asked=(f"{text}; --all asks each", ""))
    return evolve(facts, repositories=answers)


def _is_missing(right: Right, allowed: bool | None) -> bool:
    """Return whether it is a right that asking needs, and that the user does not have."""
    return right.verb == "create" and right.resource in (JOBS, PODS) and allowed is False


def _by_secret(facts: Facts) -> list[list[Replication]]:
    groups: dict[tuple[str, str], list[Replication]] = {}
    for one in facts.replications():
        if one.restic.repository:
            groups.setdefault((key_of(one.object)[0], one.restic.repository), []).append(one)
    return list(groups.values())


def _is_doubtful(one: Replication, facts: Facts) -> bool:
    health = health_of(one.object, facts.now)
    # What is paused was stopped by somebody, and of what has not run yet nothing says which image asks.
    return health.needs_you or (health.last is not None and not one.paused and facts.now - health.last > _RECENT)


def _answered(cluster: Cluster, group: list[Replication], facts: Facts, wish: Wish) -> Answered:
    first = group[0]
    answered = Answered(
        secret=first.restic.repository,
        names=tuple(facts.title(one.object) for one in group),
        was_used=any(status_of(one.object).get("lastSyncTime") for one in group),
    )
    space = Cluster(cluster.client, key_of(first.object)[0])
    run = evolve(first.restic.run, deadlines=Deadlines(contact_seconds=_CONTACT_SECONDS))
    hurried = evolve(first, restic=evolve(first.restic, run=run))
    repository = Repository(space, hurried, wish.image, _KEPT_SECONDS, False, wish.start_seconds, afresh=True)
    try:
        return _opened(repository, _of_keys(repository, answered))
    except AnswerError as error:
        return evolve(answered, silent=error.said, hopeless=True)
    except click.ClickException as error:
        # Without a pod it is not known which image asks; with one, it could not start.
        return evolve(answered, silent=error.message, hopeless=repository.made)
    except KubeError as error:
        step = "have somebody ask who may; --no-pod leaves it out"
        return evolve(answered, silent=f"it could not be asked: {sentence(error)}", silent_step=step)
    finally:
        # Between the questions it waits, and after the last it goes.
        repository.keep_seconds = 0.0
        repository.close()


def _of_keys(repository: Repository, answered: Answered) -> Answered:
    told = read_object(repository.read(Question(Kind.KEYS)), most=_MOST_BYTES) or {}
    faults = ((text_of(one, "message"), text_of(one, "nextStep")) for one in objects_in(told, "faults"))
    return evolve(
        answered,
        keys=tuple(texts_in(told, "keys")),
        others=number_of(told, "others"),
        backend=text_of(told, "backend"),
        faults=tuple(faults),
    )


def _opened(repository: Repository, answered: Answered) -> Answered:
    if answered.faults:
        # restic would say the same in other words.
        return answered
    try:
        repository.read(Question(Kind.OPEN))
        lines = repository.read(Question(Kind.LOCKS)).splitlines()
    except AnswerError as error:
        if not error.error_class:
            # It is the pod that failed.
            raise
        return evolve(answered, error_class=error.error_class, error=error.said)
    return evolve(answered, locks=tuple(read_object(line, most=_MOST_BYTES) or {} for line in lines))
