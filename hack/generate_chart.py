"""Write what the Helm chart has in common with the manifests, and the table of its values in docs/helm.md.

`python -m hack.generate_chart` after a change of manifests/crds, manifests/rbac, manifests/monitoring, the overlays
openshift and pull-secrets, or the chart's values.yaml. Definitions are copied with the mark that makes Helm keep them;
roles become files/rights.yaml, which the templates walk, so that a role that is added to manifests/rbac is one of the
chart's, too. The alerts are copied as they are, and made into the overlay's PrometheusRule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "manifests"
CHART = MANIFESTS / "helm" / "volsync"
PAGE = ROOT / "docs" / "helm.md"
# Of the manifests' roles that are bound, and of one that people bind; the chart puts its own before what follows it.
PREFIX, PREFIX_FOR_PEOPLE = "volsync-py-", "volsync-"
# Between these two lines of the page is the table.
BEGIN, END = "<!-- values: made by hack.generate_chart -->", "<!-- values: end -->"
_NOTICE = "# Made by `python -m hack.generate_chart`; edit {source}, and run it.\n"
_KEY = re.compile(r"( *)([\w-]+):")


def files() -> dict[Path, str]:
    """Return each file that is made, with its text."""
    made = {CHART / "files" / "rights.yaml": _NOTICE.format(source="manifests/rbac") + _dump(rights())}
    for path in sorted((MANIFESTS / "crds").glob("volsync.backube_*.yaml")):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        # Else Helm would remove it with the release, and with it every source there is.
        definition["metadata"].setdefault("annotations", {})["helm.sh/resource-policy"] = "keep"
        notice = _NOTICE.format(source=f"manifests/crds/{path.name}")
        made[CHART / "files" / "crds" / path.name] = notice + _dump(definition)
    alerts = (MANIFESTS / "monitoring" / "alerts.yaml").read_text(encoding="utf-8")
    notice = _NOTICE.format(source="manifests/monitoring/alerts.yaml")
    made[CHART / "files" / "alerts.yaml"] = notice + alerts
    made[MANIFESTS / "overlays" / "monitoring" / "prometheus_rule.yaml"] = notice + _dump(prometheus_rule(alerts))
    made[PAGE] = _with_table(PAGE.read_text(encoding="utf-8"))
    return made


def rights() -> Object:
    """Return the roles of the manifests, those for people apart, and OpenShift's constraints."""
    rbac = MANIFESTS / "rbac"
    of_people = rbac / "users.yaml"
    roles: list[Object] = []
    for path in sorted(rbac.glob("*.yaml")):
        if path != of_people:
            roles += _roles(path, openshift=False)
    overlay = MANIFESTS / "overlays" / "openshift"
    bound = {d["roleRef"]["name"] for path in rbac.glob("*.yaml") for d in _documents(path) if "roleRef" in d}
    bound |= {d["roleRef"]["name"] for d in _documents(overlay / "scc_role.yaml") if "roleRef" in d}
    roles += _roles(overlay / "scc_role.yaml", openshift=True)
    for role in roles:
        role["bound"] = PREFIX + role["name"] in bound
    users = [
        {"name": d["metadata"]["name"], "labels": d["metadata"].get("labels", {}), "rules": d["rules"]}
        for d in _documents(of_people)
    ]
    (constraints,) = _documents(overlay / "scc.yaml")
    return {"roles": roles, "users": users, "constraints": constraints, "pullSecrets": _pull_secrets()}


def _pull_secrets() -> Object:
    """Return what copies of pull Secrets take; of what name they are is left to the policy, which names `account`."""
    overlay = MANIFESTS / "overlays" / "pull-secrets"
    role, binding = _documents(overlay / "pull_secrets_role.yaml")
    policy, _ = _documents(overlay / "pull_secrets_policy.yaml")
    (subject,) = binding["subjects"]
    return {
        "rules": [{k: v for k, v in rule.items() if k != "resourceNames"} for rule in role["rules"]],
        "account": f"system:serviceaccount:{subject['namespace']}:{subject['name']}",
        "policy": policy["spec"],
    }


def prometheus_rule(alerts: str) -> Object:
    """Return the alerts as Prometheus' operator reads them, beside its ServiceMonitor."""
    (monitor,) = _documents(MANIFESTS / "overlays" / "monitoring" / "service_monitor.yaml")
    metadata = {**monitor["metadata"], "name": "volsync-alerts"}
    spec = {"groups": yaml.safe_load(alerts)["groups"]}
    return {"apiVersion": monitor["apiVersion"], "kind": "PrometheusRule", "metadata": metadata, "spec": spec}


def rows() -> Iterator[tuple[str, str, str]]:
    """Return path, default and meaning of each value that is documented."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    path: list[str] = []
    meaning = ""
    for line in text.splitlines():
        key = _KEY.match(line)
        if line.lstrip().startswith("# -- "):
            meaning = line.lstrip().removeprefix("# -- ")
        elif key and len(key[1]) // 2 <= len(path):
            path = [*path[: len(key[1]) // 2], key[2]]
            if meaning:
                yield ".".join(path), json.dumps(_at(values, path)), meaning
            meaning = ""


def _with_table(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = ["| value | default | meaning |", "|---|---|---|"]
    lines += [f"| `{path}` | `{default}` | {meaning} |" for path, default, meaning in rows()]
    return "\n".join([f"{before}{BEGIN}", *lines, f"{END}{after}"])


def _roles(path: Path, *, openshift: bool) -> list[Object]:
    return [
        {
            "name": d["metadata"]["name"].removeprefix(PREFIX).removeprefix(PREFIX_FOR_PEOPLE),
            "kind": d["kind"],
            "openshift": openshift,
            "rules": d["rules"],
        }
        for d in _documents(path)
        if d["kind"] in {"Role", "ClusterRole"}
    ]


def _documents(path: Path) -> list[Object]:
    return [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d]


def _at(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def _dump(value: Any) -> str:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(value, Dumper=Plain, sort_keys=False, width=120)


def main() -> None:
    """Write all."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
