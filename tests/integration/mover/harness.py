"""The mover as its pod runs it, with real restic: a volume, a cache, a repository, an environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from hack.tool_cache import tool_path
from volsync_py.contract.report import Report

PASSWORD = "canary-password-7f3a"
_MAIN = "from volsync_py.pod.mover import main; main()"
# What no test with its short deadlines needs.
_LONGEST_SECONDS = 180


def capable(*capabilities: str) -> list[str]:
    """Return the command that runs root with these capabilities and no others."""
    names = ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)])
    return ["setpriv", "--inh-caps=-all", f"--bounding-set={names}", "--"]


@frozen
class Ran:
    """How a run ended."""

    code: int
    report: Report
    log: str


@define
class Mover:
    """One source or destination: what its Job would give to the mover."""

    folder: Path
    repository: str
    environ: dict[str, str] = field(factory=dict)
    run: dict[str, Any] = field(factory=dict)
    mounted: str = "source"
    # A command that runs the mover's: it takes rights away, or mounts something small.
    wrapper: list[str] = field(factory=list)
    # What Python does first, in the mover's process.
    preamble: str = ""

    def __attrs_post_init__(self) -> None:
        for path in (self.data, self.cache):
            path.mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        """The volume."""
        return self.folder / "data"

    @property
    def cache(self) -> Path:
        """The cache volume."""
        return self.folder / "cache"

    @property
    def termination_log(self) -> Path:
        """Where the report goes."""
        return self.folder / "termination-log"

    def mount(self, name: str) -> None:
        """Put another volume where the mover looks for it; snapshots are told apart by that path."""
        self.data.rename(self.folder / f"volume-{self.mounted}")
        self.mounted = name
        wanted = self.folder / f"volume-{name}"
        if wanted.exists():
            wanted.rename(self.data)
        else:
            self.data.mkdir()

    def volume(self, name: str) -> Path:
        """Return where a volume is now."""
        return self.data if name == self.mounted else self.folder / f"volume-{name}"

    def write(self, **files: str) -> None:
        """Write files into the volume; `__` in a name is a slash."""
        for name, text in files.items():
            path = self.data / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the container."""
        run = {"version": 1, **self.run}
        return {
            "PATH": f"{tool_path('restic').parent}:{os.defpath}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "RESTIC_REPOSITORY": self.repository,
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(self.cache),
            "DATA_DIR": str(self.data),
            "FORGET_OPTIONS": "",
            "RESTORE_AS_OF": "",
            "SELECT_PREVIOUS": "0",
            "RESTORE_OPTIONS": "",
            "PRIVILEGED_MOVER": "0",
            "VOLSYNC_PY_TERMINATION_LOG": str(self.termination_log),
            "VOLSYNC_PY_RUN": json.dumps(run),
            **self.environ,
        }

    def start(self, *operations: str) -> subprocess.Popen[str]:
        """Start the mover, in a session of its own as its container would be."""
        return subprocess.Popen(
            [*self.wrapper, sys.executable, "-c", f"{self.preamble}\n{_MAIN}", *operations],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], seconds: float = _LONGEST_SECONDS) -> Ran:
        """Wait for its end."""
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        report = Report.from_json(self.termination_log.read_text(encoding="utf-8"))
        assert report is not None
        assert PASSWORD not in out + report.to_json()
        return Ran(process.returncode, report, out)

    def __call__(self, *operations: str) -> Ran:
        """Run the mover to its end."""
        return self.finish(self.start(*operations))

    def restic(self, *arguments: str, **environ: str) -> Any:
        """Ask restic itself; return what it prints as JSON, or the lines that are none."""
        env = {
            "RESTIC_REPOSITORY": self.repository,
            "RESTIC_PASSWORD": PASSWORD,
            "HOME": str(self.folder),
            "RESTIC_CACHE_DIR": str(self.folder / "other-cache"),
            **{k: v for k, v in self.environ.items() if k.startswith("AWS_") or k == "RESTIC_PASSWORD"},
            **environ,
        }
        command = [str(tool_path("restic")), *arguments, "--json"]
        done = subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, check=True)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        try:
            documents = [json.loads(line) for line in lines]
        except ValueError:
            return lines
        return documents[0] if len(documents) == 1 else documents

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the snapshots of the repository, oldest first."""
        found: list[dict[str, Any]] = self.restic("snapshots", "--no-lock")
        return sorted(found, key=lambda s: str(s["time"]))


def tree(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Describe a tree: path → mode, owner, group, links, and time and content of files, target of links."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(folder.rglob("*")):
        of = path.lstat()
        row: tuple[Any, ...] = (of.st_mode, of.st_uid, of.st_gid)
        if path.is_symlink():
            row += (os.readlink(path),)
        elif path.is_file():
            row += (of.st_nlink, of.st_mtime_ns, path.read_bytes())
        found[str(path.relative_to(folder))] = row
    return found
