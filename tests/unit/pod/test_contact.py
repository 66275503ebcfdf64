"""When a repository counts as lost: only while restic complains, and only if nothing else has come."""

from __future__ import annotations

import pytest

from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Deadlines
from volsync_py.pod.backend_health import Contact

RETRY = "Load(<index/0a1b>, 0, 0) returned error, retrying after 1.5s: 500 Internal Server Error"
HUNG = "Stat(<config/>) returned error, retrying after 500ms: Head config: request timeout"
MENDED = "Load(<index/0a1b>, 0, 0) operation successful after 1 retries"
DEADLINES = Deadlines(contact_seconds=90, stall_seconds=900)


@pytest.fixture
def contact() -> Contact:
    return Contact(DEADLINES, 0)


def test_a_repository_that_is_complained_of_for_too_long_is_unreachable(contact: Contact) -> None:
    for second in range(10, 101, 10):
        contact.said(RETRY, second)
    assert contact.verdict(100) is None
    assert contact.verdict(100.1) is ErrorClass.UNREACHABLE


def test_a_request_that_succeeds_after_all_ends_the_complaint(contact: Contact) -> None:
    contact.said(RETRY, 10)
    contact.said(MENDED, 12)
    assert contact.verdict(100_000) is None
    contact.said(RETRY, 1000)
    assert contact.verdict(1050) is None


def test_a_complaint_that_is_not_repeated_in_time_is_over(contact: Contact) -> None:
    contact.said(RETRY, 10)
    assert contact.verdict(101) is ErrorClass.UNREACHABLE
    # The pause, the longest request and the margin have passed.
    assert contact.verdict(322) is None
    contact.said(RETRY, 500)
    assert contact.verdict(501) is None


def test_once_heard_of_a_request_that_is_tried_again_may_be_answered_as_late_as_any_other(contact: Contact) -> None:
    contact.said(RETRY, 10)
    assert contact.verdict(200, heard=True) is None
    contact.said(RETRY, 201)
    assert contact.verdict(201, heard=True) is ErrorClass.UNREACHABLE


def test_the_first_request_has_hung_since_the_beginning(contact: Contact) -> None:
    contact.said(HUNG, 90.2)
    assert contact.verdict(90.2) is ErrorClass.UNREACHABLE


def test_another_request_that_hung_says_nothing_of_those_before(contact: Contact) -> None:
    contact.said(HUNG.replace("config/", "index/0a1b"), 400)
    assert contact.verdict(401) is None


def test_once_bytes_have_moved_a_repository_is_stalled_and_not_lost(contact: Contact) -> None:
    contact.moved(1000, 5)
    for second in range(10, 1000, 10):
        contact.said(RETRY, second)
        assert contact.verdict(second) == (ErrorClass.STALLED if second > 910 else None)


def test_bytes_that_move_end_the_complaint(contact: Contact) -> None:
    contact.said(RETRY, 10)
    contact.moved(1000, 50)
    assert contact.verdict(105) is None
    contact.said(RETRY, 1000)
    assert contact.verdict(1010) is None
