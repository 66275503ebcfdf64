"""Every field of `spec.restic` arrives where it has an effect: each is set to what is no default, and all is compared.

A field that is added to the schema has to be added here, or the first test fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

from hack.generate_crds import TARGET
from hack.kubernetes_types import POD_FIELDS, VOLUME_FIELDS
from tests.unit.movers.objects import claim, resource, secret
from tests.unit.movers.seen import NOW, decision_on, status_of
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import RESTORED
from volsync_py.contract.report import Outcome, Report, SnapshotFacts
from volsync_py.contract.run_document import Run
from volsync_py.core.actions import Create
from volsync_py.core.times import format_rfc3339
from volsync_py.core.view import MoverSettings

Object = dict[str, Any]
SETTINGS = MoverSettings(
    image="mover:2",
    proxies=(("HTTPS_PROXY", "http://proxy"), ("https_proxy", "http://proxy")),
    cluster_id="cluster",
    contact_seconds=11,
    retry_lock_seconds=12,
    stall_seconds=13,
)
KUBERNETES = {*POD_FIELDS, *VOLUME_FIELDS}
POD: Object = {
    "repository": "other-repository",
    "customCA": {"secretName": "ca", "key": "ca.pem"},
    "moverSecurityContext": {"runAsUser": 1000, "fsGroup": 1001},
    "moverServiceAccount": "account",
    "moverPodLabels": {"team": "blue"},
    "moverResources": {"limits": {"memory": "1Gi"}},
    "moverAffinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}},
    "moverTolerations": [{"key": "t", "operator": "Exists"}],
    "moverVolumes": [
        {"mountPath": "claim", "volumeSource": {"persistentVolumeClaim": {"claimName": "more"}}},
        {"mountPath": "secret", "volumeSource": {"secret": {"secretName": "ca"}}},
        {"mountPath": "nfs", "volumeSource": {"nfs": {"server": "s", "path": "/"}}},
    ],
    "cacheCapacity": "7Gi",
    "cacheStorageClassName": "cache-class",
    "cacheAccessModes": ["ReadWriteOncePod"],
}
VOLUME: Object = {"capacity": "9Gi", "storageClassName": "copy-class", "accessModes": ["ReadWriteMany"]}
VOLUME |= {"volumeSnapshotClassName": "snapshot-class", "copyMethod": "Snapshot"}
RETAIN: Object = {"hourly": 1, "daily": 2, "weekly": 3, "monthly": 4, "yearly": 5, "within": "6d", "last": "7"}
RETAIN |= {"withinHourly": "1h", "withinDaily": "2d", "withinWeekly": "3m", "withinMonthly": "4m", "withinYearly": "5y"}
BACKUP: Object = {
    "pruneIntervalDays": 3,
    "retain": {**RETAIN, "keepTags": ["kept"]},
    "exclude": {"caches": True, "patterns": ["*.tmp"], "ifPresent": [".nobackup"], "largerThan": "500M"},
    "tags": ["a", "b"],
    "host": "db",
    "compression": "max",
    "packSize": 64,
    "readConcurrency": 4,
    "limits": {"uploadKiBps": 100, "downloadKiBps": 200},
    "prune": {"maxUnused": "5%", "maxRepackSize": "10G"},
    "check": {"intervalDays": 5, "readData": "2/7"},
    "verification": {"schedule": "0 12 * * *", "keep": "OnFailure", "command": ["sh", "-c", "echo $(HOME)"]},
    "emptySource": "Fail",
    "unlock": "now",
}
RESTORE: Object = {
    "host": "db",
    "tags": ["a", "b"],
    "exclude": ["*.tmp"],
    "subPath": "below/it",
    "onMissingSnapshot": "Continue",
    "verify": True,
    "enableFileDeletion": True,
    "cleanupCachePVC": True,
}
BY_TIME: Object = {"previous": 2, "restoreAsOf": "2026-08-10T20:01:03-04:00", "cleanupTempPVC": True}
BY_ID: Object = {"snapshot": "0a1b2c3d", "include": ["/etc"], "destinationPVC": "data", "copyMethod": "Direct"}
BY_ID |= {"customCA": {"configMapName": "ca-map", "key": "ca.pem"}}
SPECS: dict[str, list[Object]] = {
    "ReplicationSource": [
        {**POD, **BACKUP, "copyMethod": "Direct"},
        {**POD, **BACKUP, **VOLUME, "customCA": {"configMapName": "ca-map", "key": "ca.pem"}},
    ],
    "ReplicationDestination": [
        {**POD, **VOLUME, **RESTORE, **BY_TIME},
        {key: value for key, value in {**POD, **RESTORE, **BY_ID}.items() if key != "exclude"},
    ],
}


def fields(schema: Object, path: str = "") -> Iterator[str]:
    """Return the paths of the fields of a schema; what is Kubernetes' own is one, because it is taken as a whole."""
    whole = path.rpartition(".")[2] in KUBERNETES
    inner = {} if whole else schema.get("properties") or (schema.get("items") or {}).get("properties")
    for name, one in (inner or {}).items():
        yield from fields(one, f"{path}.{name}")
    if not inner:
        yield path


