"""The custom resources as the manager reads them: one view of the spec, and what is wrong with it."""

from __future__ import annotations

from datetime import tzinfo

from attrs import field, frozen

from volsync_py.api.fields import Fields, Problem, trouble_of
from volsync_py.api.restic import ResticSpec, destination_spec, source_spec
from volsync_py.api.triggers import trigger_of
from volsync_py.api.verification import Verification, verification_of
from volsync_py.core.names import Role
from volsync_py.core.objects import Object, status_of
from volsync_py.core.result import Trouble
from volsync_py.core.trigger import Trigger

MOVERS = ("rclone", "restic", "rsync", "rsyncTLS", "syncthing")


@frozen
class Replication:
    """One custom resource."""

    object: Object
    role: Role
    trigger: Trigger
    paused: bool
    # Somebody else's, not to be touched.
    external: bool
    restic: ResticSpec
    problems: tuple[Problem, ...]
    verification: Verification = field(factory=Verification)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Its UID."""
        return str(self.object["metadata"]["uid"])

    @property
    def generation(self) -> int:
        """The generation of its spec."""
        return int(self.object["metadata"].get("generation") or 0)

    @property
    def trouble(self) -> Trouble | None:
        """What makes its spec unusable: the first problem, and where the others are."""
        return trouble_of(self.problems)

    @property
    def status(self) -> Object:
        """Its status, {} if it has none."""
        return status_of(self.object)


def parse(obj: Object, default_zone: tzinfo) -> Replication:
    """Return the view of a resource; never raises, whatever the spec holds."""
    role = Role.SOURCE if obj["kind"] == "ReplicationSource" else Role.DESTINATION
    given = obj.get("spec")
    spec = Fields("spec", given if isinstance(given, dict) else {})
    movers = [name for name in MOVERS if spec.has(name)]
    external = spec.has("external") and not movers
    if not external:
        _check_movers(spec, movers)
    trigger = trigger_of(obj, spec, default_zone)
    restic = ResticSpec()
    if movers == ["restic"]:
        restic = source_spec(spec) if role is Role.SOURCE else destination_spec(spec)
    verification = Verification()
    if movers == ["restic"] and role is Role.SOURCE:
        verification = verification_of(obj, spec, trigger, default_zone)
    problems = tuple(spec.problems)
    return Replication(obj, role, trigger, spec.flag("paused"), external, restic, problems, verification)


def _check_movers(spec: Fields, movers: list[str]) -> None:
    if len(movers) > 1 or (movers and spec.has("external")):
        names = ", ".join([*movers, *(["external"] if spec.has("external") else [])])
        spec.problem("restic", f"only one replication method can be supplied (there are {names})", "remove the others")
    elif not movers:
        spec.problem(
            "restic", "a replication method must be specified - enabled movers: [restic]", "add a restic section"
        )
    elif movers != ["restic"]:
        spec.problem(movers[0], "this operator has the restic mover only", "use restic, or another operator")
