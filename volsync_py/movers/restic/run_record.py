"""What was decided for a run, kept on its Job, so that nothing is decided twice and a spec that changes meanwhile
does not pass for the one that the run was started with.

The decisions are an annotation; claim and arguments are read off the Job itself. A Job of VolSync has no
annotation: what it does is then told by its arguments. The image is the one that was asked for: a policy may let the
Job have it from elsewhere, and would do so with the next one, too.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import asdict, fields_dict, frozen

from volsync_py.api.fields import LONGEST_TEXT
from volsync_py.bounded_json import LARGEST, read_object, writable
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, annotations_of

# What the API server keeps of all annotations of an object together.
_MOST_CHARACTERS = 256 * 1024
# Left out of the annotation, because the Job itself shows them.
_OF_THE_JOB = ("claim", "args")


@frozen
class RunRecord:
    """The decisions of one attempt; `secret` is the resource version of the Secret that it used."""

    prune: bool = False
    check: bool = False
    check_subset: str = ""
    unlock: str = ""
    run_now: str = ""
    # Of a verification.
    prove_now: str = ""
    secret: str = ""
    generation: int = 0
    manual: str = ""
    copy_method: str = ""
    # Of a restore: which claim of that name it was.
    claim_uid: str = ""
    # Whether this mover may initialise the repository; records that do not say so are of one that may.
    granted: bool = True
    # Upkeep that is due and left out, because another mover of the repository may be doing it.
    postponed: str = ""
    # Retention and prune are off, because a check has found errors.
    damaged: bool = False
    image: str = ""
    claim: str = ""
    args: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether the Job was made by this operator."""
        return self.generation > 0

    @property
    def is_direct(self) -> bool:
        """Whether the mover works on the volume itself (see `api.spec`)."""
        return self.copy_method in ("Direct", "None")

    def shown_image(self) -> Object:
        """Return what `status.restic` says of the image, for commands with a pod of their own; none of VolSync's."""
        return {"moverImage": self.image} if self.is_ours and self.image else {}

    def to_json(self) -> str:
        """Return the annotation's value."""
        return json.dumps({k: v for k, v in asdict(self).items() if k not in _OF_THE_JOB}, sort_keys=True)

    @classmethod
    def of(cls, job: Object) -> RunRecord:
        """Read the record of a Job."""
        pod: Object = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
        containers: list[Object] = pod.get("containers") or [{}]
        args = tuple(map(str, containers[0].get("args") or ()))
        image = str(containers[0].get("image") or "")
        data = _annotation(job)
        if data is None:
            return cls(prune="prune" in args, granted=False, image=image, claim=_claim(pod), args=args)
        known = {name: one for name, one in fields_dict(cls).items() if name not in _OF_THE_JOB}
        fit = {k: v for k, v in data.items() if k in known and _is_fit(v, known[k].default)}
        kept: dict[str, Any] = {k: writable(v[:LONGEST_TEXT]) if isinstance(v, str) else v for k, v in fit.items()}
        return cls(**{**kept, "image": kept.get("image") or image}, claim=_claim(pod), args=args)


def _annotation(job: Object) -> dict[str, Any] | None:
    """Return what the annotation holds, or None if there is none that can be read: anybody may write one."""
    found = annotations_of(job).get(Annotation.RUN)
    return read_object(found, most=_MOST_CHARACTERS) if isinstance(found, str) else None


def _is_fit(value: Any, default: Any) -> bool:
    """Return whether a value is of its default's type; whether it is a number or a flag matters."""
    return type(value) is type(default) and (not isinstance(value, int) or 0 <= value <= LARGEST)


def _claim(pod: Object) -> str:
    data = (v for v in pod.get("volumes") or [] if v.get("name") == "data")
    return next((str((v.get("persistentVolumeClaim") or {}).get("claimName") or "") for v in data), "")
