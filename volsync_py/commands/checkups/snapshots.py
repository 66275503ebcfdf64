"""The check of what copies a source: the CSI driver, its snapshot class, and whether it can clone. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.api.spec import Replication
from volsync_py.commands.checkups.facts import Facts, key_of
from volsync_py.commands.checkups.finding import Finding, failed
from volsync_py.core.objects import Object, annotations_of, mapping
from volsync_py.kube.resources import SNAPSHOT_CLASSES

_DEFAULT = "snapshot.storage.kubernetes.io/is-default-class"
_INSTALL = (
    "install the definitions and the controller of the CSI external-snapshotter, or use copyMethod Clone or Direct"
)


def copies(facts: Facts) -> Iterator[Finding]:
    """Find sources and destinations whose volumes nobody can make a snapshot of."""
    for one in facts.replications():
        if one.restic.copy_method != "Snapshot":
            continue
        if not facts.is_served(SNAPSHOT_CLASSES):
            yield failed(
                "copyMethod Snapshot, and the API server knows no VolumeSnapshots", _INSTALL, facts.title(one.object)
            )
            continue
        driver = _driver(one, facts)
        found = _no_class(one.restic.snapshot_class, driver, facts.of(SNAPSHOT_CLASSES))
        if found is not None:
            yield failed(f"copyMethod Snapshot: {found[0]}", found[1], facts.title(one.object))


def _no_class(named: str | None, driver: str, classes: object) -> tuple[str, str] | None:
    """Return why there is no class to make a snapshot with, and what to do; a driver that is not known fits."""
    known: dict[str, Object] = {c["metadata"]["name"]: c for c in classes} if isinstance(classes, list | tuple) else {}
    fitting = sorted(name for name, c in known.items() if c.get("driver") == driver or not driver)
    there = f"those of its driver are: {', '.join(fitting)}" if fitting else "its driver has none"
    if named:
        if named not in known:
            return f"there is no VolumeSnapshotClass {named}", f"name another; {there}"
        if named not in fitting:
            text = (
                f"the VolumeSnapshotClass {named} is of the driver {known[named].get('driver')}, the volume of {driver}"
            )
            return text, f"name another; {there}"
        return None
    if not fitting:
        text = f"no VolumeSnapshotClass is of the driver {driver or 'of the volume'}"
        return text, "create one for that driver, or use copyMethod Clone or Direct"
    defaults = [name for name in fitting if annotations_of(known[name]).get(_DEFAULT) == "true"]
    if len(defaults) == 1 or not driver:
        return None
    if not defaults:
        text = f"no VolumeSnapshotClass of the driver {driver} is the default"
        return text, f"set spec.restic.volumeSnapshotClassName to one of: {', '.join(fitting)}"
    text = f"{', '.join(defaults)} are all the default VolumeSnapshotClass of the driver {driver}"
    return text, "leave the annotation is-default-class to one of them, or set spec.restic.volumeSnapshotClassName"


def _driver(one: Replication, facts: Facts) -> str:
    """Return the driver of the volume that is copied, "" if nobody knows."""
    name = one.restic.source_claim or one.restic.destination_claim
    claim = facts.claims().get((key_of(one.object)[0], name)) if name else None
    storage_class = mapping(claim, "spec").get("storageClassName") or one.restic.storage_class
    return str(mapping(facts.classes().get(str(storage_class or ""))).get("provisioner") or "")
