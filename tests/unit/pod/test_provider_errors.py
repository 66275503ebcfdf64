"""What providers answer, in the form in which restic prints it, and the class and next step of each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.pod.classify import Output, classify, is_damage_of_file, is_hopeless, judge, trouble_of
from volsync_py.pod.provider_errors import HEALING, PROVIDER_ERRORS
from volsync_py.pod.storage_error import ProviderError

RETRY = "Stat(<config/>) returned error, retrying after 1.005736954s: "
LATER = "Save(<data/9f0a1b2c3d>) returned error, retrying after 1.005736954s: client.PutObject: "
OPEN = "Fatal: unable to open repository at {}: "
RULE = "-" * 80
DENIED, WRONG, FULL = "AccessDenied", "Configuration", "TargetFull"
DOWN, MISSING = "Unreachable", "RepositoryMissing"

S3 = [
    ("The AWS Access Key Id you provided does not exist in our records.", DENIED, "AWS_ACCESS_KEY_ID"),
    ("Malformed Access Key Id", DENIED, "AWS_ACCESS_KEY_ID"),
    ("The key 'K0001' is not valid", DENIED, "AWS_ACCESS_KEY_ID"),
    ("The request signature we calculated does not match the signature you provided.", DENIED, "AWS_SECRET_ACCESS_KEY"),
    ("Signature validation failed", DENIED, "AWS_SECRET_ACCESS_KEY"),
    ("Access Denied.", DENIED, "credentials"),
    (
        "User: arn:aws:iam::1:user/a is not authorized to perform: s3:ListBucket on resource: x",
        DENIED,
        "credentials",
    ),
    ("The provided token has expired.", DENIED, "AWS_SESSION_TOKEN"),
    ("The provided token is malformed or otherwise not valid.", DENIED, "AWS_SESSION_TOKEN"),
    ("The security token included in the request is invalid", DENIED, "AWS_SESSION_TOKEN"),
    ("The provided token must be refreshed.", DENIED, "AWS_SESSION_TOKEN"),
    ("The difference between the request time and the server's time is too large.", DENIED, "clock"),
    ("Request has expired", DENIED, "clock"),
    ("There is a problem with your AWS account that prevents the operation.", DENIED, "account"),
    ("All access to this Amazon S3 resource has been disabled.", DENIED, "account"),
    ("Your account is not signed up for the Amazon S3 service.", DENIED, "account"),
    ("Error response code UserSuspended.", DENIED, "account"),
    ("Object is WORM protected and cannot be overwritten", DENIED, "retention"),
    (
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
        WRONG,
        "AWS_DEFAULT_REGION",
    ),
    (
        "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all "
        "future requests to this endpoint.",
        WRONG,
        "AWS_DEFAULT_REGION",
    ),
    ("The eu location constraint is incompatible for the region specific endpoint.", WRONG, "AWS_DEFAULT_REGION"),
    ("Region does not match, expecting region ‘eu’.", WRONG, "AWS_DEFAULT_REGION"),
    ("301 Moved Permanently", WRONG, "AWS_DEFAULT_REGION"),
    ("400 Bad Request", WRONG, "AWS_SESSION_TOKEN"),
    ("The specified bucket is not valid.", WRONG, "bucket"),
    ("Bucket name cannot be shorter than 3 characters", WRONG, "bucket"),
    ("The specified method is not allowed against this resource.", WRONG, "RESTIC_REPOSITORY"),
    ("S3 API Requests must be made to API port.", WRONG, "RESTIC_REPOSITORY"),
    ("Client sent an HTTP request to an HTTPS server.", WRONG, "https://"),
    ("The operation is not valid for the object's storage class", WRONG, "archive"),
    ("Bucket quota exceeded", FULL, "limit"),
    ("Error response code QuotaExceeded.", FULL, "limit"),
    ("Error response code XMinioStorageFull.", FULL, "limit"),
    ("Storage backend has reached its minimum free drive threshold.", FULL, "limit"),
    ("Error response code InsufficientStorage.", FULL, "limit"),
    ("Transaction cap exceeded, see the Caps & Alerts page to increase your cap.", FULL, "limit"),
    ("The specified bucket does not exist", MISSING, ""),
    ("Please reduce your request rate.", DOWN, "overloaded"),
    ("Service is unable to handle request: 503 Slow Down", DOWN, "overloaded"),
    ("Server not initialized, please try again.", DOWN, "overloaded"),
    ("429 Too Many Requests", DOWN, "overloaded"),
    ("We encountered an internal error, please try again.", DOWN, ""),
    ("500 Internal Server Error", DOWN, ""),
    ("A conflicting conditional operation is currently in progress against this resource.", DOWN, ""),
    ("There have been too many attempts to access the account with the wrong credentials.", DOWN, "overloaded"),
]
AT_ONCE = [
    (OPEN.format("s3:http://h/bucket") + "s3.getCredentials: no credentials found.", WRONG, "AWS_SECRET_ACCESS_KEY to"),
    (OPEN.format("azure:c:/p") + "Account name ($AZURE_ACCOUNT_NAME) is empty", WRONG, "add AZURE_ACCOUNT_NAME"),
    (OPEN.format("azure:c:/p") + "NewSharedKeyCredential: decode account key: illegal", WRONG, "AZURE_ACCOUNT_KEY"),
    (OPEN.format("gs:b:/p") + "google: could not find default credentials.", WRONG, "add GOOGLE_APPLICATION"),
    (OPEN.format("b2:b:/p") + "Fatal: unable to open B2 backend: Key ($B2_ACCOUNT_KEY) is empty", WRONG, "add B2_"),
    (OPEN.format("b2:b:/p") + "b2.NewClient: b2_authorize_account: 401: invalid applicationKeyId", DENIED, "B2_"),
    (OPEN.format("b2:b:/p") + "b2.NewClient: b2_authorize_account: 401: ", DENIED, "B2_"),
    (OPEN.format("b2:b:/p") + "b2_get_upload_url: 403: Usage cap exceeded.", FULL, "limit"),
    (OPEN.format("b2:b:/p") + "connection to B2 failed", DOWN, ""),
    (OPEN.format("swift:c:/p") + "conn.Authenticate: Authorization Failed", DENIED, "OS_*"),
    (OPEN.format("swift:c:/p") + "conn.Container: Operation forbidden", DENIED, "OS_*"),
    (OPEN.format("swift:c:/p") + "conn.Authenticate: Can't find AuthVersion in AuthUrl", WRONG, "add the OS_*"),
    (OPEN.format("swift:c:/p") + "conn.Authenticate: HTTP Error: 404: 404 Not Found", WRONG, "OS_AUTH_URL"),
    (OPEN.format("swift:c:/p") + "conn.Container: HTTP Error: 503: 503 Service Unavailable", DOWN, ""),
    (OPEN.format("rest:http://h/") + "unexpected HTTP response (507): 507 Insufficient Storage", FULL, "limit"),
    ("subprocess ssh: u@h: Permission denied (publickey,password).", DENIED, "SSH"),
    ("subprocess ssh: Host key verification failed.", WRONG, "SSH"),
    ("subprocess ssh: ssh: Could not resolve hostname h: Name or service not known", DOWN, ""),
    ('Fatal: unable to save: sftp: "Permission denied" (SSH_FX_PERMISSION_DENIED)', DENIED, "SFTP"),
    ("subprocess rclone: CRITICAL: Failed to create: didn't find section in config file", WRONG, "RCLONE_CONFIG_"),
    ("subprocess rclone: couldn't fetch token: invalid_grant: maybe token expired?", DENIED, "RCLONE_CONFIG_"),
    ('Fatal: invalid value for RESTIC_COMPRESSION "zstd": invalid compression mode "zstd"', WRONG, ""),
    ("pack size larger than limit of 128 MiB", WRONG, ""),
    ("Fatal: --exclude: invalid pattern(s) provided:\ncache[0-9", WRONG, ""),
]
RETRIED = [
    ('Get "https://h/bucket/?location=": http: server gave HTTP response to HTTPS client', WRONG, "http://"),
    ('Head "https://h/p/config": tls: first record does not look like a TLS handshake', WRONG, "http://"),
    ('Head "http://h": malformed HTTP response "\\x15\\x03\\x01"', WRONG, "https://"),
    ('Get "http://h": net/http: invalid header field value for "Authorization"', WRONG, "line breaks"),
    ('Get "https://h": Proxy Authentication Required', WRONG, "HTTPS_PROXY"),
    ('Get "https://h": tls: failed to verify certificate: x509: certificate signed by unknown', DENIED, "customCA"),
    (f"blob.GetProperties: HEAD https://a.b/c\n{RULE}\nRESPONSE 403: 403 Forbidden\nERROR CODE: AuthorizationFailure\n"
     f"{RULE}", DENIED, "firewall"),
    ("blob.GetProperties: HEAD https://a.b/c\nRESPONSE 404: 404 Not\nERROR CODE: ContainerNotFound", MISSING, ""),
    ("blob.GetProperties: HEAD https://a.b/c\nRESPONSE 503: 503 Busy\nERROR CODE: ServerBusy", DOWN, "overloaded"),
    ("blob.GetProperties: HEAD https://a.b/c\nRESPONSE 401: 401 No\nERROR CODE UNAVAILABLE", DENIED, ""),
    ("blob.GetProperties: DefaultAzureCredential: failed to acquire a token.\nAttempted", WRONG, "AZURE_ACCOUNT_KEY"),
    ("googleapi: Error 403: a@b does not have storage.objects.get access, forbidden", DENIED, "credentials"),
    ("googleapi: Error 403: The billing account for the project is disabled, accountDisabled", DENIED, "account"),
    ("googleapi: Error 429: slow, rateLimitExceeded", DOWN, "overloaded"),
    ("googleapi: Error 401: Invalid Credentials, authError", DENIED, "GOOGLE_APPLICATION_CREDENTIALS"),
    ("googleapi: got HTTP response code 503 with body: ", DOWN, ""),
    ('Get "https://storage.googleapis.com/x": oauth2: cannot fetch token: 400 Bad Request', DENIED, "GOOGLE"),
    ("unexpected HTTP response (401): 401 Unauthorized", DENIED, ""),
    ("unexpected HTTP response (405): 405 Method Not Allowed", WRONG, "RESTIC_REPOSITORY"),
    ("unexpected HTTP response (413): 413 Request Entity Too Large", WRONG, "RESTIC_PACK_SIZE"),
    ("unexpected HTTP response (502): 502 Bad Gateway", DOWN, ""),
    ("Head config: request timeout", DOWN, ""),
    ('Get "http://h": dial tcp: lookup accessdenied.example.com on 10.0.0.1:53: no such host', DOWN, ""),
    ('Get "http://h/": EOF', DOWN, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected", "advice"),
    [
        *((f"{RETRY}Stat: {text}", expected, advice) for text, expected, advice in S3),
        *((RETRY + text, expected, advice) for text, expected, advice in RETRIED),
        *AT_ONCE,
    ],
)
def test_an_answer_has_its_class_and_its_next_step(line: str, expected: str, advice: str) -> None:
    error_class, given = judge(1, Output((line,)))
    assert error_class == expected
    assert advice in given


@pytest.mark.parametrize(("text", "expected"), [(text, expected) for text, expected, _ in [*S3, *RETRIED]])
def test_a_retry_is_waited_for_if_time_may_mend_it_and_only_then(text: str, expected: str) -> None:
    assert is_hopeless(RETRY + text, "/cache") == (None if expected == DOWN else expected)


@pytest.mark.parametrize("status", ["400 Bad Request", "301 Moved Permanently", "501 Not Implemented"])
def test_what_a_server_that_has_answered_before_suddenly_refuses_may_pass(status: str) -> None:
    assert is_hopeless(LATER + status, "/cache") is None
    assert classify(1, [LATER + status]) == DOWN


def printed(provider: str, code: str) -> str:
    """Return how the provider's library in restic prints a code."""
    return {
        "S3": f"Stat: Error response code {code}.",
        "Azure": f"blob.GetProperties: HEAD https://a/c\n{RULE}\nRESPONSE 418: 418 Any\nERROR CODE: {code}\n{RULE}",
        "GCS": f"googleapi: Error 418: any, {code}",
    }[provider]