def given(schema: Object, value: Any, path: str = "") -> Iterator[str]:
    """Return the paths of the schema's fields that a value has."""
    if path.rpartition(".")[2] in KUBERNETES:
        yield path
    elif "items" in schema and "properties" in schema["items"]:
        for item in value:
            yield from given(schema["items"], item, path)
    elif "properties" in schema:
        for name, one in value.items():
            yield from given(schema["properties"][name], one, f"{path}.{name}")
    else:
        yield path


@pytest.mark.parametrize(("kind", "plural"), [(k, f"{k.lower()}s") for k in SPECS])
def test_every_field_of_the_schema_is_tried_here(kind: str, plural: str) -> None:
    definition = yaml.safe_load((TARGET / f"volsync.backube_{plural}.yaml").read_text(encoding="utf-8"))
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    restic = spec["properties"]["restic"]
    assert {path for one in SPECS[kind] for path in given(restic, one)} == set(fields(restic))


def cluster(kind: str, restic: Object) -> list[Object]:
    """Return a resource and everything that it names, with a pod of the user's on its volume."""
    long_ago = format_rfc3339(NOW - timedelta(days=30))
    of_it = {"lastPruned": long_ago, "lastChecked": long_ago, "lastCheckSubset": "2/7"}
    is_source = kind == "ReplicationSource"
    spec = {"trigger": {"manual": "tag"}, "restic": restic, **({"sourcePVC": "data"} if is_source else {})}
    one = resource(kind, spec, **({"restic": of_it} if is_source else {}))
    one["metadata"]["annotations"] = {"volsync-py/run-now": "again", "volsync.backube/enable-debug-mover": ""}
    keys = secret("other-repository", AWS_ACCESS_KEY_ID="id", RCLONE_CONFIG_X_TYPE="s3", OWN="x")
    keys["data"]["GOOGLE_APPLICATION_CREDENTIALS"] = "e30="
    authority = {**secret("ca"), "data": {"ca.pem": ""}}
    ca_map = {**authority, "kind": "ConfigMap", "metadata": {**authority["metadata"], "name": "ca-map"}}
    account = {"kind": "ServiceAccount", "metadata": {"name": "account", "namespace": "ns"}}
    data = claim("data", accessModes=["ReadOnlyMany" if is_source else "ReadWriteOnce"])
    pod: Object = {"kind": "Pod", "metadata": {"name": "user", "namespace": "ns"}, "status": {"phase": "Running"}}
    mounts = [{"persistentVolumeClaim": {"claimName": "data"}}]
    pod["spec"] = {"nodeName": "node", "volumes": mounts, "tolerations": [{"key": "of-the-pod"}]}
    node = {"kind": "Node", "metadata": {"name": "node", "labels": {"kubernetes.io/hostname": "host"}}}
    return [one, keys, authority, ca_map, account, data, claim("more"), pod, node]


