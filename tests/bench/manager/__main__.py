"""What the manager costs on a real control plane: `python -m tests.bench.manager --help`.

KUBECONFIG names an API server with a Job controller and without a node; pods are completed by the benchmark. The
yardstick is the floor: the same Jobs, created by a script without an operator, once before and once after each run.
The manager asks as it does in a Deployment: with the token and the rights of its account.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import yaml
from attrs import frozen

from hack.processes import ROOT, Manager, wait_until
from hack.tool_cache import tool_path
from tests.bench.manager.kubelet import Kubelet
from tests.bench.manager.processor import Measured
from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.resources import JOBS, NAMESPACES, PODS, PVCS, REPLICATION_SOURCES, SECRETS, Resource

LONGEST_SECONDS = 900
FOREIGN_BYTES = 4096
TICKS = os.sysconf("SC_CLK_TCK")


@frozen
class Cost:
    """What a manager has used so far."""

    cpu_seconds: float
    peak_mib: float
    requests: Counter[tuple[str, str, str]]

    def of_work(self) -> int:
        """Return the requests besides watches, the lists before them, and the Lease."""
        return sum(n for (verb, resource, _), n in self.requests.items() if verb != "watch" and resource != "leases")

    def conflicts(self) -> int:
        """Return how many were answered with 409."""
        return sum(n for (_, _, code), n in self.requests.items() if code == "409")


def cpu_seconds(manager: Manager) -> float:
    """Return what a manager has used of the processors so far."""
    fields = Path(f"/proc/{manager.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cost(manager: Manager) -> Cost:
    """Read the kernel's and the manager's own counters; to ask for the latter costs the manager time as well."""
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{manager.process.pid}/status").read_text())
    exposed = urlopen(f"http://127.0.0.1:{manager.metrics_port}/metrics", timeout=10).read().decode()
    found = re.findall(r"^volsync_py_api_requests_total\{([^}]*)\} ([0-9.e+]+)$", exposed, re.MULTILINE)
    requests: Counter[tuple[str, str, str]] = Counter()
    for labels, value in found:
        named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        requests[named["verb"], named["resource"], named["code"]] += int(float(value))
    return Cost(cpu_seconds(manager), int(peak[1]) / 1024 if peak else 0.0, requests)


def repository_secret(name: str) -> dict[str, Any]:
    """Return a Secret of the one repository of all."""
    data = {"RESTIC_REPOSITORY": "s3:http://127.0.0.1/bench", "RESTIC_PASSWORD": "bench"}
    return {"metadata": {"name": name}, "stringData": data}


class Bench:
    """One namespace with N sources, and what they need."""

    def __init__(self, client: Client, kubeconfig: str) -> None:
        self.client = client
        self.namespace = f"bench-{uuid4().hex[:6]}"
        self.create(NAMESPACES, {"metadata": {"name": self.namespace}}, namespaced=False)
        self.create(SECRETS, repository_secret("repository"))
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        self.create(PVCS, {"metadata": {"name": "data"}, "spec": claim})
        self.kubelet = Kubelet(Client(config.load(kubeconfig), user_agent="bench-kubelet"), self.namespace)

    def create(self, resource: Resource, body: dict[str, Any], *, namespaced: bool = True) -> dict[str, Any]:
        """Create one object."""
        if namespaced:
            body["metadata"]["namespace"] = self.namespace
        return self.client.create(resource, {"apiVersion": resource.api_version, "kind": resource.kind, **body})

    def create_all(self, resource: Resource, bodies: Iterable[dict[str, Any]]) -> None:
        """Create many objects, eight at a time."""
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda body: self.create(resource, body), bodies):
                pass

    def wait(self, resource: Resource, number: int, done: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until as many objects have such a status."""
        page = self.client.list(resource, self.namespace, limit=0)
        finished = {o["metadata"]["name"] for o in page.get("items") or [] if done(o.get("status") or {})}
        version = page["metadata"]["resourceVersion"]
        with self.client.watch(
            resource, self.namespace, resource_version=version, timeout_seconds=LONGEST_SECONDS
        ) as lines:
            while len(finished) < number:
                event = next(lines)
                if event["type"] != "BOOKMARK" and done(event["object"].get("status") or {}):
                    finished.add(event["object"]["metadata"]["name"])

    def end(self) -> None:
        """Delete what was made, and wait until it is gone: whatever is measured next shall have the machine alone."""
        self.kubelet.stop()
        self.client.delete(NAMESPACES, self.namespace)
        until("the namespace's end", lambda: self.namespace not in namespaces(self.client))


