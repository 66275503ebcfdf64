"""Copy triggers: annotations of a claim say when it may be copied, and that it was copied.

The owner of the data sets `use-copy-trigger` once, and `copy-trigger` to a new token whenever the data is at rest. All
sources that wait for it then copy; when the last of them has, the claim says so, and for which token.

Each source's part is an annotation of its own on the claim: it waits, copies with a token, or has copied with one. What
the claim says to its owner follows from all of them, and whoever makes a pass writes it. A part counts only as long as
its source runs; all are taken away when the claim is told to be copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from attrs import frozen

from volsync_py.core.actions import Action, Event, EventType, Patch, Ref
from volsync_py.core.labels import COPY_PART_PREFIX, Annotation
from volsync_py.core.objects import Object, annotations_of
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.times import format_rfc3339, parse_rfc3339

# VolSync's: a hook that brings the data to rest has set its token by then, or has failed.
PATIENCE = timedelta(minutes=10)
TIMED_OUT = "CopyTriggerTimeout"
_ACTION = "CreateSrcCopyUsingCopyTrigger"


class ClaimStatus(StrEnum):
    """What the claim says to its owner."""

    WAITING = "WaitingForTrigger"
    COPYING = "InProgress"
    COPIED = "Completed"


class Word(StrEnum):
    """What a source says of its own part."""

    WAITS = "waits"
    COPIES = "copies"
    COPIED = "copied"


@frozen
class Part:
    """The part of one source; the token is the one that it copies, or has copied, with."""

    word: Word
    token: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.token}"

    @classmethod
    def read(cls, text: object) -> Part | None:
        """Return the part that an annotation tells of; None if it is none of ours."""
        word, _, token = text.partition(" ") if isinstance(text, str) else ("", "", "")
        return cls(Word(word), token) if word in list(Word) else None


@frozen
class CopyTrigger:
    """The annotations of one claim, as they are for one source.

    `running` has the UIDs of the claim's sources whose run is under way, and whether each may begin a copy now.
    """

    claim: Object
    uid: str
    running: Mapping[str, bool]

    @property
    def _said(self) -> Object:
        return annotations_of(self.claim)

    @property
    def _token(self) -> str:
        return str(self._said.get(Annotation.COPY_TRIGGER) or "")

    @property
    def _latest(self) -> str:
        return str(self._said.get(Annotation.LATEST_COPY_TRIGGER) or "")

    @property
    def _status(self) -> str:
        return str(self._said.get(Annotation.LATEST_COPY_STATUS) or "")

    def _parts(self) -> dict[str, Part]:
        found = {key.removeprefix(COPY_PART_PREFIX): Part.read(self._said[key]) for key in part_keys(self.claim)}
        return {uid: part for uid, part in found.items() if part is not None}

    def _is_new(self, part: Part | None) -> bool:
        """Return whether the token of now is one that a source with that part has not copied with."""
        served = part is not None and part.word is Word.COPIED and part.token == self._token
        return self._token not in ("", self._latest) and not served

    def _is_to_come(self, uid: str, part: Part) -> bool:
        """Return whether a copy of that source is being made, or will be with the token of now."""
        if part.word is Word.WAITS:
            return self.running.get(uid, False) and self._is_new(part)
        return part.word is Word.COPIES and uid in self.running

    # ---- before the copy

    def may_copy(self) -> bool:
        """Return whether the owner has allowed the copy that is about to be made."""
        return self._is_new(self._parts().get(self.uid))

    def beginning(self) -> tuple[Action, ...]:
        """Return what comes before the copy: from now on it counts for the token of this moment, whatever comes."""
        changes = self._changed({self.uid: Part(Word.COPIES, self._token)}, ClaimStatus.COPYING)
        note = f"Received updated copy trigger on src PVC {Ref.of(self.claim)}, proceeding to create snapshot or clone"
        return self._told(changes, "SrcPVCCopyTriggerReceived", note)

    def wait(self, now: datetime, started: datetime, *, told: bool) -> StepResult:
        """Return the wait for a new token, of a run that has `started`; `told`: that it takes too long is known."""
        parts = self._parts()
        own = parts.get(self.uid)
        # One that has copied keeps its record until all have.
        mine = {} if own is not None and own.word is Word.COPIED else {self.uid: Part(Word.WAITS)}
        since = self._waiting_since(now)
        others = any(self._is_to_come(uid, part) for uid, part in parts.items() if uid != self.uid)
        busy = self._status == ClaimStatus.COPYING and (others or not mine)
        changes = self._changed(mine, None if busy else ClaimStatus.WAITING, since=None if busy else since or now)
        entered = not busy and (since is None or self._status != ClaimStatus.WAITING)
        note = f"Waiting on copy trigger on src PVC {Ref.of(self.claim)} before creating snapshot or clone"
        actions = self._told(changes, "SrcPVCWaitingForCopyTrigger" if entered else "", note)
        late = max(started, since if since is not None and not busy else now) + PATIENCE
        name = self.claim["metadata"]["name"]
        waiting = f"Waiting for another value of the annotation {Annotation.COPY_TRIGGER} of {Ref.of(self.claim)}"
        if now < late:
            return StepResult(actions, waiting=waiting, requeue_after_seconds=(late - now).total_seconds())
        trouble = Trouble(
            TIMED_OUT,
            f"Timed out waiting for copy-trigger to be modified for pvc {name}",
            f"bring the data to rest and set {Annotation.COPY_TRIGGER} to a new value; the run goes on waiting",
        )
        reminder = Event(EventType.WARNING, "SrcPVCTimeoutWaitingForCopyTrigger", _ACTION, trouble.text, self._ref)
        failed = {"latestMoverStatus": {"result": "Failed", "logs": trouble.message}}
        # Differs from VolSync: the event comes once, and the condition stays.
        return StepResult((*actions, *(() if told else (reminder,))), status=failed, waiting=waiting, unhealthy=trouble)

    # ---- after it

    def after(self, *, copied: bool) -> tuple[Action, ...]:
        """Return what is to be told of copies that are made; `copied`: the source's own one is there."""
        parts = self._parts()
        own = parts.get(self.uid)
        if copied and own is not None and own.word is Word.COPIES:
            parts[self.uid] = Part(Word.COPIED, own.token)
        elif copied and not parts and self._status == ClaimStatus.COPYING:
            # VolSync has begun it, and keeps no record of what with.
            parts[self.uid] = Part(Word.COPIED, self._token)
        done = [part.token for part in (*parts.values(), parts.get(self.uid)) if part and part.word is Word.COPIED]
        mine = {self.uid: parts[self.uid]} if parts.get(self.uid) not in (None, own) else {}
        if not done or any(self._is_to_come(uid, part) for uid, part in parts.items()):
            return self._told(self._changed(mine, None), "", "")
        # The source's own is the last of them.
        token = self._token if self._token in done else done[-1]
        note = f"snapshot or clone complete for src PVC {Ref.of(self.claim)} using copy trigger"
        return self._told(self._completed(token), "SrcPVCCopyUsingCopyTriggerCompleted", note)

    def _completed(self, token: str) -> Object:
        changes: Object = {
            str(Annotation.LATEST_COPY_STATUS): str(ClaimStatus.COPIED),
            str(Annotation.LATEST_COPY_TRIGGER): token,
            str(Annotation.COPY_WAITING_SINCE): None,
        }
        return self._different({**changes, **dict.fromkeys(part_keys(self.claim))})

    # ---- the annotations

    @property
    def _ref(self) -> Ref:
        return Ref.of(self.claim)

    def _waiting_since(self, now: datetime) -> datetime | None:
        """Return since when the claim waits, or None if that cannot be read or has not come yet."""
        text = self._said.get(Annotation.COPY_WAITING_SINCE)
        if self._status != ClaimStatus.WAITING or not isinstance(text, str):
            return None
        try:
            since = parse_rfc3339(text)
        except ValueError:
            return None
        return since if since <= now else None

    def _changed(
        self, parts: Mapping[str, Part], status: ClaimStatus | None, *, since: datetime | None = None
    ) -> Object:
        """Return the annotations to be set for these parts, and for a status, None: as it is."""
        changes: Object = {COPY_PART_PREFIX + uid: str(part) for uid, part in parts.items()}
        if status is not None:
            changes[str(Annotation.LATEST_COPY_STATUS)] = str(status)
            changes[str(Annotation.COPY_WAITING_SINCE)] = format_rfc3339(since) if since is not None else None
        return self._different(changes)

    def _different(self, changes: Object) -> Object:
        return {key: value for key, value in changes.items() if self._said.get(key) != value}

    def _told(self, changes: Object, reason: str, note: str) -> tuple[Action, ...]:
        if not changes:
            return ()
        patch = Patch(self._ref, {"metadata": {"annotations": changes}}, self.claim["metadata"]["uid"])
        return (patch, Event(EventType.NORMAL, reason, _ACTION, note, self._ref)) if reason else (patch,)


def is_used(claim: Object) -> bool:
    """Return whether the owner of a claim says when it may be copied; the value does not matter."""
    return Annotation.USE_COPY_TRIGGER in annotations_of(claim)


def part_keys(claim: Object) -> list[str]:
    """Return the annotations of a claim that are the parts of its sources."""
    return sorted(key for key in annotations_of(claim) if key.startswith(COPY_PART_PREFIX))
