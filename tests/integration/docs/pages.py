"""Pages whose commands are run: their blocks, in order, in a shell against a cluster.

A block of `bash` is run, and one of `text` after it is what it prints, "…" standing for anything; a block of `yaml` is
applied as far as the API server looks at it (a dry run). A block of `sh` is for a machine that has what this one lacks;
`test_pages.py` says who runs it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from hack.processes import ROOT, DevCluster, Manager, wait_until
from hack.tool_cache import tool_path
from tests.integration.world import NO_JOB_SHOWN
from tests.markdown import blocks

DOCS = ROOT / "docs"
_ANYTHING = "…"
# Of the block that takes longest, on a busy machine.
_LONGEST_SECONDS = 200.0
_DEPLOYMENT = "/apis/apps/v1/namespaces/volsync-system/deployments/volsync"


def matches(expected: str, printed: str) -> bool:
    """Return whether a text was printed, with anything where an ellipsis is, and any space between words."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in expected.split(_ANYTHING)]
    return re.search(r"\s*.*?\s*".join(parts), printed, re.DOTALL) is not None


class Reader:
    """Somebody with kubectl, restic, our commands and a folder, who types what the pages say.

    `instead` are the words of a page that stand for something of the reader's own, and what this one has.
    """

    def __init__(self, cluster: DevCluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.instead: dict[str, str] = {}
        self.manager: Manager | None = None

    def end(self) -> None:
        """End what runs."""
        if self.manager is not None:
            self.manager.stop()
        self.cluster.stop()

    def installs(self) -> None:
        """Have the operator, as the tutorial says, where it was not installed before."""
        if self.manager is None:
            self.types(next(block.text for block in blocks(DOCS / "tutorial.md") if block.language == "bash"))

    def begins(self, namespace: str) -> None:
        """Work in a new namespace."""
        self.types(f"kubectl create namespace {namespace}")
        self.types(f"kubectl config set-context --current --namespace={namespace}")

    def reads(self, page: str) -> None:
        """Do what a page says, block by block, and compare what is printed with what it shows."""
        printed = ""
        for block in blocks(DOCS / page):
            if block.language == "bash":
                printed = self.types(block.text)
            elif block.language == "yaml":
                self.types(f"kubectl apply --dry-run=server -f - <<'END'\n{block.text}END\n")
            elif block.language == "text":
                assert matches(block.text, printed), f"{page}, {block.heading}: not this, but\n{printed}"

    def types(self, text: str) -> str:
        """Run commands, and return what they print; where they install the operator, it runs from then on."""
        for word, own in self.instead.items():
            text = text.replace(word, own)
        script, printed = self.folder / "typed.sh", self.folder / "printed.txt"
        script.write_text(f"set -euo pipefail\n{text}", encoding="utf-8")
        command = ["bash", str(script)]
        with (
            printed.open("wb") as out,
            subprocess.Popen(
                command, cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            ) as shell,
        ):
            wait_until(f"the end of\n{text}", lambda: shell.poll() is not None or self._deploys(), _LONGEST_SECONDS)
        said = printed.read_text(encoding="utf-8")
        assert shell.returncode == 0, f"{text}\n{said}"
        return said

    def content(self, namespace: str, claim: str) -> dict[str, str]:
        """Return the files of a volume."""
        found = self.cluster.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")
        folder = self.cluster.kubeconfig.parent / "volumes" / str(found["spec"]["volumeName"])
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}

    def _environment(self) -> dict[str, str]:
        programs = [Path(sys.executable).parent, tool_path("kubectl").parent, tool_path("restic").parent]
        path = ":".join([*map(str, programs), "/usr/local/bin", "/usr/bin", "/bin"])
        return {"PATH": path, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def _deploys(self) -> bool:
        """Do what the cluster has nobody for: run the program of the Deployment once it is there. Return False."""
        deployment = None if self.manager is not None else self.cluster.get(_DEPLOYMENT)
        if deployment is not None:
            file, space = self.cluster.kubeconfig, deployment["metadata"]["namespace"]
            self.manager = Manager(self.folder / "manager", file, NO_JOB_SHOWN, namespace=space)
            self.manager.leads()
            status: dict[str, Any] = {"conditions": [{"type": "Available", "status": "True"}]}
            status |= dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), 1)
            body = {"status": {"observedGeneration": deployment["metadata"]["generation"], **status}}
            self.cluster.ask("PATCH", f"{_DEPLOYMENT}/status", body, "application/merge-patch+json")
        return False
