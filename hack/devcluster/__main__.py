"""Run the development cluster: `python -m hack.devcluster --state DIR`."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import yaml

from hack.devcluster.api.apiserver import Server
from hack.devcluster.api.registry import Registry
from hack.devcluster.control.garbage import Garbage
from hack.devcluster.controllers import Options, Unusable, start
from hack.devcluster.faults import Faults

CRDS = Path(__file__).parents[2] / "manifests" / "crds"


class Ending:
    """Why the cluster ends, once it does."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.problem = ""

    def end(self, problem: str = "") -> None:
        """Have the cluster end."""
        self.problem = self.problem or problem
        self.event.set()


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="devcluster", description=__doc__)
    parser.add_argument("--state", type=Path, help="folder for volumes, logs and the kubeconfig")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--kubeconfig", type=Path, help="where to write it (default: STATE/kubeconfig)")
    parser.add_argument("--crds", type=Path, default=CRDS)
    parser.add_argument("--needed", action="append", default=[], help="a host path that pods see")
    parser.add_argument("--bin", action="append", default=[], help="a folder of commands that pods find first")
    args = parser.parse_args()
    ending = Ending()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ending.end())
    own = None if args.state else tempfile.mkdtemp(prefix="devcluster-")
    try:
        state = Path(args.state or own or "").resolve()
        # New ones are for this user only; whose folder is there already, keeps its mode.
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return serve(args, state, ending)
    except (Unusable, OSError) as error:
        print(f"devcluster: {error}", file=sys.stderr)
        return 1
    finally:
        if own:
            shutil.rmtree(own, ignore_errors=True)


def serve(args: argparse.Namespace, state: Path, ending: Ending) -> int:
    """Start every part, wait, and end them in reverse order."""
    registry = Registry()
    garbage = Garbage(registry)
    garbage.start()
    _install(registry, args.crds)
    options = Options(bins=(*args.bin, *Options().bins), needed=tuple(args.needed))
    node = start(registry, state, options, lambda: ending.end("the process that runs the pods has ended"))
    try:
        token = secrets.token_urlsafe(32)
        server = _listen(args.port, token, registry, state, node)
        threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        kubeconfig = args.kubeconfig or state / "kubeconfig"
        _write_private(kubeconfig, yaml.safe_dump(_kubeconfig(url, token)))
        print(f"KUBECONFIG={kubeconfig}")
        print(f"READY {url}", flush=True)
        ending.event.wait()
        server.ending.set()
        with registry.changed:
            registry.changed.notify_all()
        server.shutdown()
    finally:
        node.stop()
        garbage.stop()
    if ending.problem:
        print(f"devcluster: {ending.problem}", file=sys.stderr)
    return 1 if ending.problem else 0


def _install(registry: Registry, folder: Path) -> None:
    definitions = registry.resource("apiextensions.k8s.io", "customresourcedefinitions")
    for path in sorted(folder.glob("*.yaml")):
        for crd in yaml.load_all(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if crd and crd.get("kind") == "CustomResourceDefinition":
                registry.create(definitions, crd)


def _listen(port: int, token: str, registry: Registry, state: Path, node: Any) -> Server:
    try:
        return Server(("127.0.0.1", port), token, registry, Faults(), state, node)
    except OSError as error:
        raise OSError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}") from None


def _write_private(path: Path, text: str) -> None:
    """Write a file that no other user can ever read."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    scratch.rename(path)


def _kubeconfig(url: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "devcluster",
        "clusters": [{"name": "devcluster", "cluster": {"server": f"{url}/{token}"}}],
        "users": [{"name": "developer", "user": {}}],
        "contexts": [{"name": "devcluster", "context": {"cluster": "devcluster", "user": "developer"}}],
    }


if __name__ == "__main__":
    sys.exit(main())
