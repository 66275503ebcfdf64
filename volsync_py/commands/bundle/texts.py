"""Texts, such as messages and logs, as they may be attached to a report: without what reads like a secret. Pure."""

from __future__ import annotations

import re

from volsync_py.health.words import plain
from volsync_py.movers.restic.outcome import CLASSES

HIDDEN = "(hidden)"
_WORD = re.compile(r"\S+")
# Where a URL begins after a space, with what may stand before it: a quote, a bracket, a name of a variable's.
_URL = re.compile(r"(?<!\S)(?=[\w\"'(=]{0,40}[A-Za-z][A-Za-z0-9.+:-]{0,40}://)")
# Ends user information; in the name of an image, a digest follows.
_AT = re.compile(r"@(?!sha256:[0-9a-f]{64})")
# One letter, as many programs take a password: attached or not, and with the user before it.
_SHORT_FLAG = re.compile(r"(?<![\w./-])(-p|-[aw](?=[\s\"',\\])|-u(?=[\s\"',\\]{0,9}+[^\s:]{0,64}+:))[^\n]+")
# A name with what stands between it and its value: a mark, or, after a flag, a space. Texts may be long, and anybody's:
# each of these patterns begins at the begin of a word alone, and gives nothing back of what it has taken.
_VALUE_OF = re.compile(
    r"(?<![\w.-])(?:(?P<name>[\w.-]++)(?P<mark>\\*+[\"']?\s*+[=:]\s*+)|(?P<flag>-[\w.-]++)\\*+[\"']?(?:,\s*+|\s++))"
)
# What such a name says; `key ID`, by which restic names a key, has no mark.
_SECRET_NAME = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|authorization|signature|account[_-]?key|access[_-]?key|"
    r"private[_-]?key|api[_-]?key|connection[_-]?string|\bsig\b|(?:pass|key|auth|psk|otp|2fa|sas|bearer|cookie|mnemonic)\Z",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(Bearer|Basic)\s+\S+", re.IGNORECASE)
# A JSON web token, and the ids of keys of AWS.
_SHAPED = re.compile(r"\beyJ[\w-]{8}[\w.-]*+|\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def text_of(said: str) -> str:
    """Return a text without what reads like a secret, and as it may go to a terminal."""
    said = _PRIVATE_KEY.sub(HIDDEN, said)
    said = "\n".join("".join(map(_without_user, _URL.split(line))) for line in said.split("\n"))
    said = _SHORT_FLAG.sub(rf"\1 {HIDDEN}", said)
    said = _without_named(said)
    said = _SCHEME.sub(rf"\1 {HIDDEN}", said)
    return plain(_SHAPED.sub(HIDDEN, said), lines=True)


def _without_user(part: str) -> str:
    """Hide the user information in a part of a line that has one URL.

    A password may hold a slash, an at sign and a space: all up to the last at sign goes.
    """
    before, slashes, after = part.partition("//")
    end = _last_at(after)
    if end >= 0 and (":" in after[:end] or not re.search(r"\s", after[:end])):
        return f"{_WORD.sub(_without_password, before)}{slashes}{HIDDEN}{after[end:]}"
    return _WORD.sub(_without_password, part)


def _without_password(word: re.Match[str]) -> str:
    """Hide what is before the at sign of a word, if there are a name and a password, or a URL's user."""
    before, slashes, after = word[0].partition("//")
    if slashes and (end := _last_at(after)) >= 0:
        return f"{before}{slashes}{HIDDEN}{after[end:]}"
    end = _last_at(word[0])
    return f"{HIDDEN}{word[0][end:]}" if ":" in word[0][: max(end, 0)] else word[0]


def _last_at(text: str) -> int:
    return max((found.start() for found in _AT.finditer(text)), default=-1)


def names_secret(name: str) -> bool:
    """Tell whether a name is one of a secret."""
    return bool(_SECRET_NAME.search(name))


def _without_named(said: str) -> str:
    """Hide what follows the name of a secret, up to the end of its line."""
    made, at = [], 0
    for found in _VALUE_OF.finditer(said):
        name = found["name"] or found["flag"]
        # A class of failure, with the cause after it.
        if found.start() < at or found.end() == len(said) or name in CLASSES or not names_secret(name):
            continue
        end = said.find("\n", found.end())
        made += [said[at : found.end()], HIDDEN]
        at = end if end >= 0 else len(said)
    return "".join([*made, said[at:]])
