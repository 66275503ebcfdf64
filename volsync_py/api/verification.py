"""`spec.restic.verification` as the manager reads it, and the annotation that asks for one now."""

from __future__ import annotations

from datetime import tzinfo

from attrs import frozen

from volsync_py.api.fields import LONGEST_TEXT, Fields, Problem, trouble_of
from volsync_py.api.triggers import schedule_in
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, annotations_of
from volsync_py.core.result import Trouble
from volsync_py.core.trigger import Trigger, TriggerKind

KEEPS = ("Never", "OnFailure")
# An argument list, not a script: what is longer belongs into an image, or a volume of moverVolumes.
MOST_ARGUMENTS = 64
# It is one part of the run document, for which Linux allows 128 KiB; lists of patterns may take 96.
MOST_CHARACTERS = 16 * 1024


@frozen
class Verification:
    """When the last backup is verified, and how."""

    # Whether the section is there.
    is_set: bool = False
    # The slots of its own schedule, with the source's delay; None: only when it is asked for.
    slots: Trigger | None = None
    keeps_failed: bool = False
    command: tuple[str, ...] = ()
    # The value of the annotation, "" if nobody asks.
    prove_now: str = ""
    # What is wrong with the section: nothing is verified then, and backups are made as before.
    problems: tuple[Problem, ...] = ()

    @property
    def trouble(self) -> Trouble | None:
        """What makes the section unusable: the first problem, and where the others are."""
        return trouble_of(self.problems)


def verification_of(obj: Object, spec: Fields, trigger: Trigger, default_zone: tzinfo) -> Verification:
    """Return when a source's backups are verified; its problems are its own, and none of the backups'."""
    asked = str(annotations_of(obj).get(Annotation.PROVE_NOW) or "")[:LONGEST_TEXT]
    own = Fields(spec.path, spec.data)
    restic = own.section("restic")
    if not restic.has("verification"):
        return Verification(prove_now=asked)
    fields = restic.section("verification")
    schedule = schedule_in(fields, own.section("trigger"), default_zone)
    slots = None
    if schedule is not None:
        slots = Trigger(trigger.uid, trigger.created, schedule=schedule, has_schedule=True, jitter=trigger.jitter)
        if trigger.kind is TriggerKind.ALWAYS:
            text = "a source without a trigger backs up without a pause, and so nothing would ever be verified"
            fields.problem("schedule", text, "give the source a schedule: spec.trigger.schedule")
    keep = fields.text("keep") or KEEPS[0]
    if keep not in KEEPS:
        fields.problem("keep", f"{keep!r} is not known", f"use one of {', '.join(KEEPS)}")
    command = _command(fields)
    return Verification(True, slots, keep == "OnFailure", command, asked, tuple(own.problems))


def _command(fields: Fields) -> tuple[str, ...]:
    command = fields.texts("command")
    if len(command) > MOST_ARGUMENTS or sum(map(len, command)) > MOST_CHARACTERS:
        text = f"give at most {MOST_ARGUMENTS} words of {MOST_CHARACTERS} characters together"
        fields.problem("command", "is too long", f"{text}; a script can come from a volume of moverVolumes")
        return ()
    if command and not command[0].strip():
        fields.problem("command", "names no program", "name one first, such as [sh, -c, ...]")
        return ()
    if any("\0" in word for word in command):
        fields.problem("command", "holds a sign that no argument can hold", "remove it")
        return ()
    return tuple(command)
