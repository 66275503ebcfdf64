"""`volsync-py manifests`. The manager's image runs it, which has no library for the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from volsync_py.commands.common.called import as_called, program
from volsync_py.commands.common.shipped import MANIFESTS, overlays
from volsync_py.commands.install.kustomization import build

Object = dict[str, Any]
# libyaml writes the definitions in a tenth of the time, where PyYAML was built with it.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_EXAMPLE = "volsync-py manifests --image REGISTRY/volsync-py:TAG | kubectl apply --server-side --force-conflicts -f -"


def manifests(words: Sequence[str]) -> int:
    """Print what installs this version without Helm, and return the exit code."""
    asked = parser().parse_args(words)
    objects = build(MANIFESTS, [f"overlays/{name}" for name in asked.overlay] or ["base"])
    for obj in objects:
        if obj["kind"] == "Deployment":
            set_image(obj, asked.image)
    sys.stdout.write(yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=120))
    return 0


def parser() -> argparse.ArgumentParser:
    """Return what reads the options."""
    made = argparse.ArgumentParser(
        f"{program()} manifests",
        description="Print what installs this version in the namespace volsync-system, without Helm: definitions, "
        "rights, manager.",
        epilog=as_called(_EXAMPLE),
    )
    made.add_argument(
        "--image", required=True, help="the image of the manager and of its movers, made of the Containerfile"
    )
    made.add_argument(
        "--overlay",
        action="append",
        default=[],
        choices=overlays(),
        help="what the plain manifests are changed by; may be given several times",
    )
    return made


def set_image(deployment: Object, image: str) -> None:
    """Name an image for the manager, and for the movers where it says what they run from."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        for variable in container["env"]:
            if variable.get("value") == container["image"]:
                variable["value"] = image
        container["image"] = image
