"""What one file out of a snapshot of very many costs: `python -m tests.bench.asking [FILES]`.

On a development cluster, from typing to the file, with a pod that has to be started and nothing in its cache; then once
more, with the pod that waits. Printed are the seconds, the bytes that came from the storage, and their ratio to what
holds the file: the whole packs with its content, and the trees that lead to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hack.processes import DevCluster, Process, S3Server
from hack.tool_cache import tool_path
from tests.bench.mover.proxy import CountingProxy

FILES = 100_000
FOLDER_FILES = 1_000
FILE_BYTES = 1_000
PASSWORD = "a password of the benchmark"
API = "/apis/volsync.backube/v1alpha1/namespaces/default/replicationsources"


def fill(folder: Path, files: int) -> None:
    """Write the volume: folders of a thousand files that have nothing in common."""
    for number in range(files):
        path = folder / str(number // FOLDER_FILES) / f"file-{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(FILE_BYTES))


def source(cluster: DevCluster, environ: dict[str, str]) -> None:
    """Create a source with the repository."""
    secret = {"metadata": {"name": "r"}, "stringData": environ}
    cluster.ask("POST", "/api/v1/namespaces/default/secrets", secret)
    restic = {"repository": "r", "copyMethod": "Direct"}
    spec: dict[str, Any] = {"sourcePVC": "data", "trigger": {"manual": "m"}, "restic": restic}
    cluster.ask("POST", API, {"metadata": {"name": "db"}, "spec": spec})
    known = {"status": {"restic": {"moverImage": "local"}}}
    cluster.ask("PATCH", f"{API}/db/status", known, "application/merge-patch+json")


def main(files: int) -> None:
    """Make the repository, and fetch one file of it twice."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        s3 = S3Server(folder / "s3")
        proxy = CountingProxy(s3.port)
        data = folder / "data"
        fill(data, files)
        keys = {"AWS_ACCESS_KEY_ID": s3.ACCESS, "AWS_SECRET_ACCESS_KEY": s3.SECRET, "RESTIC_PASSWORD": PASSWORD}
        direct = {**keys, "RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{s3.port}/bench/r"}
        restic(direct, folder, "init")
        restic(direct, folder, "backup", "-q", ".", cwd=data)
        # By its id: the path on record is not that of a pod.
        snapshot = str(json.loads(restic(direct, folder, "snapshots", "--json"))[0]["id"])
        cluster = DevCluster(folder / "cluster")
        source(cluster, {**keys, "RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{proxy.port}/bench/r"})
        wanted = f"/{files // FOLDER_FILES // 2}/file-{files // 2}"
        held = holding(direct, folder, snapshot, wanted)
        print(f"the packs and trees that hold it: {held / 2**20:.1f} MiB")
        for case in ("a pod that has to be started", "the pod that waits"):
            before = proxy.bytes
            seconds = fetched(cluster, snapshot, wanted, data, folder / case.replace(" ", "-"))
            came = proxy.bytes - before
            print(f"{case}: {seconds:.1f} s, {came / 2**20:.2f} MiB, {came / held:.2f} times what holds it")
        command(cluster, "snapshots", "db", "--keep", "0s")


def holding(environ: dict[str, str], folder: Path, snapshot: str, path: str) -> int:
    """Return how many bytes the packs with a file's content have, and the trees that lead to it."""
    packs: dict[str, int] = {}
    # Where each blob is, and its size there.
    blobs: dict[str, tuple[str, int]] = {}
    for index in restic(environ, folder, "list", "index", "-q").decode().split():
        for pack in json.loads(restic(environ, folder, "cat", "index", index, "-q"))["packs"]:
            packs[pack["id"]] = sum(blob["length"] for blob in pack["blobs"])
            blobs |= {blob["id"]: (pack["id"], blob["length"]) for blob in pack["blobs"]}
    node: dict[str, Any] = {"subtree": json.loads(restic(environ, folder, "cat", "snapshot", snapshot, "-q"))["tree"]}
    trees = 0
    for name in path.strip("/").split("/"):
        tree = node["subtree"]
        trees += blobs[tree][1]
        nodes = json.loads(restic(environ, folder, "cat", "blob", tree, "-q"))["nodes"]
        node = next(one for one in nodes if one["name"] == name)
    return trees + sum(packs[pack] for pack in {blobs[blob][0] for blob in node["content"]})


def fetched(cluster: DevCluster, snapshot: str, path: str, data: Path, into: Path) -> float:
    """Download one file, and return the seconds that it took."""
    started = time.monotonic()
    command(cluster, "download", "db", snapshot, path, "-o", str(into), "--keep", "5m")
    seconds = time.monotonic() - started
    assert (into / path.rpartition("/")[2]).read_bytes() == (data / path.lstrip("/")).read_bytes()
    return seconds


def command(cluster: DevCluster, *words: str) -> None:
    """Run a command to its end."""
    program = [str(Path(sys.executable).with_name("volsync-py")), *words]
    subprocess.run(program, env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}, check=True)


def restic(environ: dict[str, str], folder: Path, *words: str, cwd: Path | None = None) -> bytes:
    """Run restic itself, and return what it prints."""
    env = {**os.environ, **environ, "RESTIC_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(
        [str(tool_path("restic")), *words], env=env, cwd=cwd, check=True, stdout=subprocess.PIPE
    ).stdout


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else FILES)
    finally:
        Process.stop_all()
