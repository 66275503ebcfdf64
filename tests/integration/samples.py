"""The samples that are shipped, as tests apply them: from the files, so that what is tried is what people get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hack.processes import ROOT
from tests.integration.world import VOLSYNC, World

SAMPLES = ROOT / "manifests" / "samples"
# By the name of their files; who applies them is beside each.
# `main/test_seed_samples.py`: a backup, a restore into a claim, a restore into an image.
BACKUP = ("restic_config", "mydata_backup")
RESTORE = ("datavol", "datavol_dest")
IMAGE = ("newvol_dest",)
# `main/test_setups.py`, in this order.
SET_UPS = ("restic_config", "two_retentions", "repository_in_a_claim", "copy_trigger", "app_restores_itself")
# Where an object of a file goes.
_PATHS = {
    "ReplicationSource": ("replicationsources", VOLSYNC),
    "ReplicationDestination": ("replicationdestinations", VOLSYNC),
    "PersistentVolumeClaim": ("persistentvolumeclaims", "api/v1"),
    "Secret": ("secrets", "api/v1"),
}


def path_of(name: str) -> Path:
    """Return the file of a sample."""
    return SAMPLES / f"{name}.yaml"


def apply_sample(world: World, name: str, **restic: Any) -> None:
    """Create what is in a file; a Secret for S3 gets the address and keys of the tests' server, `restic` is added."""
    for one in yaml.safe_load_all(path_of(name).read_text(encoding="utf-8")):
        if one["kind"] == "Secret" and "AWS_ACCESS_KEY_ID" in one["stringData"]:
            one["stringData"] |= world.repository(one["metadata"]["name"])
        if "restic" in one.get("spec", {}):
            one["spec"]["restic"] |= restic
        plural, group = _PATHS[one["kind"]]
        world.create(plural, one, group)
