"""What a change between VolSync and this operator means for a cluster, touch point by touch point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.commands.resources import HOUR_AGO, NOW, WRONG_PASSWORD, destination, source
from volsync_py.commands.common.both_operators import Seen, is_ours
from volsync_py.commands.common.installation import Operator, operator_of
from volsync_py.commands.common.spec_fields import unknown_to_volsync
from volsync_py.commands.takeover.changeover import Changeover
from volsync_py.commands.takeover.going_back import going_back
from volsync_py.commands.takeover.going_over import going_over
from volsync_py.commands.takeover.reader import schemas

GOLDEN = Path(__file__).parents[1] / "golden" / "commands"
SCHEMAS = schemas()
VOLSYNC = "quay.io/backube/volsync:0.13.0"


def deployment(name: str = "volsync", image: str = VOLSYNC, **container: Any) -> dict[str, Any]:
    """Return a Deployment, VolSync's by default."""
    one = {"name": "manager", "image": image, "args": ["--leader-elect"], **container}
    spec = {"replicas": 1, "template": {"spec": {"containers": [{"name": "kube-rbac-proxy", "image": "p"}, one]}}}
    return {"metadata": {"namespace": "volsync-system", "name": name}, "spec": spec}


def marked(obj: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], **meta}}


OURS = deployment(image="r/volsync-py:1", command=["volsync-py"], args=["manager"])
OF_RELEASE = {"meta.helm.sh/release-name": "backup"}
RCLONE = source("old", spec={"rclone": {}, "restic": None})
SERVICE = {"metadata": {"namespace": "volsync-system", "name": "backup-volsync-metrics"}}


def operator(found: dict[str, Any]) -> Operator:
    one = operator_of(found)
    assert one is not None
    return one


OPERATORS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("VolSync", deployment(), {"is_ours": False, "elects_leader": True, "zone": "", "release": "", "keeper": ""}),
    ("a mirror", deployment(image="mirror:5000/x/volsync:1@sha256:0"), {"is_ours": False}),
    ("a vendor's", deployment(image="registry/rhacm2/volsync-rhel9@sha256:0"), {"is_ours": False}),
    ("by a flag", deployment(image="r/m", args=["--restic-container-image=r/v"]), {"elects_leader": False}),
    ("ours", OURS, {"is_ours": True, "elects_leader": True}),
    ("ours, by path", deployment(image="x", command=["/app/bin/volsync-py"]), {"is_ours": True}),
    ("ours, by its variable", deployment(env=[{"name": "VOLSYNC_PY_IMAGE", "value": "x"}]), {"is_ours": True}),
    ("a zone", deployment(env=[{"name": "TZ", "value": "Europe/Berlin"}]), {"zone": "TZ=Europe/Berlin"}),
    ("a file", deployment(volumeMounts=[{"mountPath": "/etc/localtime"}]), {"zone": "/etc/localtime"}),
    ("a release", marked(deployment(), annotations=OF_RELEASE), {"release": "backup"}),
    (
        "Flux",
        marked(deployment(), labels={"helm.toolkit.fluxcd.io/name": "volsync"}),
        {"keeper": "the HelmRelease volsync", "by_catalogue": False},
    ),
    ("a catalogue", marked(deployment(), labels={"olm.owner": "volsync.v0.13"}), {"by_catalogue": True}),
]


@pytest.mark.parametrize(("found", "expected"), [row[1:] for row in OPERATORS], ids=[row[0] for row in OPERATORS])
def test_an_operator_is_known_by_what_it_runs(found: dict[str, Any], expected: dict[str, Any]) -> None:
    one = operator(found)
    assert {name: getattr(one, name) for name in expected} == expected


@pytest.mark.parametrize("image", ["volsync-ui:1", "r/kubectl-volsync", "notvolsync:1", ""])
def test_what_only_sounds_like_it_is_no_operator(image: str) -> None:
    assert operator_of(deployment(image=image, args=[])) is None


def seen(*objects: dict[str, Any], **more: Any) -> Seen:
    kinds = [[o for o in objects if o["kind"] == kind] for kind in ("ReplicationSource", "ReplicationDestination")]
    return Seen(
        **{"sources": kinds[0], "destinations": kinds[1], "operators": [operator(deployment())], "now": NOW, **more}
    )


def there(**more: Any) -> Changeover:
    return going_over(seen(source(), destination(), **more), SCHEMAS)


