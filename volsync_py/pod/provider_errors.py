"""What storage providers answer when they refuse or fail, as far as restic lets it through: code, class, next step.

The codes are those of the providers' own lists: S3 and its kin, Azure's common and blob codes, Google Cloud Storage's
reasons and those of its OAuth, B2, Swift, HTTP itself, SSH, rclone; and what restic says before it asks a server.
Nothing here looks at names: `known_error` wants the text without those of files, hosts and places (`messages.words`).
"""

from __future__ import annotations

import re

from volsync_py.pod.s3_errors import S3
from volsync_py.pod.storage_error import (
    ACCOUNT,
    ADD_KEYS,
    ARCHIVED,
    BUCKET,
    DENIED,
    DOWN,
    FULL,
    HTTPS,
    LOCKED,
    MISSING,
    OTHER_SERVER,
    PACK,
    QUOTA,
    REGION,
    RIGHTS,
    SLOW,
    WRONG,
    ProviderError,
    rows,
)

# What passes by itself; every other class stays until somebody changes something.
HEALING = frozenset({DOWN})

_HTTP = (
    "the server speaks no TLS at this port: correct the port in RESTIC_REPOSITORY, or begin the address with http://"
)
_CA = "let customCA name the certificate authority of the storage server, or correct the server's certificate"
_AZURE = "correct AZURE_ACCOUNT_NAME and AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS in the repository Secret"
_AZURE_RIGHTS = "let the account, the SAS token and the account's firewall allow reading, writing, listing and deleting"
_GOOGLE = "correct GOOGLE_APPLICATION_CREDENTIALS in the repository Secret"
_B2 = "correct B2_ACCOUNT_ID and B2_ACCOUNT_KEY in the repository Secret"
_SWIFT = "correct the OS_* or ST_* keys in the repository Secret"
_SSH = "correct the key, the user and the known hosts of the SSH client"
_REFUSES = (
    "the server does not say what is wrong: check the region (AWS_DEFAULT_REGION), the age of a session token "
    "(AWS_SESSION_TOKEN), the keys, and the address in RESTIC_REPOSITORY"
)

