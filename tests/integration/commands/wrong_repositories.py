"""Repository Secrets that are wrong in one way, and what `volsync-py doctor` says of each; see `wrong_setups.py`."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from tests.integration.mover.harness import PASSWORD

CANARY = "canary-of-a-value"
# In place of the port of a server that the test starts.
TLS_PORT = "TLS_PORT"


@frozen
class WrongRepository:
    """One wrong Secret, and which check says what of it."""

    title: str
    secret: Mapping[str, str]
    check: str
    verdict: str
    why: str
    next_step: str
    status: Mapping[str, str] = field(factory=dict)


WRONG_REPOSITORIES = (
    WrongRepository(
        "the Secret has another password than the repository",
        {"RESTIC_REPOSITORY": "/mnt/backups/repo", "RESTIC_PASSWORD": CANARY},
        "repository",
        "FAIL",
        "WrongPassword: ",
        "correct RESTIC_PASSWORD",
    ),
    WrongRepository(
        "the Secret lacks a key",
        {"RESTIC_REPOSITORY": "/mnt/backups/repo", "RESTIC_PASWORD": CANARY},
        "secret",
        "FAIL",
        "couldn't find key RESTIC_PASSWORD in Secret",
        "create or complete the Secret r1",
    ),
    WrongRepository(
        "the URL names no backend",
        {"RESTIC_REPOSITORY": f"s4:https://{CANARY}/bucket", "RESTIC_PASSWORD": CANARY},
        "secret",
        "FAIL",
        "RESTIC_REPOSITORY begins with no backend that restic knows",
        "begin it with s3:, rest:",
    ),
    WrongRepository(
        "the repository cannot be reached from the namespace",
        {"RESTIC_REPOSITORY": "rest:http://127.0.0.1:1/", "RESTIC_PASSWORD": CANARY},
        "repository",
        "FAIL",
        "Unreachable: ",
        "check RESTIC_REPOSITORY, the network and the storage server",
    ),
    WrongRepository(
        "the server's certificate is of an authority that nobody here knows",
        {"RESTIC_REPOSITORY": f"rest:https://localhost:{TLS_PORT}/", "RESTIC_PASSWORD": CANARY},
        "repository",
        "FAIL",
        "x509: certificate signed by unknown authority",
        "the certificate that customCA names",
    ),
    WrongRepository(
        "the repository has gone",
        {"RESTIC_REPOSITORY": "/mnt/backups/gone", "RESTIC_PASSWORD": PASSWORD},
        "repository",
        "FAIL",
        "there is no repository any more where backups were made",
        "find out who emptied or replaced the repository",
        {"lastSyncTime": "2026-01-01T00:00:00Z"},
    ),
    WrongRepository(
        "there is no such Secret",
        {},
        "secret",
        "FAIL",
        'secret "none" not found',
        "create or complete the Secret none",
    ),
)
