"""`volsync-py debug-bundle`, as a process, in a namespace where a backup was made."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command
from tests.integration.commands.test_logs import PODS, pod
from tests.integration.kube.peer import Asked, Say, peer
from tests.integration.kube.peer import status as answer_of

SECRET, NAMES = "Q9-never-to-be-seen-9Q", ("well", "restored")


def test_a_bundle_holds_what_a_report_needs_and_no_secret(quiet: DevCluster, tmp_path: Path) -> None:
    one = pod("volsync-src-well-bundle")
    one["metadata"]["annotations"] = {"any/note": SECRET}
    one["metadata"]["labels"]["app.kubernetes.io/created-by"] = "volsync"
    container = one["spec"]["containers"][0]
    container |= {"env": [{"name": "RESTIC_PASSWORD", "value": SECRET}], "name": "restic"}
    container["command"] = ["sh", "-c", f"echo one; echo RESTIC_PASSWORD={SECRET}; echo rest:https://me:{SECRET}@host/"]
    data = {"metadata": {"name": "r"}, "stringData": {"RESTIC_PASSWORD": SECRET}}
    quiet.ask("POST", "/api/v1/namespaces/default/secrets", data)
    quiet.ask("POST", PODS, one)
    name = one["metadata"]["name"]
    wait_until("the pod's end", lambda: (quiet.get(f"{PODS}/{name}").get("status") or {}).get("phase") == "Succeeded")
    quiet.admin("clear")

    file = tmp_path / "bundle.tar.gz"
    done = command(quiet.kubeconfig, "debug-bundle", "-o", str(file))
    assert (done.returncode, done.stdout) == (0, f"{file}\n"), done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        found = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive}
        texts = {path: inner.read().decode() for path, inner in found.items() if inner is not None}
    assert SECRET not in json.dumps(texts) + done.stderr
    assert {f"pods/{name}.json", f"logs/{name}.log", "replicationsources/well.json", "events.json"} <= set(texts)
    assert texts[f"logs/{name}.log"].startswith("one\nRESTIC_PASSWORD=(hidden)\n")
    assert json.loads(texts["versions.json"])["definitions"]["replicationsources.volsync.backube"]["ours"] is True
    assert "Secrets are never read" in texts["README.txt"]
    assert all(f"  {path} " in done.stderr for path in texts if path != "README.txt")
    asked = [r for r in quiet.admin("requests")["requests"] if r["agent"].startswith("volsync-py-command/")]
    assert {r["verb"] for r in asked} <= {"get", "list"}
    assert not [r for r in asked if r["resource"] in {"secrets", "configmaps"}]

    again = command(quiet.kubeconfig, "debug-bundle", "well", "-o", str(file))
    assert (again.returncode, again.stdout) == (1, "")
    assert "File exists; choose another --output" in again.stderr
    none = command(quiet.kubeconfig, "debug-bundle", "none", "-o", str(tmp_path / "none"))
    assert (none.returncode, none.stdout) == (1, "")
    assert "there is no source and no destination called none in the namespace default" in none.stderr
    alone = command(quiet.kubeconfig, "debug-bundle", "broken", "-n", "office", "-o", str(tmp_path / "one"))
    assert alone.returncode == 0
    assert "pods/" not in alone.stderr
    quiet.ask("DELETE", f"{PODS}/{name}")
    quiet.ask("DELETE", "/api/v1/namespaces/default/secrets/r")


def test_a_right_of_the_whole_cluster_is_named_without_a_question_of_one_namespace(tmp_path: Path) -> None:
    said = 'is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope'

    def answer(asked: Asked) -> Say:
        if asked.path.endswith("/deployments"):
            return Say({**answer_of(403, "Forbidden"), "message": said}, code=403)
        if "customresourcedefinitions" in asked.path:
            return Say(answer_of(404, "NotFound"), code=404)
        items = [{"metadata": {"name": "db", "namespace": "media"}}] if "replicationsources" in asked.path else []
        return Say({"metadata": {"resourceVersion": "1"}, "items": items})

    with peer(answer) as server:
        server.client(tmp_path)
        done = command(tmp_path / "kubeconfig", "debug-bundle", "-n", "media", "-o", str(tmp_path / "b"), COLUMNS="250")
    assert done.returncode == 0, done.stderr
    right = "not in it: you (jane) may not list deployments.apps in all namespaces: the role view allows it"
    assert [line.strip() for line in done.stderr.splitlines() if "jane" in line] == [right], done.stderr
