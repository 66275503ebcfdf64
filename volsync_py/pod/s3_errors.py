"""The errors of S3: the codes of Amazon's list, and what MinIO, Ceph, Backblaze and Wasabi add to it.

Of an S3 error restic prints the message and not the code, and of an answer to HEAD only the status line; hence the
words beside each code, which are those of the servers. Also here: the form of a row, and next steps that others share.
"""

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
    """One error of a provider; `words` is how its servers put it, where restic does not print the code."""

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


# The first row whose words fit counts, so what is more special comes first.
S3 = rows(
    "S3",
    ("RequestTimeTooSkewed", DENIED, CLOCK, r"difference between the request time and"),
    ("RequestExpired", DENIED, CLOCK, r"request has expired"),
    ("CapExceeded", FULL, QUOTA, r"\bcaps?( has been)? exceeded|see the caps & alerts page"),
    (
        "InvalidAccessKeyId",
        DENIED,
        KEYS,
        r"access ?key( id)?\b.*(does not exist|not valid|is invalid)|malformed access key"
        r"|\bkey .* is not valid$",
    ),
    (
        "SignatureDoesNotMatch",
        DENIED,
        KEYS,
        r"request signature|signature (does not|mis)match|signature validation failed",
    ),
    ("ExpiredToken", DENIED, TOKEN, r"token( included in the request)? (has|is) expired"),
    (
        "InvalidToken InvalidTokenId",
        DENIED,
        TOKEN,
        r"token( included in the request)? is (malformed|invalid|not valid)",
    ),
    ("TokenRefreshRequired", DENIED, TOKEN, r"provided token must be refreshed"),
    ("InvalidClientTokenId", DENIED, KEYS, r"security token included in the request is invalid"),
    ("InvalidSecurity", DENIED, KEYS, r"provided security credentials are not valid"),
    (
        "MissingSecurityHeader NoAccessKey",
        DENIED,
        ADD_KEYS,
        r"no awsaccesskey was presented|missing a required header",
    ),
    ("AccountProblem", DENIED, ACCOUNT, r"problem with your (\w+ )?account"),
    ("AllAccessDisabled InvalidPayer", DENIED, ACCOUNT, r"all access to this .*has been disabled"),
    ("NotSignedUp OptInRequired", DENIED, ACCOUNT, r"not signed up|needs a subscription for the service"),
    (
        "UserSuspended RequestNotAuthorized AccountNotActivated",
        DENIED,
        ACCOUNT,
        r"(user|account) is (suspended|inactive|not active)",
    ),
    ("ObjectLocked", DENIED, LOCKED, r"worm protected|protected by object lock"),
    ("AuthenticationLockout", DOWN, SLOW, r"too many attempts to access the account"),
    (
        "AccessDenied AccessForbidden UnauthorizedAccess",
        DENIED,
        RIGHTS,
        r"access denied|is not authorized to perform|access forbidden"
        r"|not allowed according to your bucket policy|not entitled",
    ),
    ("AuthorizationHeaderMalformed", WRONG, REGION, r"authorization header.*(malformed|not valid|invalid)"),
    (
        "PermanentRedirect EndpointNotFound",
        WRONG,
        REGION,
        r"must be addressed using the specified endpoint|missing location header"
        r"|direct requests to the correct endpoint",
    ),
    (
        "IllegalLocationConstraintException IncorrectEndpoint",
        WRONG,
        REGION,
        r"location constraint is incompatible|bucket exists in another region",
    ),
    (
        "InvalidRegion InvalidLocationConstraint",
        WRONG,
        REGION,
        r"region does not match|location.constraint is not valid",
    ),
    (
        "InvalidBucketName",
        WRONG,
        BUCKET,
        r"specified bucket is not valid|^(?:.*: )?bucket name (cannot|contains|has|pattern)"
        r"|invalid bucket name",
    ),
    ("BucketAlreadyExists", WRONG, BUCKET, r"requested bucket name is not available"),
    ("TooManyBuckets", WRONG, QUOTA, r"attempted to create more buckets than"),
    (
        "XMinioInsecureClientRequest",
        WRONG,
        HTTPS,
        r"plain-text request from tls-encrypted|http request to an https server"
        r"|plain http request was sent to https",
    ),
    (
        "MethodNotAllowed NotImplemented APINotSupported",
        WRONG,
        OTHER_SERVER,
        r"method is not allowed against this resource|functionality that is not implemented"
        r"|s3 api requests must be made to api port",
    ),
    (
        "EntityTooLarge MaxMessageLengthExceeded",
        WRONG,
        PACK,
        r"exceeds the maximum allowed|your request was too (big|large)",
    ),
    (
        "InvalidObjectState",
        WRONG,
        ARCHIVED,
        r"not valid for the (object's storage class|current state of the object)",
    ),
    (
        "KMS.DisabledException KMS.NotFoundException KMS.KMSInvalidStateException",
        DENIED,
        ACCOUNT,
        r"kms (key|authorization)? ?.*(disabled|not found|pending|failed)",
    ),
    (
        "QuotaExceeded XMinioAdminBucketQuotaExceeded",
        FULL,
        QUOTA,
        r"quota( has been| is)? exceeded|exceed\w* (the |your )?(\w+ )?quota",
    ),
    (
        "InsufficientStorage XMinioStorageFull InsufficientStorageSpace",
        FULL,
        QUOTA,
        r"minimum free (disk|drive) threshold|insufficient storage|not enough (free |storage )?space",
    ),
    ("NoSuchBucket", MISSING, "", r"bucket does not exist|nosuchbucket"),
    (
        "SlowDown BandwidthLimitExceeded RequestLimitExceeded Throttling TooManyRequests RequestRateLimitExceeded",
        DOWN,
        SLOW,
        r"reduce your request rate|request rate|limit for .* requests|rate exceeded|throttl",
    ),
    (
        "ServiceUnavailable Busy Unavailable XMinioServerNotInitialized",
        DOWN,
        SLOW,
        r"service (is )?(temporarily )?unavailable|temporarily unavailable|server not initialized",
    ),
    ("InternalError", DOWN, "", r"encountered an internal error"),
    (
        "RequestTimeout OperationAborted TemporaryRedirect",
        DOWN,
        "",
        r"not read from or written to within|conflicting conditional operation|re-?send this request"
        r"|being redirected to the bucket",
    ),
    (
        "IncompleteBody BadDigest XAmzContentSHA256Mismatch",
        DOWN,
        "",
        r"did not provide the number of bytes|did not match what",
    ),
)
