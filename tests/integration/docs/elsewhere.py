"""Commands of pages that the tests of pages do not type: who runs them or the like, or why nobody does."""

from __future__ import annotations

from attrs import frozen


@frozen
class Run:
    """A file runs it: `text` stands in it, the command or what does the same there."""

    file: str
    text: str


@frozen
class Nobody:
    """Nobody runs it, and why; what comes nearest is `beside`, if there is anything."""

    why: str
    beside: Run | None = None


_BUILT = Run("hack/releasing.py", 'run("buildah", "build",')
_NO_DOCKER = "needs docker"
# Line of a block of `sh` → who runs it: a machine that has what this one lacks, or a test that has what it needs.
ELSEWHERE: dict[str, Run | Nobody] = {
    "pip install '.[cli]'": Run("tests/integration/commands/test_wheel.py", 'run(*pip, "install",'),
    # The same Containerfile is built where there is no docker.
    'docker build -t volsync-py:tutorial --build-arg VERSION="$(git describe --always)" -f Containerfile .': Nobody(
        _NO_DOCKER, _BUILT
    ),
    'docker build --build-arg VERSION="$(git describe --tags --always)"'
    " -t REGISTRY/volsync-py:TAG -f Containerfile .": Nobody(_NO_DOCKER, _BUILT),
    "docker push REGISTRY/volsync-py:TAG": Nobody(f"{_NO_DOCKER} and a registry"),
    "kind load docker-image volsync-py:tutorial": Nobody(
        f"needs kind, which {_NO_DOCKER}", Run(".ci/e2e", '"$cluster/image-import" "$run/cluster"')
    ),
    # The development cluster has no subresource `scale`; a real one does for it what the command asks for.
    "kubectl -n media scale deployment/db --replicas 0": Run("tests/cluster/test_restore_command.py", '"--scale-down"'),
    "hack/demo": Run("tests/integration/main/test_demo.py", '"hack.demonstration"'),
    "hack/test": Run(".ci/run", "hack/test"),
    # It ends with 1 while it finds anything.
    "volsync-py takeover": Run("tests/integration/commands/test_takeover.py", '"takeover"'),
    "volsync-py takeover --back": Run("tests/integration/commands/test_takeover.py", '"takeover", "--back"'),
    # It goes on until somebody ends it.
    "kubectl port-forward -n volsync-system deploy/volsync 8082": Nobody(
        "needs a pod of the Deployment, which the development cluster has not",
        Run("tests/unit/manager/test_page_routes.py", "HTTPConnection("),
    ),
}
# Page and heading of a block of `sh` that is a script of somebody's, shown to say what it lacks → a test of the same.
SCRIPTS = {
    ("from-your-scripts.md", "Snapshot now"): Run("tests/cluster/test_scripts.py", 'kubectl wait "job/$1"'),
    ("from-your-scripts.md", "Restore"): Run("tests/cluster/test_scripts.py", "until kubectl get"),
}
# Page whose blocks all are somebody's else.
WHOLE = {"releasing.md": "tests/release/test_release.py"}
# Command that a page shows with a sample of what it prints → the test that runs it where it prints that.
SHOWN = {
    # The development cluster has no PodDisruptionBudgets.
    "volsync-py manifests --image REGISTRY/volsync-py:TAG --overlay ha"
    " | kubectl apply --server-side --force-conflicts -f -": Run(
        "tests/integration/main/test_overlays.py", "build(MANIFESTS,"
    ),
    "volsync-py browse photos -n media": Run("tests/integration/commands/test_browse.py", "run_test("),
    "volsync-py restore photos -n media --in-place --scale-down": Run(
        "tests/integration/commands/test_restore.py", '"--in-place", "--scale-down"'
    ),
    "volsync-py restore db -n media --in-place --scale-down": Run(
        "tests/integration/commands/test_restore.py", '"--in-place", "--scale-down"'
    ),
}
_GOLDEN = "tests/unit/golden/commands"
# Command that is typed, with a sample of another cluster than the reader's → files of tests in which each line is.
PICTURED = {
    "volsync-py status -A": (f"{_GOLDEN}/status-some-120.txt", "tests/unit/page/test_pages.py"),
    "volsync-py doctor -A": (f"{_GOLDEN}/doctor-120.txt",),
    "volsync-py doctor photos -n media": (f"{_GOLDEN}/doctor-120.txt", "tests/unit/docs/test_doctor_page.py"),
    "volsync-py top -A --sort added --most 2": (f"{_GOLDEN}/top-most.txt",),
    "volsync-py snapshots photos -n media": (f"{_GOLDEN}/snapshots-120.txt",),
    "volsync-py takeover": (f"{_GOLDEN}/takeover-over-120.txt",),
    "volsync-py logs photos -n media -f": (
        "tests/integration/commands/test_logs.py",
        "tests/unit/pod/test_humanlog.py",
    ),
    "volsync-py locks photos -n media": (f"{_GOLDEN}/locks.txt",),
    "volsync-py restore photos -n media --in-place": (f"{_GOLDEN}/restore-refused.txt",),
}
