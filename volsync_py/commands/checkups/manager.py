"""Checks of the manager: that one runs and leads, that it is one, and which zone its schedules are in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from volsync_py.commands.checkups.facts import Facts, objects_in, texts_in
from volsync_py.commands.checkups.finding import Finding, failed, noted, warned
from volsync_py.core.condition_writer import SYNCHRONIZING, WAITING_FOR_SCHEDULE
from volsync_py.core.cronspec import Every
from volsync_py.core.local_zone import LOCALTIME
from volsync_py.core.objects import Object, mapping
from volsync_py.core.stored_times import time_in
from volsync_py.health.state import condition
from volsync_py.health.words import count, lasting, plain
from volsync_py.kube.resources import DEPLOYMENTS, LEASES

# A leader renews every two seconds, and gives up after ten; twice that is a leader that has gone.
_SILENCE = timedelta(seconds=30)
_INSTALL = "install one: volsync-py manifests --image IMAGE | kubectl apply --server-side -f -"


def running(facts: Facts) -> Iterator[Finding]:
    """Find out whether a manager is there, and ready."""
    deployments = facts.of(DEPLOYMENTS)
    if not deployments:
        if any(_is_fresh(lease, facts) for lease in facts.of(LEASES)):
            yield noted("a manager runs outside of the cluster, and renews its Lease")
            return
        yield failed("there is no Deployment of a manager, and nobody renews its Lease", _INSTALL)
    for one in deployments:
        name, space = one["metadata"]["name"], one["metadata"]["namespace"]
        if not _wanted(one):
            step = f"kubectl scale deployment {name} -n {space} --replicas 1"
            yield failed("it is scaled to no pod, so nothing is backed up", step, f"{space}/{name}")
        elif not _ready(one):
            step = f"see why: kubectl describe pods -n {space}, and kubectl logs -n {space} deployment/{name}"
            yield failed(f"none of its {count(_wanted(one), 'pod')} is ready", step, f"{space}/{name}")


def leading(facts: Facts) -> Iterator[Finding]:
    """Find a Lease that nobody renews although managers run."""
    leases = facts.of(LEASES)
    electing = [one for one in facts.of(DEPLOYMENTS) if _ready(one) and _elects(one)]
    spaces = {str(one["metadata"]["namespace"]): str(one["metadata"]["name"]) for one in electing}
    held = {lease["metadata"]["namespace"]: lease for lease in leases}
    for space, name in sorted(spaces.items()):
        lease = held.get(space)
        step = f"see its log: kubectl logs -n {space} deployment/{name}"
        if lease is None:
            yield failed("its pods are ready, and there is no Lease of a leader", step, space)
        elif not _is_fresh(lease, facts):
            renewed = time_in(mapping(lease, "spec"), "renewTime")
            since = f"for {lasting(facts.now - renewed)}" if renewed else "ever"
            yield failed(f"nobody has renewed the leader's Lease {since}", step, space)
    for space, lease in held.items():
        if _is_fresh(lease, facts):
            yield noted(f"{plain(mapping(lease, 'spec').get('holderIdentity'))} leads", space)


def only_one(facts: Facts) -> Iterator[Finding]:
    """Find two managers that serve the same resources, VolSync's own included."""
    serving = [one for one in facts.of(DEPLOYMENTS) if _wanted(one)]
    everywhere = [one for one in serving if not _serves_one_namespace(one)]
    if len(everywhere) < 2:
        return
    names = ", ".join(_described(one) for one in everywhere)
    spaces = {one["metadata"]["namespace"] for one in everywhere}
    theirs = next((one for one in everywhere if not _is_ours(one)), everywhere[-1])
    name, space = theirs["metadata"]["name"], theirs["metadata"]["namespace"]
    step = f"end one: kubectl scale deployment {name} -n {space} --replicas 0"
    if len(spaces) == 1:
        yield warned(f"{names} serve the same resources; by their common Lease one of them waits", step)
    else:
        yield failed(f"{names} serve the same resources at once, each with its own movers", step)


