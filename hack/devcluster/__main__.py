"""Run the development cluster: `python -m hack.devcluster --state DIR`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import yaml

from hack.devcluster.apiserver import Server
from hack.devcluster.faults import Faults
from hack.devcluster.garbage import Garbage
from hack.devcluster.options import Options
from hack.devcluster.registry import Registry

CRDS = Path(__file__).parents[2] / "manifests" / "crds"


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
    state = (args.state or Path(tempfile.mkdtemp(prefix="devcluster-"))).resolve()
    state.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return serve(args, state, stop)


def serve(args: argparse.Namespace, state: Path, stop: threading.Event) -> int:
    """Start every part, wait, and end them in reverse order."""
    from hack.devcluster.controllers import start
    from hack.devcluster.runtime_client import Unusable

    registry = Registry()
    garbage = Garbage(registry)
    garbage.start()
    for path in sorted(args.crds.glob("*.yaml")):
        for crd in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if crd and crd.get("kind") == "CustomResourceDefinition":
                registry.create(registry.resource("apiextensions.k8s.io", "customresourcedefinitions"), crd)
    bins = (*args.bin, *Options().bins)
    try:
        node: Any = start(registry, state, Options(bins=bins, needed=tuple(args.needed)))
    except Unusable as error:
        print(f"devcluster: {error}", file=sys.stderr)
        return 1
    server = Server(("127.0.0.1", args.port), registry, Faults(), state, node)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    kubeconfig = args.kubeconfig or state / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(url)), encoding="utf-8")
    print(f"KUBECONFIG={kubeconfig}")
    print(f"READY {url}", flush=True)
    stop.wait()
    server.ending.set()
    with registry.changed:
        registry.changed.notify_all()
    server.shutdown()
    node.stop()
    garbage.stop()
    return 0


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "devcluster",
        "clusters": [{"name": "devcluster", "cluster": {"server": url}}],
        "users": [{"name": "developer", "user": {"token": "devcluster"}}],
        "contexts": [{"name": "devcluster", "context": {"cluster": "devcluster", "user": "developer"}}],
    }


if __name__ == "__main__":
    sys.exit(main())
