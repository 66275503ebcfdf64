"""Write docs/labels.md from `core/labels.py`: `python -m hack.generate_labels_page` after a change of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import groupby

from hack.pages import DOCS, code, commented, table
from volsync_py.core import labels
from volsync_py.core.labels import Annotation, Label

TARGET = DOCS / "labels.md"
SOURCE = DOCS.parent / "volsync_py" / "core" / "labels.py"
_HEAD = """# Labels and annotations

Made from `volsync_py/core/labels.py`. "We" is the operator. Names that begin with `volsync.backube/` are VolSync's, and
mean the same as there; those that begin with `volsync-py/` are ours.

"""
# Of Kubernetes and of others, which are read and never written by the operator.
OTHERS = {
    "batch.kubernetes.io/controller-uid": "On pods: the UID of their Job.",
    "job-name": "On pods: the name of their Job; scripts wait by it.",
    "controller-uid": "On pods: the UID of their Job, under the older name of that label.",
    "kubernetes.io/hostname": "On nodes: by it the mover of a `Direct` copy is placed on the node that has the volume.",
    "pod-security.kubernetes.io/enforce": (
        "On namespaces: with `restricted`, a mover that nothing makes non-root is refused before its Job is made."
    ),
    "volume.kubernetes.io/selected-node": "On claims, by the scheduler: the node that the volume has to be on.",
    "pv.kubernetes.io/migrated-to": "On classes and claims: the CSI driver that took an in-tree driver's place.",
    "pv.kubernetes.io/provisioned-by": "On volumes: which provisioner made them.",
}
_PREFIXES = {
    labels.COPY_PART_PREFIX: (
        "On the claim of a source that uses copy triggers: how far one source's copy is; ends with the source's UID."
    ),
    labels.POPULATOR_LABEL_PREFIX: (
        "On a snapshot that a claim is filled from, so that it is kept until then; ends with the claim's UID."
    ),
}


def page() -> str:
    """Return the page."""
    header = ("name", "where, and what it means")
    return "\n".join(
        [
            _HEAD + "## Labels\n",
            table(header, _rows(Label)),
            "## Annotations\n",
            table(header, _rows(Annotation)),
            "## Names with a UID at their end\n",
            table(header, ((code(name + "…"), text) for name, text in _PREFIXES.items())),
            "## Labels and annotations of others, which the operator only reads\n",
            table(header, ((code(name), text) for name, text in OTHERS.items())),
        ]
    )


def _rows(kind: Iterable[StrEnum]) -> Iterator[tuple[str, str]]:
    members = list(kind)
    comments = commented(SOURCE, type(members[0]).__name__)
    for comment, group in groupby(members, lambda member: comments[member.name]):
        names = ", ".join(code(member.value) for member in group)
        yield names, re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", _value, comment)


def _value(name: re.Match[str]) -> str:
    """Return the value of a name in a comment, as its reader knows it."""
    found = getattr(labels, name[0], None) or getattr(Annotation, name[0], None) or getattr(Label, name[0], None)
    return code(str(found)) if found else name[0]


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