TIMED = marked(deployment(env=[{"name": "TZ", "value": "Europe/Berlin"}]), annotations=OF_RELEASE)
ZONED = source("zoned", spec={"trigger": {"schedule": "0 1 * * *", "timeZone": "UTC"}})
RUNS, RESTORES = source(lastSyncStartTime=HOUR_AGO), destination(lastSyncStartTime=HOUR_AGO)
MISTYPED = source(spec={"restic": {"repository": "r", "nosuch": 1, "moverVolumes": [{"mountPath": "x", "other": 1}]}})
CLAIM = {"metadata": {"namespace": "media", "name": "new"}}
LABELLED = {"metadata": {"namespace": "a", "name": "m", "labels": {"job": "mine"}}}

# What is seen → the touch points of the findings, and of the notes.
OVER: list[tuple[str, Seen, set[str], set[str]]] = [
    ("VolSync, and all is well", seen(source(), destination()), set(), set()),
    ("other movers", seen(source(), RCLONE), {"the mover rclone"}, set()),
    ("two operators", seen(operators=[operator(deployment()), operator(OURS)]), {"two operators at once"}, set()),
    ("one of two scaled to 0", seen(operators=[operator(OURS), Operator("a", "b", "c", False, 0, True)]), set(), set()),
    ("fields to be pruned", seen(MISTYPED), {"spec.restic.nosuch", "spec.restic.moverVolumes.other"}, set()),
    ("not allowed", seen(unread=["you may not"]), {"not seen"}, set()),
    (
        "a catalogue",
        seen(operators=[operator(marked(deployment(), labels={"olm.owner": "v"}))]),
        {"the operator's catalogue"},
        set(),
    ),
    (
        "GitOps",
        seen(operators=[operator(marked(deployment(), labels={"argocd.argoproj.io/instance": "v"}))]),
        set(),
        {"GitOps"},
    ),
    ("runs", seen(RUNS, RESTORES), set(), {"backups under way", "restores under way"}),
    ("claims", seen(filling=[CLAIM]), set(), {"claims that are being filled"}),
    ("paused", seen(source(spec={"paused": True})), set(), {"paused"}),
    ("a zone", seen(source(), operators=[operator(TIMED)]), set(), {"the zone of schedules"}),
    ("a zone, and schedules with their own", seen(ZONED, operators=[operator(TIMED)]), set(), set()),
    ("another scrape job", seen(services=[SERVICE]), set(), {"the scrape job"}),
    (
        "the job by a label",
        seen(
            services=[LABELLED | {"metadata": {**LABELLED["metadata"], "name": "volsync-metrics"}}],
            monitors=[{"metadata": {"name": "x"}, "spec": {"jobLabel": "job"}}],
        ),
        set(),
        {"the scrape job"},
    ),
    ("VolSync's definitions", seen(definitions={"replicationsources": {"spec": {}}}), set(), {"definitions"}),
    ("failing", seen(source(conditions=[WRONG_PASSWORD])), set(), {"failing"}),
]


@pytest.mark.parametrize(("what", "findings", "notes"), [row[1:] for row in OVER], ids=[row[0] for row in OVER])
def test_only_the_touch_points_that_apply_are_told(what: Seen, findings: set[str], notes: set[str]) -> None:
    told = going_over(what, SCHEMAS)
    assert {one.touch for one in told.findings} == findings
    assert {one.touch for one in told.notes} == notes
    assert told.verdict() == ("0 findings: switch" if not findings else told.verdict())
    assert bool(findings) is ("first" in told.verdict())


@pytest.mark.parametrize(
    ("found", "first"),
    [
        ([deployment()], "kubectl -n volsync-system delete deployment volsync"),
        ([marked(deployment(), annotations=OF_RELEASE)], "helm upgrade backup"),
        ([], "kubectl create namespace volsync-system"),
        ([OURS], "volsync-py status -A"),
    ],
    ids=["applied", "release", "none", "ours"],
)
def test_the_steps_are_those_of_how_it_was_installed(found: list[dict[str, Any]], first: str) -> None:
    told = there(operators=[operator(one) for one in found])
    assert first in told.steps[0]
    assert told.steps[-1].endswith("volsync-py status -A")


def test_a_release_without_a_lease_is_ended_before_ours_comes() -> None:
    found = marked(deployment(args=[]), annotations=OF_RELEASE)
    assert "--replicas=0\nhelm upgrade" in there(operators=[operator(found)]).steps[0]


def test_definitions_of_no_release_are_taken_over_by_name() -> None:
    release = operator(marked(deployment(), annotations=OF_RELEASE))
    definition = {"metadata": {"name": "x", "annotations": OF_RELEASE}}
    assert "--take-ownership" not in there(operators=[release], definitions={"a": definition}).steps[0]
    assert "--take-ownership" in there(operators=[release], definitions={"a": {"metadata": {"name": "x"}}}).steps[0]


