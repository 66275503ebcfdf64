"""The demo, told as a story: run it with `hack/demo`, and with `--keep` to play on."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hack.devcluster.common.options import NODE_NAME
from hack.devcluster.control.node_lifecycle import USER_NAMESPACE
from hack.processes import DevCluster, Manager, Process, S3Server, wait_until
from hack.tool_cache import prepare, tool_path

NAMESPACE = "demo"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Story:
    """The set-up and what is told about it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = time.monotonic()

    def tell(self, text: str) -> None:
        """Say what happens next."""
        print(f"\n[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def run(self) -> None:
        """Tell the whole story."""
        self.tell("Tools: restic, an S3 server, kubectl (built or fetched on the first run)")
        for name, path in prepare(("restic", "weed", "kubectl")).items():
            print(f"  {name}: {path}")
        self.tell("A development cluster, an S3 server and the operator start on 127.0.0.1")
        self.cluster = DevCluster(self.folder)
        self.s3 = S3Server(self.folder)
        manager = Manager(self.folder, self.cluster.kubeconfig)
        manager.leads()
        self._prepare()
        self._backup("first", "The first backup: the repository does not exist yet")
        self.tell("The volume changes: one file grows, one is new")
        self._shell("echo 'one more line' >> /data/notes.txt; echo new > '/data/a new file'")
        self._backup("second", "The second backup adds only what changed")
        self._restore()

    def _prepare(self) -> None:
        node = self.cluster.get(f"/api/v1/nodes/{NODE_NAME}")
        # Without root there is one user only, whom all files belong to.
        several = node["metadata"]["annotations"][USER_NAMESPACE] != "true"
        what = "several owners and modes" if several else "several modes"
        self.tell(f"A namespace, a volume with files of {what}, and the repository's Secret")
        # Files of other users are only readable with more rights, which a namespace's admin grants so.
        annotations = {"volsync.backube/privileged-movers": "true"}
        space = {"kind": "Namespace", "metadata": {"name": NAMESPACE, "annotations": annotations}}
        self._create("/api/v1/namespaces", space)
        secret = {
            "RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{self.s3.port}/demo/mydata",
            "RESTIC_PASSWORD": "only-for-this-demonstration",
            "AWS_ACCESS_KEY_ID": self.s3.ACCESS,
            "AWS_SECRET_ACCESS_KEY": self.s3.SECRET,
        }
        self._create(self._path("secrets"), {"metadata": {"name": "restic-config"}, "stringData": secret})
        self._claim("mydata")
        self._shell(
            "cd /data && echo 'dear diary' > notes.txt && mkdir -p 'a folder/deep' && "
            "head -c 60000000 /dev/urandom > 'a folder/big.bin' && ln -s ../notes.txt 'a folder/link' && "
            "ln notes.txt hardlink && echo secret > private && chmod 640 private"
            + (" && chown 1234:5678 private" if several else "")
        )

    def _backup(self, token: str, text: str) -> None:
        self.tell(text)
        spec = {
            "sourcePVC": "mydata",
            "trigger": {"manual": token},
            "restic": {
                "repository": "restic-config",
                "copyMethod": "Snapshot",
                "retain": {"daily": 5, "last": "5"},
                # Slow enough for a person to see the progress.
                "limits": {"uploadKiBps": 12000},
            },
        }
        path = self._path("replicationsources", "apis/volsync.backube/v1alpha1")
        if token == "first":
            self._create(path, {"kind": "ReplicationSource", "metadata": {"name": "mydata-backup"}, "spec": spec})
        else:
            change = {"spec": {"trigger": {"manual": token}}}
            self.cluster.ask("PATCH", f"{path}/mydata-backup", change, "application/merge-patch+json")
        self._follow(f"{path}/mydata-backup", token)
        self._kubectl("get", "replicationsources")

    def _restore(self) -> None:
        self.tell("The restore, into a new volume")
        self._claim("restored")
        spec = {
            "trigger": {"manual": "restore-once"},
            "restic": {"repository": "restic-config", "destinationPVC": "restored", "copyMethod": "Direct"},
        }
        path = self._path("replicationdestinations", "apis/volsync.backube/v1alpha1")
        body = {"kind": "ReplicationDestination", "metadata": {"name": "mydata-restore"}, "spec": spec}
        self._create(path, body)
        self._follow(f"{path}/mydata-restore", "restore-once")
        self._kubectl("get", "replicationdestinations")
        self.tell("The two volumes, compared file by file: content, owner, mode, time, links")
        original, restored = (fingerprint(self._volume(name)) for name in ("mydata", "restored"))
        for name in sorted(original):
            same = "same" if restored.get(name) == original[name] else "DIFFERENT"
            print(f"  {same:10} {name}")
        if original != restored:
            raise SystemExit("the restored volume differs from the original")
        print(f"  {len(original)} files and folders, all the same")

    # ---- details

    def _path(self, plural: str, group: str = "api/v1") -> str:
        return f"/{group}/namespaces/{NAMESPACE}/{plural}"

    def _create(self, path: str, body: dict[str, Any]) -> None:
        self.cluster.ask("POST", path, body)

    def _claim(self, name: str) -> None:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        self._create(self._path("persistentvolumeclaims"), {"metadata": {"name": name}, "spec": spec})
        path = f"{self._path('persistentvolumeclaims')}/{name}"
        wait_until(f"volume {name}", lambda: (self.cluster.get(path).get("status") or {}).get("phase") == "Bound")

    def _volume(self, claim: str) -> Path:
        found = self.cluster.get(f"{self._path('persistentvolumeclaims')}/{claim}")
        return self.folder / "cluster" / "volumes" / str(found["spec"]["volumeName"])

    def _shell(self, script: str) -> None:
        """Run a script in a pod with the volume at /data."""
        name = f"shell-{time.monotonic_ns()}"
        container = {
            "name": "shell",
            "image": "local",
            "command": ["sh", "-c", script],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": "mydata"}}
        spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
        self._create(self._path("pods"), {"metadata": {"name": name}, "spec": spec})
        path = f"{self._path('pods')}/{name}"

        def ended() -> bool:
            phase = (self.cluster.get(path).get("status") or {}).get("phase")
            if phase == "Failed":
                with self.cluster.open("GET", f"{path}/log") as log:
                    said = log.read().decode(errors="replace")
                raise SystemExit(f"the pod failed: {script}\n{said}")
            return bool(phase == "Succeeded")

        wait_until("the pod", ended)
        self.cluster.ask("DELETE", path)

    def _follow(self, path: str, token: str) -> None:
        """Print the mover's log while it runs, until the run is recorded in the status."""
        shown: set[str] = set()
        logs = self.folder / "cluster" / "logs" / NAMESPACE

        def done() -> bool:
            for log in sorted(logs.glob("*/restic.log")):
                for number, line in enumerate(log.read_text(encoding="utf-8", errors="replace").splitlines()):
                    key = f"{log}:{number}"
                    if key not in shown and log.stat().st_mtime > self._since:
                        shown.add(key)
                        print(f"  mover | {line}", flush=True)
            status = self.cluster.get(path).get("status") or {}
            return bool(status.get("lastManualSync") == token)

        self._since = getattr(self, "_since", 0.0)
        wait_until(f"the run {token!r}", done)
        self._since = time.time()

    def _kubectl(self, *args: str) -> None:
        command = [str(tool_path("kubectl")), f"--kubeconfig={self.cluster.kubeconfig}", "-n", NAMESPACE, *args]
        print(f"  $ kubectl -n {NAMESPACE} {' '.join(args)}")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print("".join(f"  {line}\n" for line in done.stdout.splitlines()), end="", flush=True)

    def end(self) -> None:
        """Stop everything, whoever is impatient."""
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        Process.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Return for each path below a folder what a restore has to bring back."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(folder.rglob("*")):
        if path.name == "lost+found":
            continue
        info = path.lstat()
        content = os.readlink(path) if path.is_symlink() else ""
        if path.is_file() and not path.is_symlink():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        links = 1 if path.is_dir() else info.st_nlink
        owner = (info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, links)
        found[str(path.relative_to(folder))] = (*owner, content)
    return found


def main() -> int:
    """Run the demo; Ctrl-C ends it and leaves nothing behind."""
    parser = argparse.ArgumentParser(prog="hack/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running afterwards, until Ctrl-C")
    keep = parser.parse_args().keep
    story = Story(Path(tempfile.mkdtemp(prefix="volsync-py-demo-")))
    # Also SIGINT, which a shell that starts this in the background has it ignore.
    for number in _ENDING:
        signal.signal(number, signal.default_int_handler)
    try:
        story.run()
        story.tell("The end: everything that was claimed was compared")
        if keep:
            print(f"\n  export KUBECONFIG={story.cluster.kubeconfig}\n  (Ctrl-C ends it)", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        # Nobody may be there to read it: the terminal may be what has gone.
        with contextlib.suppress(OSError):
            print("\nended", flush=True)
    finally:
        story.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
