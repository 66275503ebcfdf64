"""Where the API server is and who we are there: a kubeconfig, or the pod's own account.

Together with `client` the only place that knows the `kubernetes` package.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from attrs import frozen
from kubernetes import config as kubernetes_config
from kubernetes.client import ApiClient, Configuration
from urllib3.util.ssl_ import create_urllib3_context

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class ConfigError(Exception):
    """No usable connection is configured; the text says what was tried."""


@frozen
class Connection:
    """A configured transport, and the namespace it works in by default."""

    api_client: ApiClient
    host: str
    namespace: str
    in_cluster: bool


def load(kubeconfig: str | None = None, context: str | None = None, *, pool_size: int = 40) -> Connection:
    """Read the configuration: the given file, else the pod's account, else kubectl's default files."""
    configuration = Configuration()
    # Retries are ours: the library's would sleep in the calling thread.
    configuration.retries = False
    configuration.connection_pool_maxsize = pool_size
    in_cluster = kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ
    try:
        if in_cluster:
            kubernetes_config.load_incluster_config(client_configuration=configuration)
            namespace = _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
        else:
            kubernetes_config.load_kube_config(
                config_file=kubeconfig, context=context, client_configuration=configuration
            )
            _, active = kubernetes_config.list_kube_config_contexts(config_file=kubeconfig)
            namespace = str((active.get("context") or {}).get("namespace") or "default")
    except (kubernetes_config.ConfigException, OSError) as error:
        raise ConfigError(str(error)) from error
    return Connection(_client(configuration), str(configuration.host), namespace, in_cluster)


def _client(configuration: Configuration) -> ApiClient:
    client = ApiClient(configuration)
    pool = client.rest_client.pool_manager.connection_pool_kw
    try:
        pool["ssl_context"] = _tls(configuration)
    except OSError as error:
        raise ConfigError(f"the certificates of the connection cannot be used: {error}") from error
    # What the context holds must not be loaded into it again: urllib3 does that for each new connection, and a
    # handshake of another thread in that moment sends no client certificate and is answered as an anonymous user.
    for name in ("ca_certs", "ca_cert_data", "cert_file", "key_file"):
        pool[name] = None
    return client


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE)
    # Python 3.13 refuses CAs without a key usage extension, which many clusters have and Go's clients accept.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.ssl_ca_cert or configuration.ca_cert_data:
        context.load_verify_locations(configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    else:
        context.load_default_certs()
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context
