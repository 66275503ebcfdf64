"""Whatever has happened, a month later everybody who can run has run, and there was no storm of Jobs.

These histories are always the same; many others are in the faults tier.
"""

from __future__ import annotations

import pytest

from tests.unit.controllers.month import ACTIONS, MOST_JOBS_AN_HOUR, Month
from tests.unit.controllers.timed_cluster import Fault

HISTORIES = 8
# More only makes each history longer; what there is happens in some of them.
HAPPENS = 20


# A quota refused three sources at once, and they handed a slot on without a pause.
LOOPED = 464680097


@pytest.mark.parametrize("seed", [*range(HISTORIES), LOOPED])
def test_a_month_later_everybody_who_can_run_has_run(seed: int) -> None:
    month = Month(seed)
    month.pass_by(HAPPENS)
    assert month.starved() == []
    assert month.most_jobs_in_an_hour() <= MOST_JOBS_AN_HOUR


def test_the_histories_are_worth_their_time() -> None:
    """Without a manager nothing has run, and everything that can go wrong goes wrong in some of them."""
    done = set[str]()
    for seed in range(HISTORIES):
        month = Month(seed)
        month.manager = None
        for _ in range(HAPPENS):
            month.act()
        assert month.starved() == month.can_run() != []
        done |= set(month.done)
    assert done == {*ACTIONS, *(fault.name for fault in Fault)}