def kubectl(kubeconfig: str, *arguments: str) -> str:
    """Run kubectl among the manifests and return what it says."""
    command = [str(tool_path("kubectl")), f"--kubeconfig={kubeconfig}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def namespaces(client: Client) -> set[str]:
    return {one["metadata"]["name"] for one in client.list_all(NAMESPACES)}


def until(what: str, done: Callable[[], bool]) -> None:
    wait_until(what, done, LONGEST_SECONDS)


def source(name: str, repository: str = "repository", **spec: Any) -> dict[str, Any]:
    """Return a source whose backup is asked for."""
    restic = {"repository": repository, "copyMethod": "Direct"}
    return {
        "metadata": {"name": name},
        "spec": {"sourcePVC": "data", "trigger": {"manual": "one"}, "restic": restic, **spec},
    }


def sources(bench: Bench, number: int, own_secrets: bool) -> Measured:
    """Create sources and wait until all are done."""
    names = [f"s{i}" for i in range(number)]
    if own_secrets:
        bench.create_all(SECRETS, (repository_secret(name) for name in names))
    with Measured.until_done() as measured:
        bench.create_all(REPLICATION_SOURCES, (source(n, n if own_secrets else "repository") for n in names))
        bench.wait(REPLICATION_SOURCES, number, lambda s: s.get("lastManualSync") == "one")
    return measured


@contextmanager
def managing(folder: Path, account: Path, arguments: Iterable[str] = ()) -> Iterator[Manager]:
    """Run a manager that leads."""
    manager = Manager(folder, account, "--leader-elect=false", *arguments)
    try:
        manager.leads()
        yield manager
    finally:
        manager.stop()


def sample_job(client: Client, kubeconfig: str, folder: Path, account: Path) -> dict[str, Any]:
    """Let a manager make one Job, and return it."""
    bench = Bench(client, kubeconfig)
    with managing(folder, account):
        bench.create(REPLICATION_SOURCES, source("sample", paused=True))
        until("a Job", lambda: bool(bench.client.list(JOBS, bench.namespace, limit=1).get("items")))
    job: dict[str, Any] = bench.client.list(JOBS, bench.namespace, limit=1)["items"][0]
    bench.end()
    return job


def floor(client: Client, kubeconfig: str, job: dict[str, Any], number: int) -> Measured:
    """Create the same Jobs without an operator, and wait until all are complete."""
    bench = Bench(client, kubeconfig)
    template = job["spec"]["template"]
    labels = {k: v for k, v in (template["metadata"].get("labels") or {}).items() if "controller-uid" not in k}
    labels = {k: v for k, v in labels.items() if "job-name" not in k}
    pod = {**template["spec"], "serviceAccountName": "default"}
    spec = {
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    # The account that pods run as is made a moment after the namespace.
    time.sleep(2)
    with Measured.until_done() as measured:
        bench.create_all(JOBS, ({"metadata": {"name": f"j{i}"}, "spec": spec} for i in range(number)))
        bench.wait(JOBS, number, lambda s: s.get("succeeded") == 1)
    bench.end()
    return measured


def foreign_secrets(client: Client, number: int) -> str:
    """Create Secrets that are nobody's business; return their namespace."""
    name = f"foreign-{uuid4().hex[:6]}"
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def create(index: int) -> None:
        meta = {"name": f"secret-{index}", "namespace": name}
        client.create(
            SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"v": "x" * FOREIGN_BYTES}}
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(number)))
    return name


def as_in_a_deployment(kubeconfig: str, folder: Path) -> Path:
    """Install the account and its rights; return a kubeconfig with its token."""
    kubectl(kubeconfig, "create", "namespace", "volsync-system")
    kubectl(kubeconfig, "apply", "--server-side", "-f", "manifests/base/service_account.yaml")
    kubectl(kubeconfig, "apply", "--server-side", "-k", "manifests/rbac")
    token = kubectl(kubeconfig, "create", "token", "volsync", "--namespace=volsync-system", "--duration=24h")
    content = yaml.safe_load(Path(kubeconfig).read_text())
    content["users"] = [{"name": user["name"], "user": {"token": token.strip()}} for user in content["users"]]
    made = folder / "kubeconfig"
    made.write_text(yaml.safe_dump(content))
    return made


