"""Write the CustomResourceDefinitions: `python -m hack.generate_crds` after a change of what they are made of.

The wire surface is VolSync's; what it does not have is an optional field. `hack.schema_of_spec` and
`hack.schema_of_status` have the fields; Kubernetes' own deep types (affinity, security context, resources, volume
sources) are as Kubernetes publishes them: `hack.kubernetes_types`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hack.schema_fields import Schema, anything, group, text
from hack.schema_of_spec import common_spec, destination, source
from hack.schema_of_status import destination_status, source_status

TARGET = Path(__file__).parents[1] / "manifests" / "crds"


def definition(kind: str, plural: str, short: str, spec: Schema, status_: Schema, columns: list[Schema]) -> Schema:
    """Return one CustomResourceDefinition."""
    shared = [
        {"jsonPath": ".status.lastSyncTime", "name": "Last sync", "type": "string", "format": "date-time"},
        {"jsonPath": ".status.lastSyncDuration", "name": "Duration", "type": "string"},
        {"jsonPath": ".status.nextSyncTime", "name": "Next sync", "type": "string", "format": "date-time"},
        {"jsonPath": '.status.conditions[?(@.type=="Healthy")].status', "name": "Healthy", "type": "string"},
        {"jsonPath": ".metadata.creationTimestamp", "name": "Age", "type": "date"},
    ]
    schema = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status_,
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.volsync.backube"},
        "spec": {
            "group": "volsync.backube",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [*columns, *shared],
                }
            ],
        },
    }


def definitions() -> list[Schema]:
    """Return the definitions of both kinds."""
    source_column = {"jsonPath": ".spec.sourcePVC", "name": "Source", "type": "string"}
    source_spec = group(
        "What to back up, when, and where to.",
        sourcePVC=text("The claim to back up."),
        restic=source(),
        syncthing=anything("Another mover, which this operator does not have."),
        **common_spec(),
    )
    destination_spec = group("What to restore, when, and where to.", restic=destination(), **common_spec())
    return [
        definition("ReplicationSource", "replicationsources", "vsrs", source_spec, source_status(), [source_column]),
        definition(
            "ReplicationDestination", "replicationdestinations", "vsrd", destination_spec, destination_status(), []
        ),
    ]


def files() -> dict[Path, str]:
    """Return what is written into which file."""

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return {
        TARGET / f"volsync.backube_{crd['spec']['names']['plural']}.yaml": yaml.dump(
            crd, Dumper=Plain, sort_keys=False, width=120
        )
        for crd in definitions()
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
