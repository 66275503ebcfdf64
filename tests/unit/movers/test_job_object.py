"""The objects that a run creates, field by field, as the API server gets them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.movers.objects import claim, container_of, destination, env_of, job_of, pod_of, secret, source
from tests.unit.movers.seen import created, decision_on, status_of, words


def test_a_first_run_creates_the_cache_the_account_and_the_job_and_says_so_before() -> None:
    assert words(decision_on(source())) == [
        "status",
        "create PersistentVolumeClaim/volsync-src-n-cache",
        "create ServiceAccount/volsync-src-n",
        "create Job/volsync-src-n",
    ]


def test_the_job_makes_one_attempt_and_never_two_pods() -> None:
    job = job_of(source())
    assert {k: job["spec"][k] for k in ("backoffLimit", "parallelism", "podReplacementPolicy")} == {
        "backoffLimit": 0,
        "parallelism": 1,
        "podReplacementPolicy": "Failed",
    }
    assert job["metadata"]["labels"]["app.kubernetes.io/created-by"] == "volsync"
    assert job["metadata"]["labels"]["volsync.backube/cleanup"] == "u"
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("u", True)


def test_the_pod_has_no_more_rights_than_it_needs() -> None:
    pod = pod_of(source())
    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] >= 90
    assert "securityContext" not in pod
    assert container_of(source())["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_privileged_movers_get_capabilities_and_say_so() -> None:
    annotations = {"volsync.backube/privileged-movers": "true"}
    objects = source({"kind": "Namespace", "metadata": {"name": "ns", "annotations": annotations}})
    context = container_of(objects)["securityContext"]
    assert context["runAsUser"] == 0
    assert {"DAC_OVERRIDE", "CHOWN", "FOWNER"} <= set(context["capabilities"]["add"])
    assert env_of(objects)["PRIVILEGED_MOVER"] == "1"


def test_only_a_privileged_restore_may_set_any_bit_and_make_any_node() -> None:
    annotations = {"volsync.backube/privileged-movers": "true"}
    namespace = {"kind": "Namespace", "metadata": {"name": "ns", "annotations": annotations}}
    added = [container_of(make(namespace))["securityContext"]["capabilities"]["add"] for make in (source, destination)]
    assert added == [
        ["DAC_OVERRIDE", "CHOWN", "FOWNER"],
        ["DAC_OVERRIDE", "CHOWN", "FOWNER", "FSETID", "MKNOD"],
    ]
    assert "add" not in container_of(destination())["securityContext"]["capabilities"]


def test_the_host_name_is_the_same_for_each_attempt_and_another_for_each_resource() -> None:
    first, again = pod_of(source())["hostname"], pod_of(source())["hostname"]
    other = source()
    other[0]["metadata"]["uid"] = "v"
    assert first == again != pod_of(other)["hostname"]


def test_the_environment_begins_as_volsyncs_does() -> None:
    names = [e["name"] for e in container_of(source())["env"]]
    assert names[:8] == [
        "FORGET_OPTIONS",
        "DATA_DIR",
        "RESTIC_CACHE_DIR",
        "RESTORE_AS_OF",
        "SELECT_PREVIOUS",
        "RESTORE_OPTIONS",
        "RESTIC_REPOSITORY",
        "RESTIC_PASSWORD",
    ]
    assert names[-1] == "VOLSYNC_PY_RUN"


def test_every_key_of_the_secret_that_restic_knows_is_passed_on_and_no_other() -> None:
    objects = source(secret(AWS_ACCESS_KEY_ID="a", RCLONE_CONFIG_X="r", PATH="/evil", RESTIC_COMPRESSION="max"))
    env = env_of(objects)
    for key in ("AWS_ACCESS_KEY_ID", "RCLONE_CONFIG_X", "RESTIC_COMPRESSION"):
        assert env[key] == {"secretKeyRef": {"name": "repository", "key": key, "optional": True}}
    assert "PATH" not in env
    assert "AWS_SECRET_ACCESS_KEY" not in env
    assert env["RESTIC_PASSWORD"]["secretKeyRef"]["optional"] is False


def test_google_credentials_become_a_file() -> None:
    objects = source(secret(GOOGLE_APPLICATION_CREDENTIALS="{}"))
    assert env_of(objects)["GOOGLE_APPLICATION_CREDENTIALS"] == "/credentials/gcs.json"
    assert {"name": "gcs-credentials", "mountPath": "/credentials"} in container_of(objects)["volumeMounts"]
    (volume,) = (v for v in pod_of(objects)["volumes"] if v["name"] == "gcs-credentials")
    assert volume["secret"]["items"] == [{"key": "GOOGLE_APPLICATION_CREDENTIALS", "path": "gcs.json"}]


@pytest.mark.parametrize(("kind", "field"), [("Secret", "secretName"), ("ConfigMap", "configMapName")])
@pytest.mark.parametrize("make", [source, destination])
def test_a_custom_ca_is_mounted_and_named(make: Any, kind: str, field: str) -> None:
    ca = {
        "kind": kind,
        "metadata": {"name": "tls", "namespace": "ns", "resourceVersion": "1"},
        "data": {"ca.crt": "Yw=="},
    }
    objects = [*make(customCA={field: "tls", "key": "ca.crt"}), ca]
    assert env_of(objects)["CUSTOM_CA"] == "/customCA/ca.crt"
    assert {"name": "custom-ca", "mountPath": "/customCA"} in container_of(objects)["volumeMounts"]


def test_mover_volumes_are_mounted_below_mnt() -> None:
    volume = {"mountPath": "repo/x", "volumeSource": {"persistentVolumeClaim": {"claimName": "other"}}}
    objects = source(claim("other"), moverVolumes=[volume])
    assert {"name": "u-repo-x", "mountPath": "/mnt/repo/x"} in container_of(objects)["volumeMounts"]
    assert {"name": "u-repo-x", "persistentVolumeClaim": {"claimName": "other"}} in pod_of(objects)["volumes"]


def test_what_the_user_says_about_the_pod_is_in_the_pod() -> None:
    toleration = {"key": "backup", "operator": "Exists"}
    objects = source(
        moverSecurityContext={"runAsUser": 7},
        moverPodLabels={"team": "storage", "app.kubernetes.io/created-by": "somebody"},
        moverResources={"limits": {"memory": "1Gi"}},
        moverAffinity={"nodeAffinity": {}},
        moverTolerations=[toleration],
    )
    pod = pod_of(objects)
    assert pod["securityContext"] == {"runAsUser": 7}
    assert pod["affinity"] == {"nodeAffinity": {}}
    assert pod["tolerations"] == [toleration]
    assert container_of(objects)["resources"] == {"limits": {"memory": "1Gi"}}
    labels = job_of(objects)["spec"]["template"]["metadata"]["labels"]
    assert labels == {"team": "storage", "app.kubernetes.io/created-by": "volsync"}


def test_a_mover_runs_beside_the_pod_that_has_the_volume() -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    user = {
        "kind": "Pod",
        "metadata": {"name": "app", "namespace": "ns"},
        "spec": {"nodeName": "node", "volumes": [volume], "tolerations": [{"key": "t"}]},
        "status": {"phase": "Running"},
    }
    node = {"kind": "Node", "metadata": {"name": "node", "labels": {"kubernetes.io/hostname": "host"}}}
    pod = pod_of(source(user, node))
    assert pod["nodeSelector"] == {"kubernetes.io/hostname": "host"}
    assert pod["tolerations"] == [{"key": "t"}]


@pytest.mark.parametrize(
    ("restic", "size", "storage", "modes"),
    [
        ({}, "1Gi", "fast", ["ReadWriteOnce"]),
        ({"cacheCapacity": "5Gi"}, "5Gi", "fast", ["ReadWriteOnce"]),
        ({"storageClassName": "copy", "accessModes": ["ReadWriteMany"]}, "1Gi", "copy", ["ReadWriteMany"]),
        (
            {"cacheStorageClassName": "cache", "storageClassName": "copy", "cacheAccessModes": ["ReadWriteOncePod"]},
            "1Gi",
            "cache",
            ["ReadWriteOncePod"],
        ),
    ],
)
@pytest.mark.parametrize("make", [source, destination])
def test_the_cache_volume(make: Any, restic: dict[str, Any], size: str, storage: str, modes: list[str]) -> None:
    spec = created(decision_on(make(**restic)), "PersistentVolumeClaim")["spec"]
    assert spec["resources"]["requests"]["storage"] == size
    assert (spec["storageClassName"], spec["accessModes"]) == (storage, modes)


@pytest.mark.parametrize(
    ("retain", "options"),
    [
        (None, "--keep-last 1"),
        (
            {"hourly": 6, "daily": 5, "weekly": 4, "monthly": 2, "yearly": 1, "within": "3d", "last": "9"},
            " --keep-hourly 6 --keep-daily 5 --keep-weekly 4 --keep-monthly 2 --keep-yearly 1 --keep-within 3d"
            " --keep-last 9",
        ),
        ({"daily": 7}, " --keep-daily 7"),
    ],
)
def test_retention_is_passed_on_in_restics_words(retain: dict[str, Any] | None, options: str) -> None:
    objects = source(**({"retain": retain} if retain else {}))
    assert env_of(objects)["FORGET_OPTIONS"] == options


def test_a_restore_is_told_which_backup_and_what_to_delete() -> None:
    objects = destination(previous=2, restoreAsOf="2026-11-24T01:02:03Z", enableFileDeletion=True)
    env = env_of(objects)
    assert container_of(objects)["args"] == ["restore"]
    assert (env["SELECT_PREVIOUS"], env["RESTORE_AS_OF"]) == ("2", "2026-11-24T01:02:03Z")
    assert env["RESTORE_OPTIONS"] == "--delete"


@pytest.mark.parametrize(
    ("status", "args"),
    [
        ({}, ["backup"]),
        ({"lastPruned": "2026-11-16T12:00:00Z"}, ["backup", "prune"]),
        ({"lastPruned": "2026-11-17T12:00:01Z"}, ["backup"]),
    ],
)
def test_a_prune_is_due_after_its_interval(status: dict[str, str], args: list[str]) -> None:
    objects = source()
    objects[0]["status"] = {"restic": status}
    assert container_of(objects)["args"] == args


@pytest.mark.parametrize(
    ("done", "args"),
    [("", ["unlock", "backup"]), ("before", ["unlock", "backup"]), ("now", ["backup"])],
)
def test_an_unlock_comes_first_and_once_for_each_value(done: str, args: list[str]) -> None:
    objects = source(unlock="now")
    objects[0]["status"] = {"restic": {"lastUnlocked": done}}
    assert container_of(objects)["args"] == args


def test_one_mover_of_a_repository_may_init_and_prune() -> None:
    objects = source()
    label = job_of(objects)["metadata"]["labels"]["volsync-py/repository"]
    assert len(label) == 16
    other = {"kind": "Job", "metadata": {"name": "other", "namespace": "x", "labels": {"volsync-py/repository": label}}}
    for conditions, alone in (([], False), ([{"type": "Complete", "status": "True"}], True)):
        other["status"] = {"conditions": conditions}
        run = json.loads(env_of([*objects, other])["VOLSYNC_PY_RUN"])
        assert run["grants"] == {"init": alone, "prune": alone, "forget": True}


def test_what_is_additive_is_in_the_run_document() -> None:
    objects = source(
        exclude={"caches": True, "patterns": ["*.tmp"], "ifPresent": [".no"], "largerThan": "1G"},
        tags=["t"],
        host="h",
        retain={"withinDaily": "7d", "keepTags": ["k"]},
        compression="max",
        limits={"uploadKiBps": 5},
        prune={"maxUnused": "5%", "maxRepackSize": "1G"},
        emptySource="Fail",
    )
    run = json.loads(env_of(objects)["VOLSYNC_PY_RUN"].replace("$$", "$"))
    assert (run["host"], run["tags"], run["check"]) == ("h", ["t"], None)
    assert run["backup"]["excludePatterns"] == ["*.tmp"]
    assert (run["backup"]["uploadKiBps"], run["backup"]["emptySource"]) == (5, "Fail")
    assert (run["retention"]["withinDaily"], run["retention"]["keepTags"]) == ("7d", ["k"])
    assert run["prune"] == {"maxUnused": "5%", "maxRepackSize": "1G"}


@pytest.mark.parametrize(
    ("status", "subset", "forget"),
    [
        ({"lastChecked": "2026-11-22T12:00:00Z"}, None, True),
        ({"lastChecked": "2026-11-17T11:00:00Z", "lastCheckSubset": "3/7"}, "4/7", True),
        ({"lastChecked": "2026-11-17T11:00:00Z", "lastCheckSubset": "7/7"}, "1/7", True),
        ({"lastChecked": "2026-11-24T00:00:00Z", "lastCheckResult": "RepositoryDamaged"}, None, False),
        ({"lastChecked": "2026-11-23T11:00:00Z", "lastCheckResult": "RepositoryDamaged"}, "1/7", False),
    ],
)
def test_a_check_is_due_after_its_interval_and_daily_while_there_is_damage(
    status: dict[str, str], subset: str | None, forget: bool
) -> None:
    objects = source(check={"intervalDays": 7, "readData": "1/7"})
    objects[0]["status"] = {"restic": status}
    run = json.loads(env_of(objects)["VOLSYNC_PY_RUN"])
    assert run["check"] == (None if subset is None else {"subset": subset})
    assert run["grants"]["forget"] is forget


def test_a_copy_has_the_class_of_its_source_unless_one_is_named() -> None:
    cases: list[tuple[dict[str, Any], str]] = [({}, "fast"), ({"storageClassName": "other"}, "other")]
    for restic, expected in cases:
        decision = decision_on(source(copyMethod="Clone", **restic))
        copy = created(decision, "PersistentVolumeClaim", "volsync-n-src")
        assert copy["spec"]["storageClassName"] == expected
        assert copy["spec"]["dataSource"] == {"kind": "PersistentVolumeClaim", "name": "data"}
        assert copy["spec"]["resources"]["requests"]["storage"] == "3Gi"


def test_a_snapshot_is_of_the_named_class() -> None:
    cases: list[tuple[dict[str, Any], str | None]] = [({}, None), ({"volumeSnapshotClassName": "v"}, "v")]
    for restic, expected in cases:
        snapshot = created(decision_on(source(copyMethod="Snapshot", **restic)), "VolumeSnapshot")
        assert snapshot["spec"].get("volumeSnapshotClassName") == expected
        assert snapshot["spec"]["source"] == {"persistentVolumeClaimName": "data"}


def test_a_destination_makes_the_volume_that_it_was_told_to_make() -> None:
    objects = destination(destinationPVC=None, capacity="4Gi", accessModes=["ReadWriteMany"], storageClassName="c")
    claims = [a for a in words(decision_on(objects)) if a.startswith("create PersistentVolumeClaim")]
    assert claims == [
        "create PersistentVolumeClaim/volsync-n-dest",
        "create PersistentVolumeClaim/volsync-dst-n-cache",
    ]


def test_a_paused_run_has_a_job_without_a_pod() -> None:
    objects = source()
    objects[0]["spec"]["paused"] = True
    assert job_of(objects)["spec"]["parallelism"] == 0


def test_a_namespace_that_enforces_restricted_gets_a_condition_with_the_lines_to_add() -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    decision = decision_on(source({"kind": "Namespace", "metadata": {"name": "ns", "labels": labels}}))
    assert words(decision) == ["status"]
    (told,) = (c for c in status_of(decision)["conditions"] if c["type"] == "Healthy")
    assert told["reason"] == "PodRejected"
    assert "moverSecurityContext: {runAsNonRoot: true" in told["message"]
