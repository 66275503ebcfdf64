"""Names and labels: what Kubernetes lets be called how, in its own words.

Guarantees: pure; a check answers the sentence of the refusal, or an empty text.
"""

from __future__ import annotations

import re

from hack.devcluster.api.errors import invalid
from hack.devcluster.api.resources import Resource

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_WORD = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_WORD_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def _longer(text: str, most: int) -> str:
    return f"must be no more than {most} characters" if len(text) > most else ""


def subdomain(text: str) -> str:
    """Check what most objects are called by."""
    return _longer(text, 253) or ("" if _SUBDOMAIN.fullmatch(text) else _SUBDOMAIN_TEXT)


def dns_label(text: str) -> str:
    """Check the name of a container, a volume or a namespace."""
    return _longer(text, 63) or ("" if _LABEL.fullmatch(text) else _LABEL_TEXT)


def label_value(text: str) -> str:
    """Check the value of a label."""
    return _longer(text, 63) or ("" if not text or _WORD.fullmatch(text) else f"a valid label {_WORD_TEXT}")


def qualified(text: str) -> str:
    """Check the key of a label or an annotation."""
    prefix, slash, name = text.rpartition("/")
    if slash and (not prefix or "/" in prefix or subdomain(prefix)):
        return f"prefix part {subdomain(prefix) if prefix else 'must be non-empty'}"
    if not name:
        return "name part must be non-empty"
    return f"name part {_longer(name, 63)}" if _longer(name, 63) else ("" if _WORD.fullmatch(name) else _WORD_TEXT)


def _path_segment(text: str) -> str:
    if text in (".", ".."):
        return f"may not be '{text}'"
    return next((f"may not contain '{one}'" for one in "/%" if one in text), "")


def check_name(res: Resource, name: str) -> None:
    """Refuse a name that an object of this kind cannot have."""
    kind = f"{res.kind}.{res.group}" if res.group else res.kind
    if not name:
        raise invalid(kind, name, "metadata.name", "Required value: name or generateName is required")
    check = subdomain
    if res.group == "rbac.authorization.k8s.io":
        check = _path_segment
    elif res.plural in ("namespaces", "services"):
        check = dns_label
    problem = check(name)
    if problem:
        raise invalid(kind, name, "metadata.name", f'Invalid value: "{name}": {problem}')