@pytest.mark.parametrize("row", [row for row in PROVIDER_ERRORS if row.provider in ("S3", "Azure", "GCS")])
def test_each_code_of_the_tables_is_recognised_as_its_provider_s_library_prints_it(
    row: ProviderError,
) -> None:
    assert trouble_of(RETRY + printed(row.provider, row.code)) is row


@pytest.mark.parametrize("row", [row for row in PROVIDER_ERRORS if row.error_class not in HEALING])
def test_what_does_not_pass_by_itself_has_a_next_step(row: ProviderError) -> None:
    assert row.advice or row.error_class == MISSING


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (one, text)
        for one in ("repository", "damaged")
        for text in ("AccessDenied", "Access Denied", "403 Forbidden", "x509: y", "x: Bucket quota exceeded", "EOF")
    ],
)
def test_a_name_of_a_file_leads_to_no_class(row: str, name: str) -> None:
    errors = {
        "repository": f"lstat {name}: no such file or directory",
        "damaged": f"parts of {name} not found in the repository index; storing the file again",
    }
    expected = {"repository": "Unknown", "damaged": "RepositoryDamaged"}[row]
    assert classify(1, ["Fatal: There were 1 errors"], [errors[row]]) == expected


WORDS = st.sampled_from(
    [text for text, _, _ in S3]
    + ["AccessDenied", "ExpiredToken", "no credentials found", "pack 0a is damaged", "ciphertext verification failed"]
)


@given(words=WORDS, before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_name_of_a_file_whatever_it_is_damages_a_repository_or_refuses_a_key(
    words: str, before: str, after: str
) -> None:
    name = (before + words + after).replace("\x00", "")
    for text in (f"open {name}: permission denied", f"lchown /restored/{name}: permission denied"):
        assert not is_damage_of_file(text, "/" + name)
        assert classify(1, ["Fatal: There were 1 errors"], [text]) == "Configuration"


@given(words=WORDS)
def test_no_name_of_a_place_leads_to_a_class(words: str) -> None:
    name = words.replace(" ", "")
    for line in (
        f'{RETRY}Get "http://host/{words}/?location=": dial tcp 10.0.0.1:1: connect: connection refused',
        f"{RETRY}dial tcp: lookup {name} on 10.0.0.1:53: no such host",
        f"Fatal: unable to open repository at rest:http://host/{name}/: connection refused",
        f"{RETRY}open /{name}/config: input/output error\n/{words}",
    ):
        assert classify(1, [line]) == "Unreachable"
