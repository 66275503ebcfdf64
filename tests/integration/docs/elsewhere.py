"""Commands of pages that the tests of pages do not type, and who runs them."""

from __future__ import annotations

# Line of a block of `sh` → who runs it: a machine that has what this one lacks, or a test that has what it needs.
ELSEWHERE = {
    "pip install '.[cli]'": "tests/integration/commands/test_wheel.py",
    'docker build -t volsync-py:tutorial --build-arg VERSION="$(git describe --always)" -f Containerfile .': ".ci/e2e",
    'docker build --build-arg VERSION="$(git describe --tags --always)"'
    " -t REGISTRY/volsync-py:TAG -f Containerfile .": ".ci/e2e",
    "docker push REGISTRY/volsync-py:TAG": ".ci/e2e",
    # .ci/e2e loads it into a cluster of another kind.
    "kind load docker-image volsync-py:tutorial": ".ci/e2e",
    # The development cluster has no subresource `scale`; a real one does for it what the command asks for.
    "kubectl -n media scale deployment/db --replicas 0": "tests/cluster/test_restore_command.py",
    "hack/demo": "tests/integration/main/test_demo.py",
    "hack/test": ".ci/run",
    # It ends with 1 while it finds anything.
    "volsync-py takeover": "tests/integration/commands/test_takeover.py",
    "volsync-py takeover --back": "tests/integration/commands/test_takeover.py",
    # It goes on until somebody ends it, and asks a pod, which a Deployment of the development cluster has not.
    "kubectl port-forward -n volsync-system deploy/volsync 8082": "tests/unit/manager/test_page_routes.py",
}
# Page and heading of a block of `sh` that is a script of somebody's, shown to say what it lacks → a test of the same.
SCRIPTS = {
    ("from-your-scripts.md", "Snapshot now"): "tests/cluster/test_scripts.py",
    ("from-your-scripts.md", "Restore"): "tests/cluster/test_scripts.py",
}
# Page whose blocks all are somebody's else.
WHOLE = {"releasing.md": "tests/release/test_release.py"}
# Command that a page shows with a sample of what it prints → the test that runs it where it prints that.
SHOWN = {
    # The development cluster has no PodDisruptionBudgets.
    "volsync-py manifests --image REGISTRY/volsync-py:TAG --overlay ha"
    " | kubectl apply --server-side --force-conflicts -f -": "tests/integration/main/test_overlays.py",
    "volsync-py browse photos -n media": "tests/integration/commands/test_browse.py",
    "volsync-py restore photos -n media --in-place --scale-down": "tests/integration/commands/test_restore.py",
    "volsync-py restore db -n media --in-place --scale-down": "tests/integration/commands/test_restore.py",
}
