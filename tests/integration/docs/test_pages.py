"""What the pages tell people to type is typed here, in the order of the pages, and shows what they say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from hack.processes import DevCluster, S3Server
from tests.integration.docs.pages import PAGES, Reader, fragments, manifests
from tests.integration.main.test_helm_release import Release
from tests.integration.mover.harness import PASSWORD
from tests.integration.mover.prepared import put
from volsync_py.core.times import format_rfc3339

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


GOLDEN = Path(__file__).parents[2] / "unit" / "golden" / "volsync-objects"
# A claim whose application says when it may be copied.
DATA = """
kubectl apply -f - <<'END'
apiVersion: v1
kind: PersistentVolumeClaim
# The page says it once more: the source begins at once, and would copy what is not to be copied yet.
metadata: {name: data, annotations: {volsync.backube/use-copy-trigger: ""}}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: writes-data}
spec:
  restartPolicy: Never
  containers:
    - name: writes
      image: docker.io/library/busybox:1.37
      command: [sh, -c, 'echo "of now" > /data/file.txt']
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: volsync.backube/v1alpha1
kind: ReplicationSource
metadata: {name: data}
spec:
  sourcePVC: data
  trigger: {schedule: "0 3 * * *"}
  restic: {repository: restic-config, copyMethod: Snapshot, host: data, retain: {last: "3"}}
END
kubectl wait pod/writes-data --for jsonpath='{.status.phase}'=Succeeded
"""
# What the samples of pages speak of: a namespace with two sources, one of which has pictures and is in use.
MEDIA = """
for name in photos db; do
kubectl create secret generic $name \\
    --from-literal=RESTIC_REPOSITORY=s3:https://s3.example.com/media/$name \\
    --from-literal=RESTIC_PASSWORD=long-and-written-down \\
    --from-literal=AWS_ACCESS_KEY_ID=access-key --from-literal=AWS_SECRET_ACCESS_KEY=secret-key
kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $name}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: uses-$name}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: uses
      image: docker.io/library/busybox:1.37
      command: [sh, -c, 'mkdir -p /2024/summer && echo cake > /2024/cake.jpg && sleep 86400']
      volumeMounts: [{name: volume, mountPath: /2024, subPath: "2024"}]
  volumes: [{name: volume, persistentVolumeClaim: {claimName: $name}}]
---
apiVersion: volsync.backube/v1alpha1
kind: ReplicationSource
metadata: {name: $name, labels: {app: $name}}
spec:
  sourcePVC: $name
  trigger: {schedule: "0 3 * * *"}
  restic: {repository: $name, copyMethod: Snapshot, retain: {daily: 7}}
