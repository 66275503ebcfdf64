"""The check of the scrape job, without which no alert can come. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.commands.checkups.facts import Facts, objects_in, texts_in
from volsync_py.commands.checkups.finding import Finding, noted, warned
from volsync_py.commands.checkups.selectors import takes
from volsync_py.core.objects import Object, labels_of, mapping
from volsync_py.kube.resources import DEPLOYMENTS, POD_MONITORS, SERVICE_MONITORS, SERVICES

_INSTALL = "add one: volsync-py manifests --overlay monitoring, or the chart's metrics.serviceMonitor"


def scraped(facts: Facts) -> Iterator[Finding]:
    """Find metrics that Prometheus' operator has nobody read."""
    if not facts.is_served(SERVICE_MONITORS):
        yield noted("Prometheus' operator is not there; whether something else reads the metrics cannot be seen")
        return
    services, managers = facts.of(SERVICES), facts.of(DEPLOYMENTS)
    if not services and not managers:
        yield noted("there is no manager in the cluster whose metrics could be read")
        return
    pods = [_pods_of(one) for one in managers]
    monitors, pod_monitors = facts.of(SERVICE_MONITORS), facts.of(POD_MONITORS)
    if any(_selects(m, service) for m in monitors for service in services):
        return
    if any(_selects(m, pod) for m in pod_monitors for pod in pods):
        return
    meant = [m for m in (*monitors, *pod_monitors) if "volsync" in str(m["metadata"]["name"])]
    if not meant:
        text = "no ServiceMonitor and no PodMonitor selects the manager, so its metrics are not read"
        yield warned(f"{text}, and no alert can come", _INSTALL)
    for monitor in meant:
        name = f"{monitor['kind']} {monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
        wanted = mapping(monitor, "spec", "selector", "matchLabels")
        has = labels_of(services[0]) if services else {}
        off = [f"{key}={value}" for key, value in wanted.items() if has.get(key) != value]
        if off:
            text = f"{name} looks for {', '.join(off)}, which the manager's Service does not have"
            yield warned(text, "let its selector have the labels of the Service volsync-metrics")
        else:
            yield warned(f"{name} does not look into the manager's namespace, or for its port", _INSTALL)


def _pods_of(deployment: Object) -> Object:
    meta = mapping(deployment, "spec", "template", "metadata")
    return {"metadata": {**meta, "namespace": deployment["metadata"]["namespace"]}, "spec": {}}


def _selects(monitor: Object, what: Object) -> bool:
    """Return whether a monitor looks into the namespace, and has labels of the object; for a Service, also its port."""
    spec = mapping(monitor, "spec")
    spaces = mapping(spec, "namespaceSelector")
    own = str(monitor["metadata"].get("namespace") or "")
    there = spaces.get("any") is True or what["metadata"]["namespace"] in (texts_in(spaces, "matchNames") or [own])
    fits = takes(mapping(spec, "selector"), labels_of(what))
    served = {port.get("name") for port in objects_in(what, "spec", "ports")}
    asked = {one.get("port") for one in objects_in(spec, "endpoints") if one.get("port")}
    return there and fits and (not asked or not served or bool(asked & served))
