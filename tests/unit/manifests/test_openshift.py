"""OpenShift's constraints for privileged movers are the manifests', and the manager may use them and no more."""

from __future__ import annotations

from tests.unit.manifests.test_manifests import documents, rules

# VolSync's; a restore needs two more capabilities, `moverVolumes` may be NFS, and verifications bring volumes along.
CAPABILITIES = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "SYS_CHROOT"}
VOLUMES = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


def test_the_constraints_are_volsyncs_with_what_our_movers_need_besides() -> None:
    (constraints,) = [d for d in documents("overlays") if d["kind"] == "SecurityContextConstraints"]

    assert constraints.pop("metadata") == {"name": "volsync-privileged-mover"}
    assert set(constraints.pop("allowedCapabilities")) == CAPABILITIES | {"FSETID", "MKNOD"}
    assert set(constraints.pop("volumes")) == VOLUMES | {"ephemeral", "nfs"}
    assert constraints == {
        "apiVersion": "security.openshift.io/v1",
        "kind": "SecurityContextConstraints",
        "allowHostDirVolumePlugin": False,
        "allowHostIPC": False,
        "allowHostNetwork": False,
        "allowHostPID": False,
        "allowHostPorts": False,
        "allowPrivilegeEscalation": False,
        "allowPrivilegedContainer": False,
        "requiredDropCapabilities": ["ALL"],
        "readOnlyRootFilesystem": True,
        "runAsUser": {"type": "RunAsAny"},
        "fsGroup": {"type": "RunAsAny"},
        "supplementalGroups": {"type": "RunAsAny"},
        "seLinuxContext": {"type": "MustRunAs"},
        "seccompProfiles": ["runtime/default"],
    }


def test_nobody_is_granted_to_write_constraints() -> None:
    found = [r for r in rules("") if "security.openshift.io" in r.get("apiGroups", [])]

    assert [(r["verbs"], r["resourceNames"]) for r in found] == [(["use"], ["volsync-privileged-mover"])]
