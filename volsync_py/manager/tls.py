"""What TLS an endpoint speaks, in Kubernetes' words for it.

The words are those of `--tls-min-version` and `--tls-cipher-suites` of Kubernetes' own servers. As there, the suites of
TLS 1.3 are all on and cannot be chosen.
"""

from __future__ import annotations

import ssl

from attrs import frozen

_VERSIONS = {"VersionTLS12": ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3}
# Go's secure ones for TLS 1.2, each with OpenSSL's name.
SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_OF_TLS_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


@frozen
class Tls:
    """The oldest version, and OpenSSL's names of the suites of TLS 1.2; none: those that Python takes."""

    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    suites: tuple[str, ...] = ()

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a server, which has no certificate yet."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.min_version
        if self.suites:
            context.set_ciphers(":".join(self.suites))
        return context


def parse_version(text: str) -> ssl.TLSVersion:
    """Return a version by Kubernetes' name; ValueError with a sentence for another."""
    if text not in _VERSIONS:
        raise ValueError(f"{text!r} is neither of {', '.join(_VERSIONS)}")
    return _VERSIONS[text]


def parse_suites(text: str) -> tuple[str, ...]:
    """Return OpenSSL's names of a list with commas; ValueError with a sentence if one is not known, or none is left."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in SUITES and name not in _OF_TLS_1_3]
    if unknown:
        raise ValueError(f"{', '.join(map(repr, unknown))}: not among {', '.join(SUITES)}")
    chosen = tuple(SUITES[name] for name in names if name in SUITES)
    if names and not chosen:
        raise ValueError("none of these is of TLS 1.2: name one, or say --tls-min-version=VersionTLS13 instead")
    return chosen
