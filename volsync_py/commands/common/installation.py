"""Which operators a cluster has, read from its Deployments: this one and VolSync. Pure."""

from __future__ import annotations

import re

from attrs import frozen

from volsync_py.core.objects import Object, annotations_of, labels_of, mapping, mappings
from volsync_py.health.words import plain

# The last part of an image's name, as the project and its vendors publish it.
_IMAGE = re.compile(r"volsync(-rhel\d+)?")
_MOVER_IMAGE_FLAG = re.compile(r"--(restic|rclone|rsync|rsync-tls|syncthing)-container-image(=|$)")
_OUR_VARIABLE, _OUR_PROGRAM = "VOLSYNC_PY_IMAGE", "volsync-py"
_RELEASE, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
# (label or annotation, what keeps the object; its value names it)
_KEEPERS = (
    ("helm.toolkit.fluxcd.io/name", "the HelmRelease {}"),
    ("kustomize.toolkit.fluxcd.io/name", "the Kustomization {}"),
    ("argocd.argoproj.io/instance", "the Argo CD application {}"),
    ("argocd.argoproj.io/tracking-id", "the Argo CD application {}"),
    ("olm.owner", "the operator catalogue ({})"),
)
LOCALTIME = "/etc/localtime"


@frozen
class Operator:
    """A Deployment that serves sources and destinations."""

    namespace: str
    name: str
    image: str
    is_ours: bool
    replicas: int
    elects_leader: bool
    # "" where it is of no Helm release.
    release: str = ""
    # What keeps it as it is: a tool that deploys; "" where none is known.
    keeper: str = ""
    by_catalogue: bool = False
    # Where schedules that name no zone get theirs from; "" for UTC.
    zone: str = ""

    @property
    def called(self) -> str:
        """Its namespace and name."""
        return f"{self.namespace}/{self.name}"


def operator_of(deployment: Object) -> Operator | None:
    """Return the operator that a Deployment runs, None if it runs neither of them."""
    spec = mapping(deployment, "spec")
    pod = mapping(spec, "template", "spec")
    for container in mappings(pod.get("containers")):
        ours = _is_ours(container)
        if not ours and not _is_volsyncs(container):
            continue
        meta, replicas = deployment["metadata"], spec.get("replicas")
        words = _words(container)
        return Operator(
            namespace=plain(meta.get("namespace") or ""),
            name=plain(meta["name"]),
            image=plain(container.get("image") or ""),
            is_ours=ours,
            replicas=replicas if isinstance(replicas, int) else 1,
            elects_leader=ours or bool({"--leader-elect", "--leader-elect=true"} & set(words)),
            release=plain(annotations_of(deployment).get(_RELEASE) or ""),
            keeper=_keeper(deployment),
            by_catalogue="olm.owner" in labels_of(deployment),
            zone=_zone(container),
        )
    return None


def release_of(obj: Object) -> str:
    """Return the Helm release that an object is of, "" if it is of none."""
    return plain(annotations_of(obj).get(_RELEASE) or "")


def _is_ours(container: Object) -> bool:
    words = _words(container)
    return _OUR_VARIABLE in _variables(container) or bool(words and words[0].rpartition("/")[2] == _OUR_PROGRAM)


def _is_volsyncs(container: Object) -> bool:
    image = plain(container.get("image") or "").rpartition("/")[2]
    name = image.partition("@")[0].partition(":")[0]
    return bool(_IMAGE.fullmatch(name)) or any(_MOVER_IMAGE_FLAG.match(word) for word in _words(container))


def _words(container: Object) -> list[str]:
    return [
        str(word) for key in ("command", "args") for word in (container.get(key) or []) if isinstance(word, str | int)
    ]


def _variables(container: Object) -> Object:
    return {plain(one.get("name")): one.get("value") for one in mappings(container.get("env"))}


def _zone(container: Object) -> str:
    named = _variables(container).get("TZ")
    if named:
        return f"TZ={plain(named)}"
    mounts = (plain(one.get("mountPath")) for one in mappings(container.get("volumeMounts")))
    return LOCALTIME if LOCALTIME in mounts else ""


def _keeper(deployment: Object) -> str:
    known = {**annotations_of(deployment), **labels_of(deployment)}
    for key, text in _KEEPERS:
        if known.get(key):
            return text.format(plain(known[key]).partition(":")[0])
    return ""
