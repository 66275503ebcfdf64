"""The names of the objects that belong to a custom resource; users' scripts know them."""

from __future__ import annotations

import re
from enum import StrEnum
from hashlib import sha256
from zlib import crc32

# Pods carry the Job's name in a label, and a label's value has at most 63 characters.
LONGEST_JOB_NAME = 63

# What the kernel, and a pod's `hostname`, allow.
LONGEST_HOST_NAME = 63
# Forty bits: two resources of one repository with the same ones are not to be expected.
_HOST_DIGITS = 10
# How `mover_host_name` names hosts, and `earlier_host_name` did.
_MOVER_HOST = re.compile(rf"(?:src|dst)-[-a-z0-9]*-[0-9a-f]{{{_HOST_DIGITS}}}|m-[0-9a-f]{{16}}")
# Names of VolSync's begin with "volsync-", and so do those of copies, in which any name follows.
_VERIFICATION_PREFIX = "prove-volsync-"
# The host name under which VolSync's snapshots are kept.
SNAPSHOT_HOST = "volsync"


class Role(StrEnum):
    """The two sides of a replication, as metrics and names call them."""

    SOURCE = "source"
    DESTINATION = "destination"

    @property
    def prefix(self) -> str:
        """The beginning of the names of Jobs, accounts and caches."""
        return "volsync-src-" if self is Role.SOURCE else "volsync-dst-"


def job_name(role: Role, name: str) -> str:
    """Return the name of the mover's Job; one that is too long ends in a checksum instead."""
    full = role.prefix + name
    return full if len(full) <= LONGEST_JOB_NAME else role.prefix + checksum(name)


def checksum(name: str) -> str:
    """Return the CRC-32 (IEEE) of a name as 8 hexadecimal digits."""
    return f"{crc32(name.encode()):08x}"


def question_job_name(name: str, suffix: str) -> str:
    """Return the name of the Job that answers questions about a resource's repository; it is none of a mover's."""
    full = f"volsync-ask-{name}-{suffix}"
    return full if len(full) <= LONGEST_JOB_NAME else f"volsync-ask-{checksum(name)}-{suffix}"


def verification_name(name: str) -> str:
    """Return the name of what verifies a source's backup, the Job and the claim; no name of VolSync's begins so."""
    full = _VERIFICATION_PREFIX + name
    return full if len(full) <= LONGEST_JOB_NAME else _VERIFICATION_PREFIX + checksum(name)


def jobs_of(role: Role, name: str) -> tuple[str, ...]:
    """Return the names of the Jobs that a resource may have."""
    run = job_name(role, name)
    return (run, verification_name(name)) if role is Role.SOURCE else (run,)


def verification_host_name(uid: str) -> str:
    """Return the host name of the pod that verifies a source's backup; it locks nothing under it."""
    return f"prove-{sha256(uid.encode()).hexdigest()[:_HOST_DIGITS]}"


def account_name(role: Role, name: str) -> str:
    """Return the name of the mover's ServiceAccount, Role and RoleBinding."""
    return role.prefix + name


def pull_secret_name(name: str) -> str:
    """Return the name of the copies of the Secret `name`, with which the mover's image is pulled."""
    return f"volsync-pull-{checksum(name)}"


def cache_name(role: Role, name: str) -> str:
    """Return the name of the cache claim."""
    return f"{role.prefix}{name}-cache"


def obsolete_cache_name(name: str) -> str:
    """Return the cache claim's name of VolSync up to 0.12, which sources and destinations shared."""
    return f"volsync-{name}-cache"


def copy_name(name: str) -> str:
    """Return the name of a source's point-in-time copy: the claim and the snapshot."""
    return f"volsync-{name}-src"


def mover_host_name(role: Role, namespace: str, name: str, uid: str) -> str:
    """Return the host name of a resource's movers, at most 63 characters: what it is, and ten digits of its UID's hash.

    The digits make it one name in every cluster that uses the repository; the words are for people who meet its lock.
    """
    words = re.sub(r"[^-a-z0-9]", "-", f"{role.prefix.split('-')[1]}-{namespace}-{name}")
    digits = sha256(uid.encode()).hexdigest()[:_HOST_DIGITS]
    return f"{words[: LONGEST_HOST_NAME - _HOST_DIGITS - 1]}-{digits}"


def earlier_host_name(uid: str) -> str:
    """Return the host name that a resource's movers had before it said whose they are; a lock may still be under it."""
    return f"m-{sha256(uid.encode()).hexdigest()[:16]}"


def is_mover_host_name(host: str) -> bool:
    """Return whether a host is named as movers of this operator's are, whosever they are."""
    return _MOVER_HOST.fullmatch(host) is not None


def destination_name(name: str) -> str:
    """Return the name of the claim that a destination provisions."""
    return f"volsync-{name}-dest"
