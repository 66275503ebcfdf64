"""What kustomize makes of the manifests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.processes import ROOT
from hack.tool_cache import tool_path
from volsync_py.commands.install.kustomization import build

MANIFESTS = ROOT / "manifests"
FOLDERS = sorted(path.parent for path in MANIFESTS.rglob("kustomization.yaml"))


def built(folder: Path) -> list[dict[str, Any]]:
    command = [str(tool_path("kubectl")), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_every_folder_can_be_built_and_is_printed_as_kubectl_builds_it(folder: Path) -> None:
    def by_name(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))

    expected = by_name(built(folder))

    assert expected != []
    assert by_name(build(MANIFESTS, [str(folder.relative_to(MANIFESTS))])) == expected


def test_on_openshift_the_namespace_says_which_user_the_manager_is() -> None:
    (deployment,) = [one for one in built(MANIFESTS / "overlays" / "openshift") if one["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]

    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert all({"runAsUser", "runAsGroup"}.isdisjoint(one["securityContext"]) for one in pod["containers"])
