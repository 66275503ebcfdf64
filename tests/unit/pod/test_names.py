"""Names that are no text: restic's JSON and the file system must agree on them."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.pod.output import comparable, is_exact


@pytest.mark.parametrize(
    ("name", "in_json"),
    [
        (b"plain", "plain"),
        ("ü".encode(), "ü"),
        (b"\xff", "\ufffd"),
        (b"a\xff\xfeb", "a\ufffd\ufffdb"),
        # The beginning of a character: two replacements in Go, one in Python.
        (b"\xe2\x82A", "\ufffd\ufffdA"),
        ("\ufffd".encode(), "\ufffd"),
    ],
)
def test_both_forms_of_a_name_compare_equal(name: bytes, in_json: str) -> None:
    told = json.loads(json.dumps(in_json))
    assert comparable(told) == comparable(os.fsdecode(name))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")))
def test_text_is_compared_as_it_is(name: str) -> None:
    assert comparable(name) == name


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        (b"plain", True),
        ('\u00fc \n"'.encode(), True),
        (b"a\xe4", False),
        (b"\xe2\x82", False),
        # Text, and what restic makes of a name that is none.
        ("a\ufffd".encode(), False),
    ],
)
def test_a_name_is_exact_if_no_other_one_is_told_in_the_same_way(name: bytes, *, exact: bool) -> None:
    assert is_exact(os.fsdecode(name)) == exact
