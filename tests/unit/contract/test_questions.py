"""Questions and the endings of answers, as they go over the wire."""

from __future__ import annotations

import pytest

from volsync_py.contract.questions import Ending, Question, QuestionError


def test_a_question_arrives_as_it_was_asked() -> None:
    one = Question("ls", "abc", paths=("/a b", "/ä"), recursive=True, keep_seconds=120.0)
    assert Question.from_json(one.to_json()) == one
    assert "\n" not in one.to_json()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"kind": 1}', '{"paths": "x"}', '{"paths": [1]}', '{"paths": ["\\u0000"]}']
)
def test_what_is_no_question_is_refused(text: str) -> None:
    with pytest.raises(QuestionError):
        Question.from_json(text)


def test_the_ending_is_the_last_line_of_what_was_said() -> None:
    one = Ending(3, "ab", "WrongPassword", "no key found")
    assert Ending.of(f"retrying\n{one.to_json()}") == one
    assert Ending.of("") is None
    assert Ending.of("command not found") is None
    assert Ending.of('{"sha256": "x"}\nkilled') is None
