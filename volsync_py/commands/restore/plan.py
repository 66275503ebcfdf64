"""A restore as it is told before it is done: numbered lines, what speaks against it, and the undo. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import field, frozen

from volsync_py.commands.common.gitops import Keeper, keeper
from volsync_py.commands.restore.mounted_by import Mounts, Workload
from volsync_py.commands.restore.objects import Undo, claim_again
from volsync_py.commands.restore.point import Point
from volsync_py.commands.restore.told import told
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, status_of
from volsync_py.health.columns import flowed
from volsync_py.health.words import count, plain


@frozen
class Plan:
    """What is to be done."""

    source: Object
    destination: Object
    point: Point
    claim: str
    # Options that choose the cluster, as kubectl and volsync-py both take them.
    where: str
    # The claim as it is; None: it is made.
    existing: Object | None = None
    made: Object | None = None
    mounts: Mounts = field(factory=Mounts)
    undo: Undo = field(factory=lambda: Undo(can=False))
    # Those that back the claim up, and are paused for the time of the restore.
    sources: Sequence[Object] = ()
    include: Sequence[str] = ()
    deletes: bool = False
    # Why the snapshot may lack what was in the volume, where that decides whether files are deleted, or should have.
    lacks: str = ""
    scales: bool = False
    # The destination of an earlier command for the same, as it is.
    found: Object | None = None
    # An earlier command may have written something into the claim.
    begun: bool = False
    # The claim's name was typed, so somebody may know it and use it already.
    named: bool = True
    keeps_destination: bool = False

    @property
    def name(self) -> str:
        """The name of the destination, and of the VolumeSnapshot."""
        return str(self.destination["metadata"]["name"])

    @property
    def goes_on(self) -> bool:
        """Whether an earlier command has asked for the same, and it has not ended."""
        return self.found is not None

    @property
    def guarded(self) -> bool:
        """Whether something has to be kept away: from a claim that is there, or is known to what backs up or runs."""
        return self.existing is not None or bool(self.sources or self.mounts.workloads or self.mounts.pods)

    def lines(self, now: datetime, width: int) -> list[str]:
        """Return the plan as numbered lines; commands are to be copied, so they are ended by words alone."""
        source, namespace = self.source["metadata"]["name"], self.source["metadata"]["namespace"]
        head = f"restore of the source {source} in the namespace {namespace}"
        steps = list(self._in_place(now) if self.guarded else self._beside(now))
        doubts = (self.point.doubt(status_of(self.source)), self._loss())
        lines = flowed(f"{head}{', which was begun before and goes on' if self.goes_on else ''}:", width, "", "  ")
        for number, (step, *more) in enumerate(steps, 1):
            lines += flowed(step, width, f"{number:2}. ", "    ")
            for text in more:
                lines += told(text, width)
        for doubt in filter(None, doubts):
            lines += flowed(f"warning: {doubt}", width, "", "  ")
        undo = told(f"undo: {self.undo_words()}", width, "")
        # At the end, the commands of the undo stand behind a line like that.
        return [*lines, *(["the undo will be:", *undo[1:]] if undo[0] == "undo:" else undo)]

    def refusal(self) -> str:
        """Return why it is not done, "" if nothing speaks against it."""
        losing = next((one for one in self.mounts.workloads if one.deletes_claims), None)
        if losing is not None:
            policy = '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Retain"}}}'
            return (
                f"{losing.words} deletes its claims when it is scaled down "
                "(spec.persistentVolumeClaimRetentionPolicy.whenScaled is Delete): keep them, and ask again: "
                f"kubectl {self.where} patch {losing.path} --type=merge --patch '{policy}'"
            )
        if not self.mounts.pods:
            return ""
        if self.begun:
            return (
                f"the claim {self.claim} may be half restored, by {self.name}, and is mounted by {self.mounts.words}: "
                "stop that, and ask again; or, if what is there is to be kept, end the restore, and ask again: "
                + "; ".join(self._forgetting())
            )
        said = f"the claim {self.claim} is mounted by {self.mounts.words}, and nothing is restored under a program"
        if self.mounts.loose:
            return (
                f"{said}: {', '.join(self.mounts.loose)} cannot be scaled down; stop it, and ask again, or restore "
                "into a new claim"
            )
        if not self.scales:
            return f"{said}: --scale-down takes it to 0 and back, or leave --in-place and --to out for a new claim"
        return ""

    def undo_words(self) -> str:
        """Return how it can be undone, for the plan."""
        if self.existing is None:
            return f"kubectl {self.where} delete persistentvolumeclaim {self.claim}"
        if self.undo.can:
            return f"the VolumeSnapshot {self.name} becomes the claim again; the commands are told at the end"
        return f"none: {self.undo.why}; what is overwritten is lost" if self.undo.wanted else self.undo.why

    def undo_commands(self) -> list[str]:
        """Return what puts everything back as it was before."""
        if self.existing is not None and not self.undo.can:
            return []
        kubectl = f"kubectl {self.where}"
        again = [] if self.existing is None else [claim_again(self.existing, self.name)]
        return [
            *(f"{kubectl} scale {one.path} --replicas=0" for one in self._scaled()),
            f"{kubectl} delete persistentvolumeclaim {self.claim}",
            *(f"echo {claim} | {kubectl} create -f -" for claim in again),
            *(f"{kubectl} scale {one.path} --replicas={one.before}" for one in self._scaled()),
        ]

    def back_commands(self) -> list[str]:
        """Return what ends a restore that is under way, and lets everything run again on what is there then."""
        kubectl = f"kubectl {self.where}"
        put_back = self.undo_commands()
        if put_back:
            return [
                f"{kubectl} delete replicationdestination {self.name}",
                *put_back,
                *self.running_commands(scales=False),
            ]
        return [*self._forgetting(), *self.running_commands(scales=True)]

    def running_commands(self, *, scales: bool) -> list[str]:
        """Return what lets everything run again, and forgets that it was stopped."""
        kubectl = f"kubectl {self.where}"
        marks = f"{Annotation.SCALED_FOR}- {Annotation.REPLICAS_BEFORE}-"
        commands = [f"{kubectl} scale {one.path} --replicas={one.before}" for one in self._scaled() if scales]
        commands += [f"{kubectl} annotate {one.path} {marks}" for one in self._scaled()]
        names = [plain(one["metadata"]["name"]) for one in self.paused()]
        return [*commands, *([f"volsync-py resume {' '.join(names)} {self.where}"] if names else [])]

    def _forgetting(self) -> list[str]:
        """Return what ends a restore, and takes what is in the claim as it is."""
        kubectl = f"kubectl {self.where}"
        return [
            f"{kubectl} delete replicationdestination {self.name} --ignore-not-found",
            f"{kubectl} annotate persistentvolumeclaim {self.claim} {Annotation.HALF_RESTORED}-",
        ]

    def paused(self) -> list[Object]:
        """Return the sources that the restore pauses; one that somebody has paused stays so."""
        return [one for one in self.sources if not _is_paused(one) or self._paused_for(one)]

    def left(self, *, written: bool) -> str:
        """Return what may have changed in the cluster while a restore is under way."""
        facts = [f"the claim {self.claim} may hold a part of the snapshot" if written else "nothing has been written"]
        facts += [f"{one.words} is at 0 ({count(one.before, 'replica')} before)" for one in self._scaled()]
        facts += [f"the source {plain(one['metadata']['name'])} is paused" for one in self.paused()]
        return "; ".join(facts)

    def _scaled(self) -> list[Workload]:
        return [one for one in self.mounts.workloads if one.before]

    def _paused_for(self, source: Object) -> bool:
        return bool((source["metadata"].get("annotations") or {}).get(Annotation.PAUSED_FOR) == self.name)

    def _beside(self, now: datetime) -> Iterator[tuple[str, ...]]:
        yield from self._making()
        yield self._restoring(now)
        yield ("change nothing else: the claim that is backed up, what mounts it and its backups stay as they are",)
        yield from self._ending()

    def _making(self) -> Iterator[tuple[str, ...]]:
        if self.made is None:
            return
        spec = self.made["spec"]
        class_name = spec.get("storageClassName")
        what = [spec["resources"]["requests"]["storage"], *spec["accessModes"]]
        what.append(f"class {class_name}" if class_name else "the default class")
        yield (f"make the claim {self.claim}: {', '.join(map(plain, what))}",)

    def _in_place(self, now: datetime) -> Iterator[tuple[str, ...]]:
        for one in self.sources:
            name = plain(one["metadata"]["name"])
            if _is_paused(one) and not self._paused_for(one):
                yield (f"leave the source {name} paused, as it is",)
            else:
                yield (
                    f"pause the source {name}, so that nothing half restored is backed up; a backup that is under way "
                    "is stopped, and made again afterwards",
                    *_kept_by(keeper(one), "resume it"),
                )
        for workload in self.mounts.workloads:
            was = f", {count(workload.before, 'replica')} now" if workload.replicas else ", as it is"
            pods = f" (pods {', '.join(workload.pods)})" if workload.pods else ""
            others = [f"{other} may scale it back" for other in workload.others]
            yield (
                f"scale {workload.words} to 0{was}{pods}",
                *_kept_by(workload.keeper, "scale it back"),
                *others,
            )
        yield from self._making()
        if self.undo.can and self.begun:
            yield (f"keep the VolumeSnapshot {self.name}, which was taken before, and is the undo",)
        elif self.undo.can:
            of = f" of the class {self.undo.class_name}" if self.undo.class_name else ""
            yield (
                f"take the VolumeSnapshot {self.name}{of} of the claim {self.claim}, which is the undo and stays",
                *([self.undo.why] if self.undo.why else []),
            )
        yield self._restoring(now)
        if self._scaled() or self.paused():
            back = [f"scale {one.words} back to {one.before}" for one in self._scaled()]
            back += [f"resume the source {plain(one['metadata']['name'])}" for one in self.paused()]
            yield (", ".join(back),)
        yield from self._ending()

    def _restoring(self, now: datetime) -> tuple[str, ...]:
        what = f"restore {self.point.words(status_of(self.source), now)}"
        into = f"into the claim {self.claim}"
        lines = [f"{what}, {into}"]
        if self.include:
            lines.append(f"only what matches {', '.join(shlex.quote(plain(one)) for one in self.include)}")
        if self.existing is not None:
            why = f": {self.lacks}; --delete removes it" if self.lacks else ""
            others = "is removed" if self.deletes else f"stays{why}"
            lines.append(f"what the snapshot has is overwritten; what it does not have {others}")
        return tuple(lines)

    def _loss(self) -> str:
        """Return why deleting files may delete what was never backed up, "" if nothing speaks for it."""
        if not (self.deletes and self.lacks and self.existing is not None):
            return ""
        return f"--delete also removes what may be in no backup: {self.lacks}"

    def _ending(self) -> Iterator[tuple[str, ...]]:
        if not self.keeps_destination:
            yield (f"remove the ReplicationDestination {self.name}, which does it, once it has ended well",)


def _kept_by(found: Keeper | None, what: str) -> list[str]:
    if found is None:
        return []
    if not found.suspend:
        return [f"{found.words} keeps it, and may {what} when it is upgraded"]
    return [f"{found.words} keeps it, and may {what} meanwhile; this stops it: {found.suspend}"]


def _is_paused(source: Object) -> bool:
    return (source.get("spec") or {}).get("paused") is True
