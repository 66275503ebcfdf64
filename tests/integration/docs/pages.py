"""Pages whose commands are run: their blocks, in order, in a shell against a cluster.

A block of `bash` is run, and one of `text` after it is what it prints, "…" standing for anything; a manifest in a
block of `yaml` is applied as far as the API server looks at it (a dry run). A block of `console` has commands behind
`$`, with samples of what they print; the commands are run, and print the like. A block of `sh` is for a machine that
has what this one lacks; `elsewhere.py` says who runs it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hack.processes import ROOT, DevCluster, Manager, wait_until
from hack.tool_cache import tool_path
from tests.integration.docs.alike import alike, matches
from tests.integration.docs.elsewhere import PICTURED, SHOWN
from tests.integration.world import NO_JOB_SHOWN
from tests.markdown import blocks

DOCS = ROOT / "docs"
PAGES = ["README.md", *sorted(path.name for path in DOCS.glob("*.md"))]
# Of the block that takes longest, on a busy machine.
_LONGEST_SECONDS = 200.0
_SYSTEM, _PROGRAM = "volsync-system", "volsync-py"
_DEPLOYMENT = f"/apis/apps/v1/namespaces/{_SYSTEM}/deployments/volsync"


def path_of(page: str) -> Path:
    """Return where a page is; the README is a page, too."""
    return ROOT / page if page == "README.md" else DOCS / page


def manifests(page: str) -> list[str]:
    """Return the manifests that a page shows."""
    return [block.text for block in blocks(path_of(page)) if block.language == "yaml" and "apiVersion" in block.text]


def fragments(page: str) -> list[str]:
    """Return the parts of a source's spec that a page shows."""
    return [
        block.text for block in blocks(path_of(page)) if block.language == "yaml" and block.text.startswith("spec:")
    ]


def rules(page: str) -> list[str]:
    """Return the rules of Prometheus' that a page shows."""
    found = (block.text for block in blocks(path_of(page)) if block.language == "yaml")
    return [text for text in found if text.startswith("- alert:")]


def shown(page: str) -> dict[str, str]:
    """Return the commands that a page shows, each with the sample of what it prints."""
    text = "".join(block.text for block in blocks(path_of(page)) if block.language == "console")
    parts = (part.partition("\n") for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:])
    return {command: sample for command, _, sample in parts}


class Reader:
    """Somebody with kubectl, restic, our commands and a folder, who types what the pages say.

    `instead` are the words of a page that stand for something of the reader's own, and what this one has.
    """

    def __init__(self, cluster: DevCluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.instead: dict[str, str] = {}
        self.manager: Manager | None = None
        # As in a clone.
        (folder / "manifests").symlink_to(ROOT / "manifests")

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
        self.goes_on(namespace)

    def goes_on(self, namespace: str) -> None:
        """Work in a namespace that is there."""
        self.types(f"kubectl config set-context --current --namespace={namespace}")

    def reads(self, page: str, *headings: str) -> None:
        """Do what a page says, or its sections of these headings, and compare what is printed with what it shows."""
        printed = ""
        for block in blocks(path_of(page)):
            if headings and block.heading not in headings:
                continue
            if block.language == "bash":
                printed = self.types(block.text)
            elif block.language == "yaml" and "apiVersion" in block.text:
                self.types(f"kubectl apply --dry-run=server -f - <<'END'\n{block.text}END\n")
            elif block.language == "text":
                assert matches(block.text, printed), f"{page}, {block.heading}: not this, but\n{printed}"

    def tries(self, page: str, fails: Collection[str] = (), either: Collection[str] = ()) -> None:
        """Run the commands that a page shows; `fails` end with 1, `either` with 0 or 1. They print what is shown."""
        unlike = []
        for command, sample in shown(page).items():
            if command not in SHOWN:
                # No terminal is there to be asked on.
                answered = command.replace("volsync-py restore", "volsync-py restore --yes")
                sample = re.sub(r"^go on\?.*\n", "", sample, flags=re.MULTILINE)
                printed = self.types(answered, *((0, 1) if command in either else [int(command in fails)]))
                if command not in PICTURED and not alike(sample, printed):
                    unlike.append(f"{page}: {command} prints not what is shown, but\n{printed}")
        assert not unlike, "\n".join(unlike)

    def types(self, text: str, *codes: int) -> str:
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
        assert shell.returncode in (codes or (0,)), f"{text}\n{said}"
        self._deploys()
        return said

    def content(self, namespace: str, claim: str) -> dict[str, str]:
        """Return the files of a volume."""
        found = self.cluster.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")
        folder = self.cluster.kubeconfig.parent / "volumes" / str(found["spec"]["volumeName"])
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}

    def _environment(self) -> dict[str, str]:
        programs = [Path(sys.executable).parent, *(tool_path(name).parent for name in ("kubectl", "restic", "helm"))]
        path = ":".join([*map(str, programs), "/usr/local/bin", "/usr/bin", "/bin"])
        return {"PATH": path, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def _deploys(self) -> bool:
        """Do what the cluster has nobody for: run the program of the Deployment while it is there. Return False."""
        found = self.cluster.get(_DEPLOYMENT)
        ours = found is not None and _PROGRAM in found["spec"]["template"]["spec"]["containers"][0]["command"]
        if self.manager is not None and not ours:
            self.manager.stop()
            self.manager = None
        elif self.manager is None and ours:
            self.manager = Manager(self.folder / "manager", self.cluster.kubeconfig, NO_JOB_SHOWN, namespace=_SYSTEM)
            self.manager.leads()
        if found is not None and found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]:
            status: dict[str, Any] = {"conditions": [{"type": "Available", "status": "True"}]}
            status |= dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), 1)
            body = {"status": {"observedGeneration": found["metadata"]["generation"], **status}}
            self.cluster.ask("PATCH", f"{_DEPLOYMENT}/status", body, "application/merge-patch+json")
        return False
