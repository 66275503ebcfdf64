"""What kustomize makes of the manifests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.processes import ROOT
from hack.tool_cache import tool_path

MANIFESTS = ROOT / "manifests"
FOLDERS = sorted(path.parent for path in MANIFESTS.rglob("kustomization.yaml"))


def built(folder: Path) -> list[dict[str, Any]]:
    command = [str(tool_path("kubectl")), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_every_folder_can_be_built(folder: Path) -> None:
    assert built(folder) != []


def test_on_openshift_the_namespace_says_which_user_the_manager_is() -> None:
    (deployment,) = [one for one in built(MANIFESTS / "overlays" / "openshift") if one["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]

    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert all({"runAsUser", "runAsGroup"}.isdisjoint(one["securityContext"]) for one in pod["containers"])
