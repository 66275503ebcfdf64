"""What has come of an answer is what was sent, or it is no answer."""

from __future__ import annotations

from hashlib import sha256

import pytest

from volsync_py.commands.common.answer import Answer, AnswerError
from volsync_py.contract.questions import TOO_LATE, Ending

HASH = sha256(b"abc").hexdigest()


def answer(*pieces: bytes, error: str) -> tuple[Answer, bytearray]:
    came = bytearray()
    one = Answer(came.extend)
    for piece in pieces:
        one.output(piece)
    one.error(b"restic says something\n")
    one.error(error.encode())
    return one, came


def test_all_that_was_sent_is_handed_on_and_proved() -> None:
    one, came = answer(b"a", b"bc", error=f"\n{Ending(3, HASH).to_json()}\n")
    assert one.ended(0) == Ending(3, HASH)
    assert came == b"abc"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Ending(3, sha256(b"abd").hexdigest()).to_json(), 0, "not what was sent"),
        (Ending(4, HASH).to_json(), 0, "not what was sent"),
        (Ending(9, HASH, "WrongPassword", "no key\x1b[2J").to_json(), 12, "WrongPassword: no key\ufffd"),
        (Ending(3, HASH, "", "no").to_json(), 1, "no"),
        ("killed", 137, r"not answered to the end \(code 137\): restic says something"),
        # What has been handed on is not asked for again.
        ("", TOO_LATE, "not answered to the end"),
    ],
)
def test_what_has_not_come_as_it_was_sent_is_an_error(error: str, code: int, said: str) -> None:
    one, _ = answer(b"abc", error=error)
    with pytest.raises(AnswerError, match=said):
        one.ended(code)


def test_a_pod_that_is_about_to_end_has_no_answer() -> None:
    assert Answer(bytearray().extend).ended(TOO_LATE) is None
