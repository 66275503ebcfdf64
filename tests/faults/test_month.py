"""Many random months of a manager on a simulated clock: VOLSYNC_PY_MONTHS of them, and VOLSYNC_PY_SEED repeats them."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from tests.faults.telling import Tell
from tests.faults.test_mover_kills import seeded
from tests.unit.controllers.month import MOST_JOBS_AN_HOUR, Month

# About three minutes of one processor.
HISTORIES = int(os.environ.get("VOLSYNC_PY_MONTHS") or 120)
HAPPENS = 20
TITLE = "random months"


@pytest.mark.timeout(3 * 3600)
def test_a_month_later_everybody_who_can_run_has_run_whatever_has_happened(tell: Tell) -> None:
    chance = seeded(tell, TITLE)
    counts, done, most, begun = Counter[str](), Counter[str](), 0, time.process_time()
    for _ in range(HISTORIES):
        seed = chance.randrange(10**9)
        month = Month(seed)
        month.pass_by(HAPPENS)
        assert (seed, month.starved()) == (seed, [])
        most = max(most, month.most_jobs_in_an_hour())
        done += month.done
        counts += Counter(passes=month.passes, kills=month.kills, Jobs=len(month.cluster.jobs))
        counts += Counter({f"movers: {name}": number for name, number in month.cluster.classes.items()})
    tell(TITLE, f"{HISTORIES} months in {time.process_time() - begun:.0f} s of a processor: {dict(counts)}")
    tell(TITLE, f"{dict(done)}; at most {most} Jobs within an hour, of twelve sources")
    assert most <= MOST_JOBS_AN_HOUR
