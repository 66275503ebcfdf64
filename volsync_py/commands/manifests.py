"""`volsync-py manifests`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import yaml

from volsync_py.commands.kustomization import build
from volsync_py.commands.shipped import MANIFESTS, overlays

Object = dict[str, Any]
# libyaml writes the definitions in a tenth of the time, where PyYAML was built with it.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@click.command
@click.option("--image", required=True, help="The image of the manager and of its movers, made of the Containerfile.")
@click.option(
    "--overlay",
    "chosen",
    multiple=True,
    type=click.Choice(overlays()),
    help="What the plain manifests are changed by; may be given several times.",
)
def manifests(image: str, chosen: Sequence[str]) -> None:
    """Print what installs this version in the namespace volsync-system, without Helm: definitions, rights, manager.

    \b
    volsync-py manifests --image REGISTRY/volsync-py:TAG | kubectl apply --server-side --force-conflicts -f -
    """
    objects = build(MANIFESTS, [f"overlays/{name}" for name in chosen] or ["base"])
    for obj in objects:
        if obj["kind"] == "Deployment":
            set_image(obj, image)
    click.echo(yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=120), nl=False)


def set_image(deployment: Object, image: str) -> None:
    """Name an image for the manager, and for the movers where it says what they run from."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        for variable in container["env"]:
            if variable.get("value") == container["image"]:
                variable["value"] = image
        container["image"] = image