def zone(facts: Facts) -> Iterator[Finding]:
    """Say which zone schedules are in that name none, and find one that could not be read."""
    unnamed = []
    for one in facts.replications():
        schedule = one.trigger.schedule
        text = str(mapping(one.object, "spec", "trigger").get("schedule") or "")
        named = mapping(one.object, "spec", "trigger").get("timeZone") or text.startswith(("TZ=", "CRON_TZ="))
        if schedule is None or named or isinstance(schedule.rule, Every) or schedule.rule.hour.star:
            continue
        unnamed.append(one.object)
        said = str(condition(mapping(one.object, "status"), SYNCHRONIZING).get("message") or "")
        why = said.removeprefix(f"{WAITING_FOR_SCHEDULE}, in UTC: ")
        if why != said:
            step = "correct TZ or /etc/localtime of the manager, or name the zone in spec.trigger.timeZone"
            yield warned(f"its schedule is read in UTC: {plain(why)}", step, facts.title(one.object))
    if not unnamed:
        return
    zones = {_zone_of(one) for one in facts.of(DEPLOYMENTS) if _wanted(one)}
    for name in sorted(zones):
        yield noted(f"{count(len(unnamed), 'schedule')} without timeZone: in the manager's zone, {name}")


def _zone_of(deployment: Object) -> str:
    for container in _containers(deployment):
        zones = [str(e.get("value") or "UTC") for e in objects_in(container, "env") if e.get("name") == "TZ"]
        if zones:
            return zones[0]
        if any(m.get("mountPath") == LOCALTIME for m in objects_in(container, "volumeMounts")):
            return f"that of the {LOCALTIME} it mounts"
    return "UTC"


def limit_of_movers(deployments: list[Object]) -> int:
    """Return how many movers may run at once, 0 if nothing limits them."""
    found = []
    for one in deployments:
        for word in _words(one):
            if word.startswith("--max-movers="):
                number = word.partition("=")[2]
                found.append(int(number) if number.isdigit() else 0)
    return min(found, default=0)


def is_manager(deployment: Object) -> bool:
    """Return whether a Deployment is one of VolSync's or of this operator's: by what runs in it, whatever its name."""
    named = [one for one in _containers(deployment) if one.get("name") == "manager"]
    return any("volsync" in f"{one.get('image')} {texts_in(one, 'command')}" for one in named)


def _containers(deployment: Object) -> list[Object]:
    return objects_in(deployment, "spec", "template", "spec", "containers")


def _words(deployment: Object) -> list[str]:
    parts = ("command", "args")
    return [word for one in _containers(deployment) for part in parts for word in texts_in(one, part)]


def _is_ours(deployment: Object) -> bool:
    return "volsync-py" in _words(deployment) or any(
        "volsync-py" in str(one.get("image") or "") for one in _containers(deployment)
    )


def _described(deployment: Object) -> str:
    images = [str(one.get("image") or "") for one in _containers(deployment) if one.get("name") == "manager"]
    whose = "" if _is_ours(deployment) else ", VolSync's own" if any("volsync" in one for one in images) else ""
    name = f"{deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
    return f"{name} ({plain(images[0]) if images else 'no image'}{whose})"


def _serves_one_namespace(deployment: Object) -> bool:
    return any(word.startswith("--namespace") for word in _words(deployment))


def _elects(deployment: Object) -> bool:
    return "--leader-elect=false" not in _words(deployment)


def _wanted(deployment: Object) -> int:
    replicas = mapping(deployment, "spec").get("replicas", 1)
    return replicas if isinstance(replicas, int) else 1


def _ready(deployment: Object) -> int:
    replicas = mapping(deployment, "status").get("readyReplicas")
    return replicas if isinstance(replicas, int) else 0


def _is_fresh(lease: Object, facts: Facts) -> bool:
    renewed = time_in(mapping(lease, "spec"), "renewTime")
    return renewed is not None and bool(mapping(lease, "spec").get("holderIdentity")) and facts.now - renewed < _SILENCE
