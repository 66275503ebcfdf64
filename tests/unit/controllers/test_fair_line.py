"""The line is in the order that a sort would give, however it has changed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from volsync_py.controllers.fair_line import FairLine, Waiter
from volsync_py.core.times import format_rfc3339

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def waiter(minute: int, namespace: str, name: str = "n") -> Waiter:
    return Waiter(format_rfc3339(NOON + timedelta(minutes=minute)), namespace, name, "ReplicationSource")


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["come or go", "slot", "slot back"]),
            st.builds(waiter, st.integers(0, 5), st.sampled_from("abc"), st.sampled_from("xyz")),
        )
    )
)
def test_the_next_one_is_of_the_namespace_with_the_fewest_slots_and_due_longest(
    steps: list[tuple[str, Waiter]],
) -> None:
    line, waiting, slots = FairLine(), set[Waiter](), Counter[str]()
    for what, one in steps:
        if what == "slot":
            line.count_slot(one.namespace, 1)
            slots[one.namespace] += 1
        elif what == "slot back" and slots[one.namespace]:
            line.count_slot(one.namespace, -1)
            slots[one.namespace] -= 1
        elif what == "come or go":
            (line.remove if one in waiting else line.add)(one)
            waiting ^= {one}
        assert line.first() == min(waiting, key=lambda w: (slots[w.namespace], w), default=None)
        assert len(line) == len(waiting)


def test_twenty_of_one_namespace_do_not_come_before_the_first_of_another() -> None:
    line = FairLine()
    for number in range(20):
        line.add(waiter(0, "many", f"{number:02}"))
    line.add(waiter(30, "one"))
    got = []
    for _ in range(4):
        first = line.first()
        assert first is not None
        line.remove(first)
        line.count_slot(first.namespace, 1)
        got.append(first.namespace)
    assert got == ["many", "one", "many", "many"]