END
done
kubectl wait pod/uses-photos --for condition=Ready --timeout=1m
kubectl wait replicationsource/photos replicationsource/db --for condition=Healthy --timeout=2m
"""
# They say with their exit code how things are, which is as other tests have left them.
VERDICTS = {"volsync-py status -A", "volsync-py doctor -A", "volsync-py doctor photos -n media", "volsync-py takeover"}
# Somebody uses the claim.
FAILS = {"volsync-py restore photos -n media --in-place"}


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
    for folder in ("howto/notes", "velero/restic/notes", "media/photos", "media/db"):
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
    notes.goes_on("howto")
    notes.types("volsync-py resume notes")


def test_a_password_is_rotated_and_no_backup_fails_meanwhile(notes: Reader) -> None:
    notes.reads("password.md")


def test_what_velero_has_backed_up_is_restored(user: Reader) -> None:
    user.begins("from-velero")
    user.types(VELEROS)
    user.reads("velero.md")
    assert user.content("from-velero", "from-velero") == {"file": "of velero\n"}


def test_a_copy_is_made_when_the_script_of_the_page_says_so(notes: Reader) -> None:
    notes.goes_on("howto")
    notes.types(DATA)
    notes.reads("copy-triggers.md")
    notes.types("kubectl wait replicationsource/data --for condition=Healthy --timeout=2m")
    notes.types("kubectl delete replicationsource data")


@pytest.fixture(scope="module")
def media(user: Reader) -> Reader:
    """Who has the namespace that samples speak of."""
    user.begins("media")
    user.types(MEDIA)
    return user


def test_the_commands_of_the_reference_can_be_typed_as_they_stand(media: Reader) -> None:
    media.goes_on("media")
    media.tries("command-line.md", FAILS, VERDICTS)


def test_commands_beside_samples_and_in_runbooks_can_be_typed_as_they_stand(media: Reader) -> None:
    media.goes_on("media")
    media.tries("doctor.md", (), VERDICTS)
    media.reads("verification.md")
    media.tries("verification.md")
    media.tries("from-your-scripts.md")
    media.reads("alerts.md")
    media.reads("page.md", "A page to look at")
    media.types("kubectl delete pod uses-db")
    media.reads("from-your-scripts.md")


@pytest.mark.parametrize("page", [page for page in PAGES if manifests(page)])
def test_what_a_page_shows_of_manifests_is_taken_by_the_api_server(user: Reader, page: str) -> None:
    user.types("kubectl apply --dry-run=server -f - <<'END'\n" + "---\n".join(manifests(page)) + "END\n")


@pytest.mark.parametrize("page", [page for page in PAGES if fragments(page)])
def test_what_a_page_shows_of_a_spec_is_taken_in_that_of_a_source(user: Reader, page: str) -> None:
    for text in fragments(page):
        spec = {"sourcePVC": "notes", **yaml.safe_load(text)["spec"]}
        spec["restic"] |= {"repository": "restic-config", "copyMethod": "Snapshot"}
        kind = {"apiVersion": "volsync.backube/v1alpha1", "kind": "ReplicationSource"}
        shown = yaml.safe_dump({**kind, "metadata": {"name": "shown"}, "spec": spec})
        user.types(f"kubectl apply --dry-run=server --validate=strict -f - <<'END'\n{shown}END\n")


# ---- from VolSync and back, with Helm


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody who installs and removes operators in a cluster of their own, from a clone."""
    one = Reader(DevCluster(tmp_path_factory.mktemp("operator")), tmp_path_factory.mktemp("clone"))
    one.instead = {
        "REGISTRY/volsync-py": "registry.example.com/volsync-py",
        "TAG": "1.2.3",
        "REVISION": "1",
        # The development cluster has the definitions of itself.
        "helm install volsync": "helm install volsync --take-ownership",
    }
    yield one
    one.end()


def test_the_chart_is_installed_upgraded_rolled_back_and_removed(operator: Reader) -> None:
    operator.reads("helm.md", "Install", "Upgrade from VolSync")
    operator.reads("page.md", "From the manager")
    assert operator.manager is not None
    operator.reads("helm.md", "Roll back", "Uninstall")
    assert operator.manager is None


def test_the_operator_is_installed_as_the_readme_says(operator: Reader) -> None:
    operator.reads("README.md", "Run the operator")
    assert operator.manager is not None
    operator.types("helm uninstall volsync --namespace volsync-system")


@pytest.fixture
def volsync(operator: Reader, s3: S3Server, empty_repository: Path, tmp_path: Path) -> Reader:
    """Whose cluster has VolSync, by Helm, and a source that it has backed up."""
    put(empty_repository, s3, "office/notes")
    operator.instead |= {
        "s3:https://s3.example.com/howto/": f"s3:http://127.0.0.1:{s3.port}/office/",
        "long-and-written-down": PASSWORD,
        "access-key": s3.ACCESS,
        "secret-key": s3.SECRET,
    }
    release = Release(operator.cluster, tmp_path)
    release.helm(
        "install", "volsync", str(release.other), "--create-namespace", "--take-ownership", "--force-conflicts"
    )
    operator.begins("office")
    operator.types(NOTES.replace("kubectl wait replicationsource/notes", "kubectl get replicationsource/notes ; true"))
    golden = yaml.safe_load_all((GOLDEN / "01-source-snapshot-idle.yaml").read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    times = {"lastSyncTime": format_rfc3339(now), "nextSyncTime": format_rfc3339(now + timedelta(days=1))}
    status = {"status": {**next(iter(golden))["status"], **times}}
    path = "/apis/volsync.backube/v1alpha1/namespaces/office/replicationsources/notes/status"
    operator.cluster.ask("PATCH", path, status, "application/merge-patch+json")
    return operator


def test_volsync_is_changed_for_this_operator_and_back_as_the_page_says(volsync: Reader) -> None:
    volsync.reads("takeover.md", "Before", "Change with Helm", "After the change", "Back with Helm")
    assert volsync.manager is None
    volsync.reads("takeover.md", "Change with kubectl", "After the change", "Back with kubectl")
    assert volsync.manager is None
    volsync.reads("helm.md", "Delete everything")