def measure(
    client: Client, kubeconfig: str, number: int, label: str, options: argparse.Namespace, arguments: list[str]
) -> None:
    """Measure one size and print it, each run and the median of the ratios.

    Floors and runs take turns: such a machine is not equally fast all the time.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        account = as_in_a_deployment(kubeconfig, folder)
        job = sample_job(client, kubeconfig, folder / "sample", account)
        before = floor(client, kubeconfig, job, number)
        ratios = []
        for turn in range(options.repeat):
            with managing(folder / f"manager-{turn}", account, arguments) as manager:
                run = converge(client, kubeconfig, manager, number, options)
            after = floor(client, kubeconfig, job, number)
            ratios.append(2 * run.seconds / (before.seconds + after.seconds))
            print(f"{label:24} {number:6} sources, {run.seconds:.1f} s, floors {before.seconds:.1f} ", end="")
            print(f"and {after.seconds:.1f} s, ratio {ratios[-1]:.2f}", flush=True)
            print(f"   processor time each: {run.each(number)}", flush=True)
            print(f"   of the last floor: {after.each(number)}", flush=True)
            before = after
    print(f"{label:24} {number:6} sources, median of {options.repeat} ratios: {median(ratios):.2f}", flush=True)


def converge(client: Client, kubeconfig: str, manager: Manager, number: int, options: argparse.Namespace) -> Measured:
    """Let a manager synchronize sources, and print what it asked for and used."""
    bench = Bench(client, kubeconfig)
    begin = cost(manager)
    run = sources(bench, number, options.own_secrets)
    # The Jobs' deletion follows the last status.
    until("the Jobs' end", lambda: not bench.client.list(JOBS, bench.namespace, limit=1).get("items"))
    end = cost(manager)
    # Idle is who has nothing to hear either: the garbage collector deletes the pods behind the Jobs.
    until("the pods' end", lambda: not bench.client.list(PODS, bench.namespace, limit=1).get("items"))
    rest = cost(manager)
    time.sleep(options.idle)
    idle_cpu = cpu_seconds(manager) - rest.cpu_seconds
    idle = cost(manager)
    bench.end()
    print(
        f"{(end.of_work() - begin.of_work()) / number:.2f} requests each, {end.conflicts()} answered 409; "
        f"CPU {1000 * (end.cpu_seconds - begin.cpu_seconds) / number:.1f} ms each; "
        f"memory {begin.peak_mib:.0f} MiB at first, peak {end.peak_mib:.0f} MiB; "
        f"idle {options.idle:.0f} s: {idle.of_work() - rest.of_work()} requests, "
        f"CPU {100 * idle_cpu / max(options.idle, 1):.2f} % of a core; "
        f"a scrape {1000 * (idle.cpu_seconds - rest.cpu_seconds - idle_cpu):.0f} ms",
        flush=True,
    )
    asked = Counter[str]()
    for (verb, resource, code), count in end.requests.items():
        asked[f"{verb} {resource}"] += count - begin.requests[verb, resource, code]
    print("   " + ", ".join(f"{what} {count / number:.2f}" for what, count in asked.most_common() if count), flush=True)
    return run


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.manager", epilog="What else is given goes to the manager."
    )
    parser.add_argument("--sources", type=int, action="append", help="how many sources (again and again)")
    parser.add_argument("--foreign", type=int, default=10_000, help="foreign Secrets of 4 KiB; 0: do without")
    parser.add_argument("--repeat", type=int, default=1, help="how many runs, with a floor before and after each")
    parser.add_argument("--own-secrets", action="store_true", help="a Secret for each source, not one for all")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds to look at the idle manager")
    args, arguments = parser.parse_known_args()
    kubeconfig = os.environ.get("KUBECONFIG", "")
    if not kubeconfig:
        raise SystemExit("KUBECONFIG names no control plane")
    client = Client(config.load(kubeconfig), user_agent="bench")
    kubectl(kubeconfig, "apply", "--server-side", "-k", "manifests/crds")
    sizes = args.sources or [100, 1000]
    for number in sizes:
        measure(client, kubeconfig, number, "nothing else there", args, arguments)
    if args.foreign:
        space = foreign_secrets(client, args.foreign)
        for number in sizes:
            label = f"{args.foreign} foreign Secrets"
            measure(client, kubeconfig, number, label, args, arguments)
        client.delete(NAMESPACES, space)


if __name__ == "__main__":
    main()
