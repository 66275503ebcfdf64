"""What is said of a request that failed: what, and what to do."""

from __future__ import annotations

import pytest

from volsync_py.commands.common.refused import sentence
from volsync_py.kube.errors import KubeError, Unreachable, from_status

SOURCES = (
    'replicationsources.volsync.backube is forbidden: User "jane" cannot {} resource "replicationsources" in API group '
)
NO_LIST = SOURCES.format("list") + '"volsync.backube" at the cluster scope'
NO_PATCH = SOURCES.format("patch") + '"volsync.backube" in the namespace "media"'
NO_CLASSES = (
    'storageclasses.storage.k8s.io is forbidden: User "jane" cannot list resource "storageclasses" in API group '
    '"storage.k8s.io" at the cluster scope'
)
NO_NAMESPACE = (
    'namespaces "media" is forbidden: User "jane" cannot get resource "namespaces" in API group "" in the namespace '
    '"media"'
)
NO_LOG = 'pods "p" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "media"'
NO_START = NO_LOG.replace("pods/log", "pods/exec")


def refused(code: int, message: str) -> KubeError:
    return from_status(code, {"reason": "", "message": message})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            refused(403, NO_LIST),
            "you (jane) may not list replicationsources.volsync.backube in all namespaces: the role view allows it; "
            "one namespace is asked with -n NAMESPACE",
        ),
        (
            refused(403, NO_PATCH),
            "you (jane) may not patch replicationsources.volsync.backube in the namespace media: the role edit "
            "allows it",
        ),
        (
            refused(403, NO_CLASSES),
            "you (jane) may not list storageclasses.storage.k8s.io, which belong to the whole cluster: whoever "
            "administers the cluster can grant it",
        ),
        (
            refused(403, NO_NAMESPACE),
            "you (jane) may not get namespaces in the namespace media: the role view allows it",
        ),
        (refused(403, NO_LOG), "you (jane) may not get pods/log in the namespace media: the role view allows it"),
        (refused(403, NO_START), "you (jane) may not get pods/exec in the namespace media: the role edit allows it"),
        # The second of two rights that a newer API server asks for.
        (
            refused(403, 'pods "p" is forbidden: '),
            "you may not create pods/exec in this namespace: the role edit allows it",
        ),
        (
            refused(403, 'pods "p" is forbidden: exceeded quota'),
            'you may not do this: pods "p" is forbidden: exceeded quota; ask whoever gives rights in this cluster',
        ),
        (
            refused(403, "admission webhook denied the request"),
            "you may not do this: admission webhook denied the request; ask whoever gives rights in this cluster",
        ),
        (
            refused(401, "Unauthorized"),
            "the API server does not accept your credentials: log in again, or choose another --context",
        ),
        (
            refused(403, NO_LIST.replace("jane", "system:anonymous")),
            "the API server does not know who you are (system:anonymous): log in again, or choose another --context",
        ),
        (
            refused(403, 'forbidden: User "system:anonymous" cannot get path "/version"'),
            "the API server does not know who you are (system:anonymous): log in again, or choose another --context",
        ),
        (
            Unreachable("get /: [SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] alert"),
            "the API server does not accept your client certificate (get /: [SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] "
            "alert): log in again, or choose another --context",
        ),
        (
            from_status(404, "404 page not found"),
            "the API server does not know sources and destinations: choose another --context, or install the "
            "definitions (volsync-py crds | kubectl apply --server-side --force-conflicts -f -)",
        ),
        (
            Unreachable("list /apis: refused"),
            "the API server does not answer (list /apis: refused): check --context, the network, and kubectl version",
        ),
        (refused(500, "etcd\x1b[1m"), "the API server refuses it: etcd�[1m"),
    ],
)
def test_a_failed_request_has_a_sentence_and_a_next_step(error: KubeError, expected: str) -> None:
    assert sentence(error) == expected


def test_who_asks_the_whole_cluster_whatever_is_typed_is_told_of_no_narrower_question() -> None:
    said = "you (jane) may not list replicationsources.volsync.backube in all namespaces: the role view allows it"
    assert sentence(refused(403, NO_LIST), narrows=False) == said
