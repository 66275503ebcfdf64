"""A text that is cut holds no part of a secret, wherever the cut is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from volsync_py.pod.environment import Redactor
from volsync_py.pod.masking import beginning, ending

SECRET = "canary-0123456789-of-the-test"
MOST = 300
redact = Redactor({"RESTIC_PASSWORD": SECRET})
Cut = Callable[[str, int, Callable[[str], str]], str]


@pytest.mark.parametrize("cut", [beginning, ending])
@given(before=st.integers(0, 9000), times=st.integers(0, 300), after=st.integers(0, 9000))
@example(before=MOST - 10, times=1, after=100)
@example(before=100, times=1, after=MOST - 10)
# Masked, all that is looked at is shorter than what is kept.
@example(before=0, times=300, after=0)
def test_no_part_of_a_secret_is_in_what_is_kept(cut: Cut, before: int, times: int, after: int) -> None:
    kept = redact(cut("x" * before + SECRET * times + "x" * after, MOST, redact))
    assert not any(SECRET[at : at + 4] in kept for at in range(len(SECRET) - 3))


@pytest.mark.parametrize("cut", [beginning, ending])
@given(st.text(alphabet="ab", max_size=12_000))
def test_a_text_without_secrets_is_cut_where_it_is_said(cut: Cut, text: str) -> None:
    assert cut(text, MOST, redact) == (text[:MOST] if cut is beginning else text[-MOST:])


def test_of_an_endless_text_only_a_part_is_looked_at() -> None:
    seen: list[int] = []

    def looks(text: str) -> str:
        seen.append(len(text))
        return text

    for cut in (beginning, ending):
        cut("x" * 10_000_000, MOST, looks)
    assert max(seen) < 10_000
