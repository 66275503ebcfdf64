"""What is said of a request that failed: a sentence, and what to do. Pure."""

from __future__ import annotations

import re

from volsync_py.health.words import plain
from volsync_py.kube import errors, resources

_CANNOT = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
# What is said of somebody who may `get` pods/exec, and not `create` it: a newer API server asks for both.
_NO_EXEC = re.compile(r'pods "[^"]*" is forbidden:\s*')
# Nobody, for the API server: a request came without credentials, or through something that has removed them.
_ANONYMOUS = 'User "system:anonymous"'
# What a server that looks at client certificates while it connects ends with.
_NO_CERTIFICATE = re.compile(r"ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_[A-Z]+|UNKNOWN_CA)")
_LOG_IN = "log in again, or choose another --context"
_READS = frozenset({"get", "list", "watch"})
# What only `edit` may read: a program in a pod is started by a `get`.
_OF_EDIT = frozenset({"pods/exec"})
# Kinds of no namespace; neither view nor edit reaches them, which are granted in one.
_OF_THE_CLUSTER = frozenset(
    f"{one.plural}.{one.group}".rstrip(".")
    for one in vars(resources).values()
    if isinstance(one, resources.Resource) and not one.namespaced
)


def role_of(verb: str, resource: str) -> str:
    """Return which of Kubernetes' own roles allows something in a namespace."""
    return "view" if verb in _READS and resource not in _OF_EDIT else "edit"


def sentence(error: errors.KubeError, *, narrows: bool = True) -> str:
    """Return what a request has ended in, and the next step; `narrows`: another one asks one namespace alone."""
    said = plain(error)
    match error:
        case errors.Forbidden() if _ANONYMOUS in said:
            return f"the API server does not know who you are (system:anonymous): {_LOG_IN}"
        case errors.Forbidden():
            return _forbidden(said, narrows=narrows)
        case errors.Unauthorized():
            return f"the API server does not accept your credentials: {_LOG_IN}"
        case errors.NotFound() if "could not find the requested resource" in said or said.startswith("HTTP"):
            return (
                "the API server does not know sources and destinations: choose another --context, or install the "
                "definitions (volsync-py crds | kubectl apply --server-side --force-conflicts -f -)"
            )
        case errors.Unreachable() if _NO_CERTIFICATE.search(said):
            return f"the API server does not accept your client certificate ({said}): {_LOG_IN}"
        case errors.Unreachable():
            return f"the API server does not answer ({said}): check --context, the network, and kubectl version"
    return f"the API server refuses it: {said}"


def _forbidden(said: str, *, narrows: bool) -> str:
    if _NO_EXEC.fullmatch(said):
        return f"you may not create pods/exec in this namespace: the role {role_of('create', 'pods/exec')} allows it"
    found = _CANNOT.search(said)
    if found is None:
        return f"you may not do this: {said}; ask whoever gives rights in this cluster"
    resource = f"{found['resource']}.{found['group']}".rstrip(".")
    who = f"you ({found['user']}) may not {found['verb']} {resource}"
    # A namespace itself is read by who may view it.
    if resource in _OF_THE_CLUSTER and not found["namespace"]:
        return f"{who}, which belong to the whole cluster: whoever administers the cluster can grant it"
    where = f"in the namespace {found['namespace']}" if found["namespace"] else "in all namespaces"
    narrower = "" if found["namespace"] or not narrows else "; one namespace is asked with -n NAMESPACE"
    return f"{who} {where}: the role {role_of(found['verb'], resource)} allows it{narrower}"
