"""What the pages tell people to type is typed here, in the order of the pages, and shows what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import ROOT, DevCluster, S3Server
from tests.integration.docs.pages import DOCS, Reader
from tests.integration.mover.harness import PASSWORD
from tests.integration.mover.prepared import put
from tests.markdown import blocks

# Commands for a machine that has what this one lacks, and who runs them instead.
ELSEWHERE = {
    "pip install '.[cli]'": "tests/integration/commands/test_wheel.py",
    "docker build -t volsync-py:tutorial -f Containerfile .": ".ci/e2e",
    "kind load docker-image volsync-py:tutorial": "kind's own; .ci/e2e loads it into another cluster",
}


# Several blocks, each of which has a deadline of its own that says what did not come.
pytestmark = pytest.mark.timeout(400)

# What who has done the tutorial has: the claim and the source that the pages speak of, with a first backup.
NOTES = """
kubectl create secret generic restic-config \\
    --from-literal=RESTIC_REPOSITORY=s3:https://s3.example.com/howto/notes \\
    --from-literal=RESTIC_PASSWORD=long-and-written-down \\
    --from-literal=AWS_ACCESS_KEY_ID=access-key --from-literal=AWS_SECRET_ACCESS_KEY=secret-key
kubectl apply -f - <<'END'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: notes}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: writes}
spec:
  restartPolicy: Never
  containers:
    - name: writes
      image: docker.io/library/busybox:1.37
      command: [sh, -c, 'echo "dear diary" > /notes/diary.txt; echo "milk" > /notes/shopping.txt']
      volumeMounts: [{name: notes, mountPath: /notes}]
  volumes: [{name: notes, persistentVolumeClaim: {claimName: notes}}]
END
kubectl wait pod/writes --for jsonpath='{.status.phase}'=Succeeded
kubectl delete pod writes
kubectl apply -f - <<'END'
apiVersion: volsync.backube/v1alpha1
kind: ReplicationSource
metadata: {name: notes}
spec:
  sourcePVC: notes
  trigger: {schedule: "0 3 * * *"}
  restic: {repository: restic-config, copyMethod: Direct, retain: {daily: 7}}
END
kubectl wait replicationsource/notes --for condition=Healthy --timeout=2m
"""
# As Velero's node agent runs restic: in the folder of the volume, and with its host and tags.
VELEROS = """
mkdir -p volume && cd volume && echo "of velero" > file
export RESTIC_REPOSITORY=s3:https://s3.example.com/velero/restic/notes RESTIC_PASSWORD=long-and-written-down
export AWS_ACCESS_KEY_ID=access-key AWS_SECRET_ACCESS_KEY=secret-key
restic backup . --host=velero --tag=ns=notes,pod=app,volume=data,backup=nightly
echo "of another volume" > file
restic backup . --host=velero --tag=ns=notes,pod=app,volume=cache,backup=nightly
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody with a cluster of their own, in which nothing is installed."""
    one = Reader(DevCluster(tmp_path_factory.mktemp("reader")), tmp_path_factory.mktemp("folder"))
    yield one
    one.end()


@pytest.fixture(scope="module")
def user(reader: Reader, s3: S3Server, empty_repository: Path) -> Reader:
    """Who has done the tutorial, and backs up to S3 since; they have read no other page."""
    reader.installs()
    for folder in ("howto/notes", "velero/restic/notes"):
        put(empty_repository, s3, folder)
    reader.instead |= {
        "s3:https://s3.example.com/": f"s3:http://127.0.0.1:{s3.port}/",
        "long-and-written-down": PASSWORD,
        "access-key": s3.ACCESS,
        "secret-key": s3.SECRET,
    }
    return reader


def test_the_tutorial_goes_from_nothing_to_a_restored_volume(reader: Reader) -> None:
    reader.reads("tutorial.md")


def test_a_secret_for_each_storage_is_one_that_the_api_server_takes(user: Reader) -> None:
    user.begins("storages")
    user.reads("backends.md")


@pytest.fixture(scope="module")
def notes(user: Reader) -> Reader:
    """Who has a claim `notes` with two files, and a source `notes` that has backed it up."""
    user.begins("howto")
    user.types(NOTES)
    return user


def test_one_file_comes_back_from_a_backup(notes: Reader) -> None:
    notes.reads("one-file.md")


def test_a_schedule_is_spread_and_limited_as_the_page_says(notes: Reader) -> None:
    notes.reads("spread.md")


def test_a_second_copy_is_made_and_made_again(notes: Reader) -> None:
    notes.reads("second-copy.md")


def test_a_claim_in_a_new_cluster_comes_with_its_content(notes: Reader) -> None:
    notes.types("volsync-py pause notes")
    notes.reads("new-cluster.md")
    assert set(notes.content("notes", "notes")) == {"diary.txt", "shopping.txt"}
    notes.types("kubectl config set-context --current --namespace=howto; volsync-py resume notes")


def test_a_password_is_rotated_and_no_backup_fails_meanwhile(notes: Reader) -> None:
    notes.reads("password.md")


def test_what_velero_has_backed_up_is_restored(user: Reader) -> None:
    user.begins("from-velero")
    user.types(VELEROS)
    user.reads("velero.md")
    assert user.content("from-velero", "from-velero") == {"file": "of velero\n"}


@pytest.mark.parametrize("page", ["docs/populator.md", "docs/verification.md", "README.md"])
def test_what_a_page_shows_of_manifests_is_taken_by_the_api_server(notes: Reader, page: str) -> None:
    shown = [block.text for block in blocks(ROOT / page) if "apiVersion" in block.text]
    assert shown
    notes.types("kubectl apply --dry-run=server -f - <<'END'\n" + "---\n".join(shown) + "END\n")


def test_each_page_with_commands_to_be_typed_is_one_that_is_typed_here() -> None:
    to_be_typed = {page.name for page in DOCS.glob("*.md") if any(b.language == "bash" for b in blocks(page))}
    own = Path(__file__).read_text(encoding="utf-8")
    assert {page for page in to_be_typed if f'.reads("{page}")' not in own} == set()


def test_each_command_that_is_not_run_here_is_run_elsewhere() -> None:
    told = [block.text for page in DOCS.glob("*.md") for block in blocks(page) if block.language == "sh"]
    assert {line for text in told for line in text.splitlines() if line} == set(ELSEWHERE)
