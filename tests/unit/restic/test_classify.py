"""From what restic prints to the class of a failure; the lines are restic's own."""

from __future__ import annotations

import pytest

from volsync_py.restic.classify import classify, is_hopeless, is_missing_bucket

RETRY = "Stat(<config/>) returned error, retrying after 34.27s: "
DENIED = "Access Denied."
HASH = "a" * 64


@pytest.mark.parametrize(
    ("code", "line", "expected"),
    [
        (10, "Fatal: repository does not exist: unable to open config file", "RepositoryMissing"),
        (10, "Fatal: config or key 0a1b is damaged: ciphertext verification failed", "RepositoryHalfInitialized"),
        (1, "Fatal: create repository at s3:x failed: repository already contains keys", "RepositoryHalfInitialized"),
        (
            11,
            "repository is already locked exclusively by PID 30568 on pod by root",
            "RepositoryLocked",
        ),
        (12, "Fatal: wrong password or no key found", "WrongPassword"),
        (130, "signal terminated received, cleaning up", "Interrupted"),
        (137, "", "Interrupted"),
        (141, "", "Interrupted"),
        (143, "", "Interrupted"),
        (-9, "", "Interrupted"),
        (2, "runtime: goroutine stack exceeds limit", "Unknown"),
        (1, RETRY + "dial tcp 127.0.0.1:1: connect: connection refused", "Unreachable"),
        (1, RETRY + "dial tcp: lookup nowhere: no such host", "Unreachable"),
        (1, RETRY + "503 Service Unavailable", "Unreachable"),
        (1, RETRY + "The Access Key Id you provided does not exist in our records.", "AccessDenied"),
        (1, RETRY + "tls: failed to verify certificate: x509: certificate signed by unknown authority", "AccessDenied"),
        (1, "Fatal: unable to open repository: 401 Unauthorized", "AccessDenied"),
        (1, RETRY + "The specified bucket does not exist", "RepositoryMissing"),
        (1, "write /data/a: no space left on device", "TargetFull"),
        (1, f"id {HASH} not found in repository", "RepositoryDamaged"),
        (1, "Fatal: repository contains errors", "RepositoryDamaged"),
        (1, "invalid lock file: decrypting lock failed", "RepositoryDamaged"),
        (1, 'Fatal: cannot parse root certificate from "/customCA/ca.crt"', "Configuration"),
        (1, "unknown flag: --keep-lots", "Configuration"),
        (1, "Fatal: parsing repository location failed: s3: invalid format", "Configuration"),
        (1, "Fatal: something that nobody has seen yet", "Unknown"),
        (1, "", "Unknown"),
    ],
)
def test_a_failure_has_the_class_of_its_code_or_of_its_words(code: int, line: str, expected: str) -> None:
    assert classify(code, ["repository 1a2b opened", line]) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (RETRY + DENIED, "AccessDenied"),
        (RETRY + "connection refused", None),
        # A name of a file is no refusal.
        (f"processed /data/{DENIED}", None),
        ("Load(<index/1>) returned error, retrying after 1s: write /cache/x: no space left on device", "CacheFull"),
        ("write /data/x: no space left on device", None),
    ],
)
def test_only_what_waiting_cannot_mend_ends_a_run_at_once(line: str, expected: str | None) -> None:
    assert is_hopeless(line, "/cache") == expected


def test_a_missing_bucket_is_recognised_in_the_words_of_both_versions() -> None:
    assert is_missing_bucket(RETRY + "The specified bucket does not exist")
    assert is_missing_bucket("NoSuchBucket: bucket")
    assert not is_missing_bucket(RETRY + "connection refused")
