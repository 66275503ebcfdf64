"""What was decided for a run, kept on its Job as an annotation, so that nothing is decided twice."""

from __future__ import annotations

import json
from typing import Any

from attrs import asdict, fields_dict, frozen

from volsync_py.core.actions import Object
from volsync_py.core.labels import Annotation


@frozen
class RunRecord:
    """The decisions of one attempt; `secret` is the resource version of the Secret that it used."""

    prune: bool = False
    check: bool = False
    check_subset: str = ""
    unlock: str = ""
    run_now: str = ""
    secret: str = ""
    generation: int = 0

    def to_json(self) -> str:
        """Return the annotation's value."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, job: Object) -> RunRecord:
        """Read the record of a Job; a Job of VolSync has none."""
        text = (job["metadata"].get("annotations") or {}).get(Annotation.RUN) or "{}"
        try:
            data: Any = json.loads(text)
        except ValueError:
            data = {}
        if not isinstance(data, dict):
            data = {}
        known = fields_dict(cls)
        kept: dict[str, Any] = {k: v for k, v in data.items() if k in known and isinstance(v, type(known[k].default))}
        return cls(**kept)
