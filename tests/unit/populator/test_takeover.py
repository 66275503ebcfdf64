"""What VolSync left of a claim that it was filling is gone on with; see tests/unit/golden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.populator.objects import words
from volsync_py.core.actions import Create, Patch
from volsync_py.core.merge import merged
from volsync_py.core.times import parse_rfc3339
from volsync_py.populator.decide import decide
from volsync_py.populator.reference import destination_of
from volsync_py.populator.starting import temporary_claim
from volsync_py.populator.view import PopulatorView

GOLDEN = Path(__file__).parents[1] / "golden" / "volsync-objects"
Object = dict[str, Any]
# Label, claim, ownership, and a last one that finds nothing to do.
MOST_PASSES = 4


def objects_of(name: str) -> list[Object]:
    return [o for o in yaml.safe_load_all((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")) if o]


def view_of(objects: list[Object]) -> PopulatorView:
    claims = {o["metadata"]["name"]: o for o in objects if o["kind"] == "PersistentVolumeClaim"}
    claim = next(c for c in claims.values() if destination_of(c))
    uid = claim["metadata"]["uid"]
    return PopulatorView(
        now=parse_rfc3339("2026-11-23T09:04:30Z"),
        namespace=claim["metadata"]["namespace"],
        uid=uid,
        claim=claim,
        temporary=claims.get(f"vs-prime-{uid}"),
        destination=next((o for o in objects if o["kind"] == "ReplicationDestination"), None),
        storage_class={"metadata": {"name": "csi-dir"}, "provisioner": "dir.csi.local"},
        snapshots={o["metadata"]["name"]: o for o in objects if o["kind"] == "VolumeSnapshot"},
    )


@pytest.mark.parametrize("name", ["12-populator-midway", "13-populator-finished"])
def test_nothing_is_changed_about_a_claim_that_volsync_is_filling_or_has_filled(name: str) -> None:
    objects = objects_of(name)
    step = decide(view_of(objects), lambda reads: dict.fromkeys(reads))
    assert words(step.actions) == []
    assert step.waiting is None


def test_a_claim_that_volsync_has_begun_gets_the_volume_that_comes() -> None:
    view = view_of(objects_of("12-populator-midway"))
    assert view.claim is not None
    assert view.temporary is not None
    made = merged(view.temporary, {"spec": {"volumeName": "pv"}, "status": {"phase": "Bound"}})
    reference = {"uid": made["metadata"]["uid"], "name": made["metadata"]["name"]}
    meta = {"name": "pv", "uid": "v", "resourceVersion": "1", "creationTimestamp": "2026-11-23T09:04:29Z"}
    meta |= {"annotations": {"pv.kubernetes.io/provisioned-by": "dir.csi.local"}}  # type: ignore[dict-item]
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": {"claimRef": reference}}
    handed = PopulatorView(
        now=view.now, namespace=view.namespace, uid=view.uid, claim=view.claim, temporary=made, snapshots=view.snapshots
    )
    step = decide(handed, lambda reads: dict.fromkeys(reads, volume))
    assert words(step.actions) == ["pv: give to populated"]


def test_the_temporary_claim_is_the_one_that_volsync_makes() -> None:
    view = view_of(objects_of("12-populator-midway"))
    assert view.claim is not None
    assert view.temporary is not None
    (image,) = view.labelled
    ours, theirs = temporary_claim(view, view.claim, image), view.temporary
    # Filled in by the API server and by those who provision it.
    filled_in = {"dataSource"}
    assert ours["spec"] == {key: value for key, value in theirs["spec"].items() if key not in filled_in}
    for key in ("name", "namespace", "labels", "ownerReferences"):
        assert ours["metadata"][key] == theirs["metadata"][key]


def test_a_claim_that_our_manager_has_begun_is_as_volsync_would_have_left_it() -> None:
    recorded, objects = objects_of("12-populator-midway"), objects_of("12-populator-midway")
    (theirs,) = (o for o in recorded if o["metadata"]["name"].startswith("vs-prime-"))
    (image,) = (o for o in objects if o["kind"] == "VolumeSnapshot")
    # As it was before anybody filled a claim from it.
    image["metadata"]["labels"] = {"app.kubernetes.io/created-by": "volsync"}
    image["metadata"]["ownerReferences"] = image["metadata"]["ownerReferences"][:1]
    objects = [o for o in objects if o["metadata"]["uid"] != theirs["metadata"]["uid"]]
    for _ in range(MOST_PASSES):
        actions = decide(view_of(objects), lambda reads: dict.fromkeys(reads)).actions
        for action in actions:
            if isinstance(action, Create):
                made = merged(action.object, {"metadata": {"uid": theirs["metadata"]["uid"]}})
                objects.append({**made, "status": {"phase": "Pending"}})
            elif isinstance(action, Patch):
                (changed,) = (o for o in objects if o["metadata"]["name"] == action.ref.name)
                changed |= merged(changed, action.changes)
    (ours,) = (o for o in objects if o["metadata"]["name"] == theirs["metadata"]["name"])
    (used,) = (o for o in recorded if o["kind"] == "VolumeSnapshot")
    for one, other in ((ours, theirs), (image, used)):
        assert one["metadata"]["labels"] == other["metadata"]["labels"]
        assert one["metadata"]["ownerReferences"] == other["metadata"]["ownerReferences"]
    assert not ours["metadata"].get("finalizers")
