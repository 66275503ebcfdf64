"""Checks of the cluster: the definitions, the populator's API, and rights. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.commands.checkups.facts import Facts, key_of, objects_in
from volsync_py.commands.checkups.finding import Finding, failed, noted, warned
from volsync_py.commands.common.refused import role_of
from volsync_py.core.objects import Object, mapping
from volsync_py.health.words import count, listed
from volsync_py.kube.resources import (
    DEFINITIONS,
    PVCS,
    REPLICATION_DESTINATIONS,
    VOLUME_POPULATORS,
)
from volsync_py.populator.reference import GROUP, KIND, destination_of
from volsync_py.populator.registration import REGISTRATION

_VERSION = "v1alpha1"
_APPLY = "volsync-py crds | kubectl apply --server-side --force-conflicts -f -"
# A few say which version it is; the count says how far off.
_MOST_FIELDS = 3


def definitions(facts: Facts) -> Iterator[Finding]:
    """Find definitions that are not there, or that drop fields of this version."""
    installed = {one["metadata"]["name"]: one for one in facts.of(DEFINITIONS)}
    for shipped in facts.shipped:
        name = str(shipped["metadata"]["name"])
        schema = _schema(installed.get(name))
        if not schema:
            yield failed(f"the API server does not know {name}", f"install the definitions: {_APPLY}", name)
            continue
        missing = sorted(_missing(_schema(shipped), schema, ""))
        if missing:
            text = f"it is VolSync's or of another version, and does not keep {listed(missing, _MOST_FIELDS)}"
            yield failed(text, f"apply those of this version: {_APPLY}", name)


def _schema(definition: Object | None) -> Object:
    versions = objects_in(definition, "spec", "versions")
    served = next((v for v in versions if v.get("name") == _VERSION and v.get("served")), None)
    return mapping(served, "schema", "openAPIV3Schema")


def _missing(ours: Object, theirs: Object, path: str) -> Iterator[str]:
    """Return the fields that are in the first schema only; below one that is missing, none is told."""
    if theirs.get("x-kubernetes-preserve-unknown-fields"):
        return
    known = mapping(theirs, "properties")
    for name, schema in mapping(ours, "properties").items():
        # Every object has these, and no schema describes them.
        if not path and name in {"apiVersion", "kind", "metadata"}:
            continue
        where = f"{path}.{name}" if path else name
        if name not in known:
            yield where
        else:
            yield from _missing(schema, mapping(known, name), where)
    if "items" in ours:
        yield from _missing(mapping(ours, "items"), mapping(theirs, "items"), f"{path}[]")


def populator(facts: Facts) -> Iterator[Finding]:
    """Find claims that nobody will fill, because the cluster does not know who does."""
    claims = [claim for claim in facts.of(PVCS) if destination_of(claim)]
    waiting = f", and {count(len(claims), 'claim names', 'claims name')} a destination as its source" if claims else ""
    found = failed if claims else warned
    if not facts.is_served(VOLUME_POPULATORS):
        text = "the API server does not know VolumePopulators"
        step = (
            "install their definition and the volume-data-source-validator of kubernetes-csi; the manager notices them"
            " within a minute"
        )
        if claims:
            yield failed(text + waiting, step)
        else:
            yield noted(f"{text}; only claims that name a destination need them")
        return
    registered = next((o for o in facts.of(VOLUME_POPULATORS) if o["metadata"]["name"] == REGISTRATION), None)
    if registered is None or registered.get("sourceKind") != {"group": GROUP, "kind": KIND}:
        text = f"the VolumePopulator {REGISTRATION} {'is not there' if registered is None else 'names another kind'}"
        yield found(text + waiting, "the manager makes it when it starts: see whether it runs, and may create it")


def filled(facts: Facts) -> Iterator[Finding]:
    """Find claims that wait for a destination that is not there."""
    there = {key_of(one) for one in facts.of(REPLICATION_DESTINATIONS)}
    for claim in facts.of(PVCS):
        name = destination_of(claim)
        bound = bool(claim["spec"].get("volumeName"))
        if name and not bound and (key_of(claim)[0], name) not in there:
            text = f"the claim waits to be filled from the destination {name}, which does not exist"
            yield failed(
                text, f"create the destination {name}, or the claim without its dataSourceRef", facts.title(claim)
            )


def rights(facts: Facts) -> Iterator[Finding]:
    """Find commands that are not allowed."""
    where = f"in the namespace {facts.namespace}" if facts.namespace else "in all namespaces"
    unknown = []
    for right, allowed in facts.rights.items():
        if allowed is None:
            unknown.append(right.text)
        elif not allowed:
            narrower = "" if facts.namespace else "; one namespace is asked with -n NAMESPACE"
            text = f"you may not {right.text} {where}, which is needed for {right.commands}"
            yield warned(text, f"the role {role_of(right.verb, right.kind)} allows it{narrower}")
    if unknown:
        yield warned(f"the API server does not say whether you may {unknown[0]}", "ask it: kubectl auth can-i --list")