EXTRA = source(
    "extra",
    spec={
        "trigger": {"schedule": "0 1 * * *", "timeZone": "Europe/Berlin"},
        "restic": {"repository": "r", "tags": ["a"], "retain": {"last": "1", "keepTags": ["gold"]}, "prune": {}},
    },
)
NONE_KNOWN = source("none", spec={"restic": {"repository": "r", "retain": {"withinDaily": "30d", "daily": None}}})
ASKED = marked(source("asked", lastRunNow="one"), annotations={"volsync-py/run-now": "two"})
SERVED = marked(source("served", lastRunNow="one"), annotations={"volsync-py/run-now": "one"})
WAITS = source("waits", attempt={"count": 1, "lastError": {"class": "Unreachable"}})
NOTHING = {"definitions", "the conditions Healthy and Maintained"}

BACK: list[tuple[str, Seen, set[str], set[str]]] = [
    ("nothing of ours", seen(source(), SERVED), set(), NOTHING),
    (
        "fields of ours",
        seen(EXTRA),
        {"spec.trigger.timeZone", "spec.restic.tags", "spec.restic.retain.keepTags"},
        NOTHING,
    ),
    (
        "a retention that is all ours",
        seen(NONE_KNOWN),
        {"one snapshot is left", "spec.restic.retain.withinDaily"},
        NOTHING,
    ),
    ("a run that was asked for", seen(ASKED), {"runs that were asked for"}, NOTHING),
    ("a run under way", seen(RUNS), set(), NOTHING | {"runs under way"}),
    ("a run that is tried again", seen(WAITS), set(), NOTHING | {"runs that wait for their next attempt"}),
    ("claims", seen(source(), filling=[CLAIM]), set(), NOTHING | {"claims that are being filled"}),
    ("not allowed", seen(source(), unread=["you may not"]), {"not seen"}, NOTHING),
    ("both", seen(operators=[operator(deployment()), operator(OURS)]), {"two operators at once"}, {"definitions"}),
]


@pytest.mark.parametrize(("what", "findings", "notes"), [row[1:] for row in BACK], ids=[row[0] for row in BACK])
def test_on_the_way_back_it_is_what_volsync_does_not_know(what: Seen, findings: set[str], notes: set[str]) -> None:
    told = going_back(what)
    assert {one.touch for one in told.findings} == findings
    assert {one.touch for one in told.notes} == notes


def test_every_field_that_the_definitions_have_beyond_volsyncs_is_told() -> None:
    """So a new one is told without being listed anywhere."""
    properties = SCHEMAS["ReplicationSource"]["properties"]["restic"]["properties"]
    spec = {"restic": dict.fromkeys(properties, "x")}
    told = set(unknown_to_volsync({"kind": "ReplicationSource", "spec": spec}))
    assert {"restic.tags", "restic.exclude", "restic.limits"} <= told
    assert not told & {"restic.repository", "restic.retain", "restic.unlock", "restic.moverVolumes"}


def test_definitions_are_told_apart_by_their_status() -> None:
    def made(*fields: str) -> dict[str, Any]:
        status: dict[str, Any] = {"properties": {name: {} for name in fields}}
        return {"spec": {"versions": [{"schema": {"openAPIV3Schema": {"properties": {"status": status}}}}]}}

    assert is_ours(made("conditions", "attempt"))
    assert not is_ours(made("conditions"))
    assert not is_ours({"spec": {}})


def printed(what: str) -> Changeover:
    """Return what is told of a change that concerns most touch points: `over` or `back`."""
    more: dict[str, Any] = {
        "services": [SERVICE],
        "populator": {"metadata": {"name": "volsync-replicationdestination"}},
        "definitions": {"replicationsources": {"metadata": {"name": "x"}, "spec": {}}},
    }
    objects = [source(), RCLONE, *(source(f"app-{n}", lastSyncStartTime=HOUR_AGO) for n in range(12)), RESTORES]
    over = seen(*objects, operators=[operator(TIMED)], unread=["you (jane) may not list services"], **more)
    back = seen(source(), EXTRA, ASKED, WAITS, operators=[operator(marked(OURS, annotations=OF_RELEASE))])
    return going_over(over, SCHEMAS) if what == "over" else going_back(back)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("what", ["over", "back"])
def test_it_is_printed_as_it_has_to_look_like(what: str, width: int) -> None:
    text = "\n".join([*printed(what).lines(width), ""])
    assert text == (GOLDEN / f"takeover-{what}-{width}.txt").read_text(encoding="utf-8")