def made(kind: str, restic: Object) -> list[Object]:
    """Return what a first pass makes, beside what is named."""
    decision = decision_on(cluster(kind, restic), settings=SETTINGS)
    (told,) = (c for c in status_of(decision)["conditions"] if c["type"] == "Synchronizing")
    assert told["reason"] != "Error", told
    return [action.object for action in decision.actions if isinstance(action, Create)]


def of_kind(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = (o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return found


def told(job: Object) -> Object:
    """Return the document of the run."""
    (variable,) = (v for v in container(job)["env"] if v["name"] == "VOLSYNC_PY_RUN")
    document: Object = json.loads(variable["value"].replace("$$", "$"))
    return document


def container(job: Object) -> Object:
    (only,) = job["spec"]["template"]["spec"]["containers"]
    one: Object = only
    return one


def environment(job: Object) -> Object:
    """Return the variables but the document: texts, and keys of the Secret as `name/key`."""
    env = {
        v["name"]: v.get("value", v.get("valueFrom")) for v in container(job)["env"] if v["name"] != "VOLSYNC_PY_RUN"
    }
    refs = {name: value["secretKeyRef"] for name, value in env.items() if isinstance(value, dict)}
    return env | {name: f"{ref['name']}/{ref['key']}" for name, ref in refs.items()}


DEADLINES = {"contactSeconds": 11, "retryLockSeconds": 12, "stallSeconds": 13}
ENVIRONMENT: Object = {
    "FORGET_OPTIONS": "--keep-last 1",
    "DATA_DIR": "/data",
    "RESTIC_CACHE_DIR": "/cache",
    "RESTORE_AS_OF": "",
    "SELECT_PREVIOUS": "0",
    "RESTORE_OPTIONS": "",
    "RESTIC_REPOSITORY": "other-repository/RESTIC_REPOSITORY",
    "RESTIC_PASSWORD": "other-repository/RESTIC_PASSWORD",
    "AWS_ACCESS_KEY_ID": "other-repository/AWS_ACCESS_KEY_ID",
    "RCLONE_CONFIG_X_TYPE": "other-repository/RCLONE_CONFIG_X_TYPE",
    "HTTPS_PROXY": "http://proxy",
    "https_proxy": "http://proxy",
    "DEBUG_MOVER": "1",
    "CUSTOM_CA": "/customCA/ca.crt",
    "GOOGLE_APPLICATION_CREDENTIALS": "/credentials/gcs.json",
    "PRIVILEGED_MOVER": "0",
}
RULES = (
    " --keep-hourly 1 --keep-daily 2 --keep-weekly 3 --keep-monthly 4 --keep-yearly 5 --keep-within 6d --keep-last 7"
)
TAKEN = {
    "excludeCaches": True,
    "excludePatterns": ["*.tmp"],
    "excludeIfPresent": [".nobackup"],
    "excludeLargerThan": "500M",
    "emptySource": "Fail",
    "compression": "max",
    "packSize": 64,
    "readConcurrency": 4,
    "uploadKiBps": 100,
    "downloadKiBps": 200,
}
KEPT = {"withinHourly": "1h", "withinDaily": "2d", "withinWeekly": "3m", "withinMonthly": "4m", "withinYearly": "5y"}
NOTHING = json.loads(Run().to_json())


def is_told(job: Object, **wanted: Object | str | list[str]) -> None:
    """Assert that the document of a run is the default but for these and what the manager decides."""
    of_the_manager = {"deadlines": {**NOTHING["deadlines"], **DEADLINES}}
    of_the_manager["locks"] = {**NOTHING["locks"], "askAboutPods": True}
    whole: Object = {**NOTHING, **of_the_manager, **wanted}
    for section, one in whole.items():
        assert (section, told(job).get(section)) == (section, one)
    assert told(job) == whole


def test_all_of_a_backup_is_told_to_the_mover() -> None:
    job = of_kind(made("ReplicationSource", SPECS["ReplicationSource"][0]), "Job", "volsync-src-n")
    is_told(
        job,
        host="db",
        tags=["a", "b"],
        backup=TAKEN,
        retention={**KEPT, "keepTags": ["kept"]},
        prune={"maxUnused": "5%", "maxRepackSize": "10G"},
        check={"subset": "3/7"},
    )
    assert container(job)["args"] == ["unlock", "backup", "prune"]
    assert environment(job) == {**ENVIRONMENT, "FORGET_OPTIONS": RULES}
    record = json.loads(job["metadata"]["annotations"]["volsync-py/run"])
    decided = {
        "prune": True,
        "check": True,
        "check_subset": "3/7",
        "unlock": "now",
        "run_now": "again",
        "manual": "tag",
    }
    decided |= {"generation": 1, "secret": "7", "copy_method": "Direct", "granted": True}
    assert {key: record[key] for key in decided} == decided


@pytest.mark.parametrize("which", [0, 1])
def test_all_of_a_restore_is_told_to_the_mover(which: int) -> None:
    job = of_kind(made("ReplicationDestination", SPECS["ReplicationDestination"][which]), "Job", "volsync-dst-n")
    common = {"host": "db", "tags": ["a", "b"], "subPath": "below/it", "onMissingSnapshot": "Continue", "verify": True}
    by_time = {"snapshot": "", "include": [], "exclude": ["*.tmp"], "publishesImage": True}
    by_id = {"snapshot": "0a1b2c3d", "include": ["/etc"], "exclude": [], "publishesImage": False}
    is_told(job, restore={**common, **(by_id if which else by_time)})
    assert container(job)["args"] == ["restore"]
    of_time = {"RESTORE_AS_OF": "2026-08-10T20:01:03-04:00", "SELECT_PREVIOUS": "2"}
    assert environment(job) == {**ENVIRONMENT, "RESTORE_OPTIONS": "--delete", **({} if which else of_time)}


def test_all_that_is_said_about_a_verification_is_in_its_job() -> None:
    for restic in SPECS["ReplicationSource"]:
        one = Simulation(cluster("ReplicationSource", restic))
        one.settle()
        one.end_job(Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("ab" * 32)))
        one.change(trigger={"manual": "tag"})
        # The next day at noon, by its own schedule.
        one.now += timedelta(days=1)
        one.settle()
        job = of_kind(one.objects, "Job", "prove-volsync-n")
        assert told(job)["verification"]["command"] == ["sh", "-c", "echo $(HOME)"]
        assert (told(job)["host"], container(job)["args"]) == ("db", ["prove"])
        pod = job["spec"]["template"]["spec"]
        assert (pod["serviceAccountName"], pod["affinity"]) == ("account", POD["moverAffinity"])
        assert {v["name"]: v.get("emptyDir") for v in pod["volumes"]}["cache"] == {"sizeLimit": "7Gi"}
        # No person is waited for.
        of_it = {"HTTPS_PROXY", "https_proxy", "DEBUG_MOVER"}
        assert environment(job) == {key: value for key, value in ENVIRONMENT.items() if key not in of_it}
        one.end_job(Report(Outcome.FAILED, "NotAsBackedUp", "less came back", 1))
        assert "prove-volsync-n" in one.of_kind("PersistentVolumeClaim")


JOBS = [("ReplicationSource", 0, "data"), ("ReplicationDestination", 0, "volsync-n-dest")]
JOBS.append(("ReplicationDestination", 1, "data"))


@pytest.mark.parametrize(("kind", "which", "data"), JOBS)
def test_all_that_is_said_about_the_pod_is_in_the_pod(kind: str, which: int, data: str) -> None:
    side = "src" if kind == "ReplicationSource" else "dst"
    job = of_kind(made(kind, SPECS[kind][which]), "Job", f"volsync-{side}-n")
    pod = job["spec"]["template"]["spec"]
    assert job["spec"]["template"]["metadata"]["labels"]["team"] == "blue"
    assert job["metadata"]["annotations"]["volsync-py/custom-ca-version"] == "7"
    assert pod["serviceAccountName"] == "account"
    assert pod["securityContext"] == {"runAsUser": 1000, "fsGroup": 1001}
    assert pod["affinity"] == POD["moverAffinity"]
    beside = data == "data"
    assert pod.get("nodeSelector") == ({"kubernetes.io/hostname": "host"} if beside else None)
    of_the_pod = [{"key": "of-the-pod"}] if beside else []
    assert pod["tolerations"] == [*of_the_pod, {"key": "t", "operator": "Exists"}]
    assert (container(job)["image"], container(job)["resources"]) == ("mover:2", {"limits": {"memory": "1Gi"}})
    mounts = {m["name"]: m["mountPath"] for m in container(job)["volumeMounts"]}
    assert mounts == {
        "data": "/data",
        "cache": "/cache",
        "tempdir": "/tmp",
        "custom-ca": "/customCA",
        "gcs-credentials": "/credentials",
        "u-claim": "/mnt/claim",
        "u-secret": "/mnt/secret",
        "u-nfs": "/mnt/nfs",
    }
    key = [{"key": "ca.pem", "path": "ca.crt"}]
    gcs = [{"key": "GOOGLE_APPLICATION_CREDENTIALS", "path": "gcs.json"}]
    by_map, by_secret = {"configMap": {"name": "ca-map", "items": key}}, {"secret": {"secretName": "ca", "items": key}}
    read_only = {"readOnly": True} if side == "src" else {}
    assert {v["name"]: {k: x for k, x in v.items() if k != "name"} for v in pod["volumes"]} == {
        "data": {"persistentVolumeClaim": {"claimName": data, **read_only}},
        "cache": {"persistentVolumeClaim": {"claimName": f"volsync-{side}-n-cache"}},
        "tempdir": {"emptyDir": {"medium": "Memory"}},
        "custom-ca": by_map if which else by_secret,
        "gcs-credentials": {"secret": {"secretName": "other-repository", "items": gcs}},
        "u-claim": {"persistentVolumeClaim": {"claimName": "more"}},
        "u-secret": {"secret": {"secretName": "ca"}},
        "u-nfs": {"nfs": {"server": "s", "path": "/"}},
    }


def volume(claim_: Object) -> tuple[Any, ...]:
    spec = claim_["spec"]
    temporary = "volsync.backube/cleanup" in claim_["metadata"]["labels"]
    return spec["resources"]["requests"]["storage"], spec["storageClassName"], spec["accessModes"], temporary


def test_all_that_is_said_about_volumes_is_in_the_volumes() -> None:
    of_source = Simulation(cluster("ReplicationSource", SPECS["ReplicationSource"][1]))
    of_destination = Simulation(cluster("ReplicationDestination", SPECS["ReplicationDestination"][0]))
    for one in (of_source, of_destination):
        one.settle()
    snapshot = of_kind(of_source.objects, "VolumeSnapshot", "volsync-n-src")
    assert snapshot["spec"]["volumeSnapshotClassName"] == "snapshot-class"
    copied = of_kind(of_source.objects, "PersistentVolumeClaim", "volsync-n-src")
    assert volume(copied) == ("9Gi", "copy-class", ["ReadWriteMany"], True)
    provided = of_kind(of_destination.objects, "PersistentVolumeClaim", "volsync-n-dest")
    assert volume(provided) == ("9Gi", "copy-class", ["ReadWriteMany"], True)
    for one, side in ((of_source, "src"), (of_destination, "dst")):
        cache = of_kind(one.objects, "PersistentVolumeClaim", f"volsync-{side}-n-cache")
        assert volume(cache) == ("7Gi", "cache-class", ["ReadWriteOncePod"], side == "dst")
    of_destination.end_job(RESTORED)
    (image,) = (o for o in of_destination.objects if o["kind"] == "VolumeSnapshot")
    assert image["spec"]["volumeSnapshotClassName"] == "snapshot-class"
