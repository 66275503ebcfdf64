"""The keys of the repository Secret that a mover is given, and values that restic would refuse, whoever looks first."""

from __future__ import annotations

from volsync_py.core.locations import Fault

# What restic takes for a size of packs in MiB; 0 is its own default.
_PACK_SIZES = range(4, 129)
_COMPRESSIONS = ("auto", "off", "max", "fastest", "better")
# restic reads numbers of 32 bits.
_MOST = 2**32 - 1
# White space at the ends of these was typed by nobody, so restic gets them without.
NUMBERS_AND_WORDS = ("RESTIC_PACK_SIZE", "RESTIC_READ_CONCURRENCY", "RESTIC_COMPRESSION")

# Keys that are passed on when the Secret has them, in this order.
OPTIONAL_KEYS = (
    "RESTIC_COMPRESSION",
    "RESTIC_PACK_SIZE",
    "RESTIC_READ_CONCURRENCY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "RESTIC_AWS_ASSUME_ROLE_ARN",
    "RESTIC_AWS_ASSUME_ROLE_SESSION_NAME",
    "RESTIC_AWS_ASSUME_ROLE_EXTERNAL_ID",
    "RESTIC_AWS_ASSUME_ROLE_POLICY",
    "RESTIC_AWS_ASSUME_ROLE_REGION",
    "RESTIC_AWS_ASSUME_ROLE_STS_ENDPOINT",
    "ST_AUTH",
    "ST_USER",
    "ST_KEY",
    "OS_AUTH_URL",
    "OS_REGION_NAME",
    "OS_USERNAME",
    "OS_USER_ID",
    "OS_PASSWORD",
    "OS_TENANT_ID",
    "OS_TENANT_NAME",
    "OS_USER_DOMAIN_NAME",
    "OS_USER_DOMAIN_ID",
    "OS_PROJECT_NAME",
    "OS_PROJECT_DOMAIN_NAME",
    "OS_PROJECT_DOMAIN_ID",
    "OS_TRUST_ID",
    "OS_APPLICATION_CREDENTIAL_ID",
    "OS_APPLICATION_CREDENTIAL_NAME",
    "OS_APPLICATION_CREDENTIAL_SECRET",
    "OS_STORAGE_URL",
    "OS_AUTH_TOKEN",
    "B2_ACCOUNT_ID",
    "B2_ACCOUNT_KEY",
    "AZURE_ACCOUNT_NAME",
    "AZURE_ACCOUNT_KEY",
    "AZURE_ACCOUNT_SAS",
    "AZURE_ENDPOINT_SUFFIX",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "GOOGLE_PROJECT_ID",
    "RESTIC_REST_USERNAME",
    "RESTIC_REST_PASSWORD",
)


def value_fault(name: str, value: str) -> Fault | None:
    """Return what is wrong with a value; "" and what is not looked at here are fine."""
    text = value.strip()
    if not text or name not in NUMBERS_AND_WORDS:
        return None
    if name == "RESTIC_COMPRESSION":
        if text in _COMPRESSIONS:
            return None
        return Fault(f"{name} in the repository Secret is no compression", f"use one of {', '.join(_COMPRESSIONS)}")
    # int() of a text without an end costs without an end.
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    if number is None or number > _MOST:
        return Fault(f"{name} in the repository Secret is no number", "give a number, or remove the key")
    if name == "RESTIC_PACK_SIZE" and number and number not in _PACK_SIZES:
        return Fault(f"{name} in the repository Secret is not between 4 and 128 (MiB)", "correct it, or remove the key")
    return None