# Azure's code is on a line of its own, so no words are needed.
_AZURE_BLOB = rows(
    "Azure",
    ("AuthenticationFailed InvalidAuthenticationInfo NoAuthenticationInformation", DENIED, _AZURE, ""),
    ("AuthorizationFailure AuthorizationPermissionMismatch AuthorizationProtocolMismatch", DENIED, _AZURE_RIGHTS, ""),
    ("AuthorizationResourceTypeMismatch AuthorizationServiceMismatch", DENIED, _AZURE_RIGHTS, ""),
    ("AuthorizationSourceIPMismatch InsufficientAccountPermissions", DENIED, _AZURE_RIGHTS, ""),
    ("PublicAccessNotPermitted KeyBasedAuthenticationNotPermitted", DENIED, _AZURE_RIGHTS, ""),
    ("AccountIsDisabled ContainerDisabled KeyVaultEncryptionKeyNotFound", DENIED, ACCOUNT, ""),
    ("BlobImmutableDueToPolicy LeaseIdMissing BlobImmutableDueToLegalHold", DENIED, LOCKED, ""),
    ("InvalidResourceName InvalidUri OutOfRangeInput ResourceTypeMismatch", WRONG, BUCKET, ""),
    ("FeatureVersionMismatch UnsupportedHeader UnsupportedHttpVerb InvalidHttpVerb", WRONG, OTHER_SERVER, ""),
    ("BlobArchived BlobBeingRehydrated", WRONG, ARCHIVED, ""),
    ("RequestBodyTooLarge MaxBlobSizeConditionNotMet", WRONG, PACK, ""),
    ("ContainerNotFound", MISSING, "", ""),
    ("ServerBusy OperationTimedOut", DOWN, SLOW, ""),
    ("InternalError AccountBeingCreated ContainerBeingDeleted Md5Mismatch RequestTimeout", DOWN, "", ""),
)
_GOOGLE_STORAGE = rows(
    "GCS",
    ("invalid_grant invalid_client unauthorized_client access_denied invalid_scope", DENIED, _GOOGLE, ""),
    ("token", DENIED, _GOOGLE, r"cannot fetch token: 40[0-4]"),
    ("authError required keyInvalid keyExpired expired", DENIED, _GOOGLE, ""),
    ("forbidden insufficientPermissions accessDenied domainPolicy countryBlocked", DENIED, RIGHTS, ""),
    ("accountDisabled userProjectAccountProblem userProjectMissing userProjectInvalid", DENIED, ACCOUNT, ""),
    ("retentionPolicyNotMet objectUnderActiveHold", DENIED, LOCKED, ""),
    ("invalid invalidParameter badRequest", WRONG, BUCKET, ""),
    ("sslRequired", WRONG, HTTPS, ""),
    ("uploadTooLarge", WRONG, PACK, ""),
    ("rateLimitExceeded userRateLimitExceeded dailyLimitExceeded quotaExceeded", DOWN, SLOW, ""),
    ("backendError internalError conflict", DOWN, "", ""),
)
# B2, Swift and the programs that restic starts print no codes; the keys are those of their documentation.
_OTHERS = (
    *rows(
        "B2",
        ("cap_exceeded storage_cap_exceeded transaction_cap_exceeded", FULL, QUOTA, r"b2_\w+: 403: .*cap"),
        ("unauthorized bad_auth_token expired_auth_token unsupported", DENIED, _B2, r"b2_\w+: 401:"),
        ("access_denied", DENIED, _B2, r"b2_\w+: 403:"),
        ("bad_request", WRONG, BUCKET, r"b2_\w+: 400:"),
        ("service_unavailable too_many_requests", DOWN, SLOW, r"b2_\w+: (408|429|5\d\d):|connection to b2 failed"),
    ),
    *rows(
        "Swift",
        ("401 403", DENIED, _SWIFT, r"authorization failed|operation forbidden"),
        ("quota", FULL, QUOTA, r"upload exceeds quota"),
        (
            "auth-404",
            WRONG,
            "correct OS_AUTH_URL or ST_AUTH in the repository Secret",
            r"conn\.authenticate: http error: 404",
        ),
        ("auth-version", WRONG, "add the OS_* or ST_* keys to the repository Secret", r"can't find authversion"),
        ("413", WRONG, PACK, r"too large object"),
        ("429 498", DOWN, SLOW, r"\btoomanyrequests\b|\brate limit\b"),
        ("408", DOWN, "", r"timeout when reading or writing data"),
    ),
    *rows(
        "SFTP",
        (
            "publickey",
            DENIED,
            _SSH,
            r"permission denied \((publickey|password|keyboard)|too many authentication failures",
        ),
        (
            "SSH_FX_PERMISSION_DENIED",
            DENIED,
            "let the user of the SFTP server write to the repository's folder",
            r"ssh_fx_permission_denied",
        ),
        (
            "host-key",
            WRONG,
            _SSH,
            r"host key verification failed|unprotected private key"
            r"|load key .*(invalid format|libcrypto|bad permissions)",
        ),
        (
            "SSH_FX_NO_CONNECTION",
            DOWN,
            "",
            r"could not resolve hostname|ssh_fx_(no_connection|connection_lost)|unable to start the sftp session",
        ),
    ),
    *rows(
        "rclone",
        (
            "config",
            WRONG,
            "correct the RCLONE_CONFIG_* keys in the repository Secret",
            r"didn't find section in config file|didn't find backend called",
        ),
        (
            "token",
            DENIED,
            "renew the token in the RCLONE_CONFIG_* keys of the repository Secret",
            r"couldn't fetch token|failed to refresh token|empty token found",
        ),
        ("start", DOWN, "", r"error talking http to rclone"),
    ),
)
# What restic and the libraries in it say before anything is asked of a server, and of the connection to it.
_CLIENT = rows(
    "restic",
    ("no-credentials", WRONG, ADD_KEYS, r"no credentials found"),
    ("azure-account", WRONG, "add AZURE_ACCOUNT_NAME to the repository Secret", r"\$azure_account_name\) is empty"),
    (
        "azure-token",
        WRONG,
        "add AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS to the repository Secret, or give the mover a workload identity",
        r"defaultazurecredential: failed to acquire a token|azureclicredential",
    ),
    ("azure-key", WRONG, _AZURE, r"decode account key"),
    (
        "google-credentials",
        WRONG,
        "add GOOGLE_APPLICATION_CREDENTIALS and GOOGLE_PROJECT_ID to the repository Secret",
        r"could not find default credentials",
    ),
    ("google-file", WRONG, _GOOGLE, r"getting credentials using google_application_credentials"),
    (
        "b2-keys",
        WRONG,
        "add B2_ACCOUNT_ID and B2_ACCOUNT_KEY to the repository Secret",
        r"\$b2_account_(id|key)\) is empty",
    ),
    ("azure-ad", DENIED, "correct the identity that AZURE_TENANT_ID and AZURE_CLIENT_ID name", r"\baadsts\d+"),
    (
        "header",
        WRONG,
        "take line breaks and other control characters out of the keys of the repository Secret",
        r"invalid header field value",
    ),
    ("no-tls", WRONG, _HTTP, r"server gave http response to https client|does not look like a tls handshake"),
    ("tls", WRONG, HTTPS, r"malformed http response"),
    (
        "certificate",
        DENIED,
        _CA,
        r"x509:|unknown authority|certificate is not valid|certificate has expired|certificate required"
        r"|(bad|unknown) certificate",
    ),
    ("proxy", WRONG, "correct the credentials in HTTPS_PROXY", r"proxy authentication required"),
    (
        "network",
        DOWN,
        "",
        r"connection refused|no such host|i/o timeout|deadline exceeded|connection reset|broken pipe"
        r"|network is unreachable|no route to host|connection timed out|server misbehaving|request timeout"
        r"|circuit breaker open|tls handshake timeout|use of closed network connection|stream error"
        r"|(^|: )(unexpected )?eof$",
    ),
)
PROVIDER_ERRORS = (*_CLIENT, *S3, *_AZURE_BLOB, *_GOOGLE_STORAGE, *_OTHERS)
_BY_WORDS = tuple((re.compile(row.words, re.IGNORECASE), row) for row in PROVIDER_ERRORS if row.words)
_BY_CODE = {(row.provider, row.code): row for row in PROVIDER_ERRORS}
# How each provider's library prints a code: at the end of its own sentence, or on a further line of a form of its own.
_CODES = (
    ("S3", re.compile(r"\A.*Error response code ([\w.]+)\.$", re.MULTILINE)),
    ("Azure", re.compile(r"^\s*ERROR CODE: (\w+)\s*$", re.MULTILINE)),
    ("GCS", re.compile(r"\A.*googleapi: Error \d+: .*, (\w+)$", re.MULTILINE)),
    ("GCS", re.compile(r"^Reason: (\w+), Message:", re.MULTILINE)),
    ("GCS", re.compile(r'^Response: \{\s*"error":\s*"(\w+)"', re.MULTILINE)),
)
_STATUS = re.compile(
    r"unexpected HTTP response \((\d{3})\)|googleapi: Error (\d{3}):|googleapi: got HTTP response code (\d{3})"
    r"|HTTP Error: (\d{3}):|cannot fetch token: (\d{3})|(?:^|: )(\d{3}) [A-Z][A-Za-z -]*$"
)
_STATUS_LINE = re.compile(r"^RESPONSE (\d{3}):", re.MULTILINE)
_BY_STATUS = {
    **dict.fromkeys((401, 402, 403), ProviderError("HTTP", "403", DENIED)),
    407: _BY_CODE["restic", "proxy"],
    413: ProviderError("HTTP", "413", WRONG, PACK),
    507: ProviderError("HTTP", "507", FULL, QUOTA),
    **dict.fromkeys((301, 302, 307, 308), ProviderError("HTTP", "301", WRONG, REGION)),
    **dict.fromkeys((405, 501), ProviderError("HTTP", "405", WRONG, OTHER_SERVER)),
    400: ProviderError("HTTP", "400", WRONG, _REFUSES),
    **dict.fromkeys((408, 425, 429, 503), ProviderError("HTTP", "503", DOWN, SLOW)),
}
_SERVER_ERROR = ProviderError("HTTP", "500", DOWN)
# These say that a server is none of ours only at the first request; later on they may be a proxy's whim.
_ONLY_AT_FIRST = frozenset({400, 301, 302, 307, 308, 405, 501})


def known_error(text: str, *, is_first: bool = True) -> ProviderError | None:
    """Return what is known of an error that restic tells of, or None.

    Words count on the first line only; on further ones libraries put codes, and answers their bodies. `is_first`: it
    is of the first requests, before which the server has never answered.
    """
    for provider, pattern in _CODES:
        found = pattern.search(text)
        if found and (provider, found[1]) in _BY_CODE:
            return _BY_CODE[provider, found[1]]
    first = text.partition("\n")[0]
    for pattern, row in _BY_WORDS:
        if pattern.search(first):
            return row
    found = _STATUS.search(first) or _STATUS_LINE.search(text)
    if found is None:
        return None
    status = int(next(group for group in found.groups() if group))
    if status in _ONLY_AT_FIRST and not is_first:
        return _SERVER_ERROR
    return _BY_STATUS.get(status) or (_SERVER_ERROR if status >= 500 else None)
