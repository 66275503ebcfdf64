"""Who keeps an object in git or in a release, and would take a change of it back. Pure."""

from __future__ import annotations

from attrs import frozen

from volsync_py.core.objects import Object, labels_of
from volsync_py.health.words import plain

_KUSTOMIZATION = "kustomize.toolkit.fluxcd.io"
_HELM_RELEASE = "helm.toolkit.fluxcd.io"
_ARGO = "argocd.argoproj.io"


@frozen
class Keeper:
    """What keeps it, in words, and the command that stops it from doing so; "" where none is needed."""

    words: str
    suspend: str = ""


def keeper(obj: Object) -> Keeper | None:
    """Return what keeps an object as its labels and annotations tell, None if nothing does."""
    labels, annotations = labels_of(obj), obj["metadata"].get("annotations") or {}
    for group, kind in ((_HELM_RELEASE, "helmrelease"), (_KUSTOMIZATION, "kustomization")):
        name, namespace = plain(labels.get(f"{group}/name") or ""), plain(labels.get(f"{group}/namespace") or "")
        if name:
            return Keeper(f"Flux ({kind} {name})", f"flux suspend {kind} {name} -n {namespace}".removesuffix(" -n "))
    tracked = str(annotations.get(f"{_ARGO}/tracking-id") or "").partition(":")[0]
    application = plain(tracked or labels.get(f"{_ARGO}/instance") or "")
    if application:
        return Keeper(f"Argo CD (application {application})", f"argocd app set {application} --sync-policy none")
    release = plain(annotations.get("meta.helm.sh/release-name") or "")
    # Nobody looks at a release of Helm's own until somebody upgrades it.
    return Keeper(f"Helm (release {release})") if release else None
