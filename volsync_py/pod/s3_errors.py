"""The errors of S3: the codes of Amazon's list, and what MinIO, Ceph, Backblaze and Wasabi add to it.

Of an S3 error restic prints the message and not the code, and of an answer to HEAD only the status line; hence the
words beside each code, which are those of the servers.
"""

from __future__ import annotations

from volsync_py.pod.storage_error import (
    ACCOUNT,
    ADD_KEYS,
    ARCHIVED,
    BUCKET,
    CLOCK,
    DENIED,
    DOWN,
    FULL,
    HTTPS,
    KEYS,
    LOCKED,
    MISSING,
    OTHER_SERVER,
    PACK,
    QUOTA,
    REGION,
    RIGHTS,
    SLOW,
    TOKEN,
    WRONG,
    rows,
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
