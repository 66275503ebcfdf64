"""The form of restic's messages: requests, names, and the lines that people need."""

from __future__ import annotations

import pytest

from volsync_py.pod.messages import failure_of, mended_request, told, words

STACK = (
    "unexpected HTTP response (403): 403 Forbidden\nReadFull(<data/42d2682e39>)\n"
    "github.com/restic/restic/internal/backend.ReadAt\n"
    "\tgithub.com/restic/restic/internal/backend/readerat.go:38\n"
    "github.com/restic/restic/internal/repository.(*Repository).loadBlob\n"
    "\tgithub.com/restic/restic/internal/repository/repository.go:284\n"
    "main.main\n\tgithub.com/restic/restic/cmd/restic/main.go:197\n"
    "runtime.goexit\n\truntime/asm_amd64.s:1771"
)


def test_a_request_that_failed_is_told_from_one_that_is_tried_again() -> None:
    retried = failure_of("Load(<data/42d2682e39>, 0, 903) returned error, retrying after 1.15s: EOF")
    assert retried is not None
    assert (retried.request, retried.pause, retried.reason) == ("Load(<data/42d2682e39>, 0, 903)", "1.15s", "EOF")
    assert (retried.retried, retried.is_first) == (True, False)
    over = failure_of("Stat(<config/>) failed: Stat: Access Denied.")
    assert over is not None
    assert (over.retried, over.is_first) == (False, True)
    assert failure_of("error: Load(<data/1>) failed: x") is None
    assert mended_request("Load(<index/0a1b>, 0, 0) operation successful after 1 retries") == "Load(<index/0a1b>, 0, 0)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fatal: Fatal: wrong password or no key found", "wrong password or no key found"),
        (
            "Fatal: --exclude: invalid pattern(s) provided:\ncache[0-9\n[a",
            "--exclude: invalid pattern(s) provided: cache[0-9; [a",
        ),
        (STACK, "unexpected HTTP response (403): 403 Forbidden; ReadFull(<data/42d2682e39>)"),
        (
            f"HEAD https://a/b\n{'-' * 80}\nRESPONSE 403: 403 Forbidden\nERROR CODE: AuthenticationFailed\n{'-' * 80}",
            "HEAD https://a/b; RESPONSE 403: 403 Forbidden; ERROR CODE: AuthenticationFailed",
        ),
        (
            "Fatal: unable to open config file: Access Denied.\ns3:http://h/b",
            "unable to open config file: Access Denied.",
        ),
        ("\n".join("abcdefgh"), "a; b; c; d; e; f …"),
        ("", ""),
    ],
)
def test_of_a_message_each_line_that_matters_is_told(text: str, expected: str) -> None:
    assert told(text) == expected


def test_what_is_told_of_a_message_is_bounded() -> None:
    assert len(told("x" * 10_000)) == 400
    assert len(told("\n".join(["y" * 300] * 10))) == 400


def test_names_are_no_words() -> None:
    line = 'Get "http://host/AccessDenied/?location=": dial tcp: lookup expired.token on 10.0.0.1:53: no such host'
    assert words(line) == "Get …: dial tcp: … no such host"
