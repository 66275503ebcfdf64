"""One error of a storage provider, as a row of a table, and the next steps that several providers share."""

from __future__ import annotations

from attrs import frozen

from volsync_py.contract.report import ErrorClass

DENIED, WRONG = ErrorClass.ACCESS_DENIED, ErrorClass.CONFIGURATION
FULL, MISSING, DOWN = ErrorClass.TARGET_FULL, ErrorClass.REPOSITORY_MISSING, ErrorClass.UNREACHABLE

KEYS = "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the repository Secret"
ADD_KEYS = "add AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to the repository Secret"
TOKEN = "renew AWS_SESSION_TOKEN in the repository Secret, together with the keys that belong to it"
RIGHTS = (
    "correct the credentials in the repository Secret, or let their owner list, read, write and delete in this bucket"
)
CLOCK = "set the clock of the node: it and the storage server's are too far apart"
REGION = (
    "set AWS_DEFAULT_REGION in the repository Secret to the bucket's region, "
    "or correct the server's name in RESTIC_REPOSITORY"
)
BUCKET = "correct the name of the bucket or container in RESTIC_REPOSITORY"
ACCOUNT = "settle with the storage provider what keeps the account from being used"
QUOTA = "raise the limit of the bucket or the account, or free space in it"
LOCKED = "the storage keeps its objects from being changed: see the retention rules of the bucket"
ARCHIVED = "objects are in an archive: restore them to a class that can be read at once"
SLOW = "the storage server is overloaded or asks for fewer requests; nothing to do if it passes"
PACK = "lower RESTIC_PACK_SIZE, or let the server or the proxy before it take larger requests"
HTTPS = "begin the server's address in RESTIC_REPOSITORY with https://"
OTHER_SERVER = "the server is none of this kind: correct its address, port or path in RESTIC_REPOSITORY"


@frozen
class ProviderError:
    """One error of a provider; `words` is how its servers put it, where restic does not print the code.

    They are looked for in what `messages.words` leaves of a message.
    """

    provider: str
    code: str
    error_class: ErrorClass
    advice: str = ""
    words: str = ""


def rows(provider: str, *rows: tuple[str, ErrorClass, str, str]) -> tuple[ProviderError, ...]:
    """Return a row for each code; those of one tuple share class, next step and words."""
    return tuple(
        ProviderError(provider, code, error_class, advice, words)
        for codes, error_class, advice, words in rows
        for code in codes.split()
    )
