"""From what restic prints to the class of a failure; the lines are restic's own."""

from __future__ import annotations

import pytest

from volsync_py.pod.classify import Output, classify, is_damage, is_hopeless, is_missing_bucket, judge

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
        (
            1,
            'Fatal: unable to open repository at rclone:nas: exec: "rclone": executable file not found',
            "Configuration",
        ),
        (1, "Fatal: path access key id/x: not found", "Configuration"),
        (1, RETRY.replace("Stat(<config/>)", "Load(<index/0a>, 0, 0)") + "connection reset by peer", "Unreachable"),
        (1, "Load(<data/0a>, 0, 0) failed: open /r/data/0a: no such file or directory", "RepositoryDamaged"),
        (1, "Fatal: unable to open config file: open /mnt/repo/config: permission denied", "AccessDenied"),
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
        ("write /data/nextcloud/cache/preview.png: no space left on device", None),
        ("write /cached/x: no space left on device", None),
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


PERMISSION = "lchown /data/a: operation not permitted"


@pytest.mark.parametrize(
    ("error", "expected", "advice"),
    [
        (PERMISSION, "Configuration", "privileged movers"),
        ("open /data/signature/access key id: permission denied", "Configuration", "moverSecurityContext"),
        ("lstat AccessDenied: no such file", "Unknown", ""),
        ("write /data/a: no space left on device", "TargetFull", ""),
        ("write /data/tmp/private/a: no space left on device", "TargetFull", ""),
        ("write /tmp/private/restic-temp-pack-1: no space left on device", "Configuration", "it is memory"),
        ("write /cache/0a/b: no space left on device", "CacheFull", ""),
        ("tree 0a is not known; the repository could be damaged, run `repair index`", "RepositoryDamaged", ""),
        ("parts of /data/a not found in the repository index; storing the file again", "RepositoryDamaged", ""),
    ],
)
def test_what_is_said_of_files_is_no_word_on_the_repository(error: str, expected: str, advice: str) -> None:
    said = Output(("Fatal: There were 1 errors",), (error,), "/cache", "/tmp/private")
    error_class, given = judge(1, said)
    assert error_class == expected
    assert advice in given
    assert bool(advice) == bool(given)


def test_a_request_that_is_tried_again_is_no_damage() -> None:
    line = "Load(<data/0a>, 0, 0) returned error, retrying after 1s: open /r/data/0a: no such file or directory"
    assert not is_damage(line)
    assert is_damage(line.replace("returned error, retrying after 1s", "failed"))
