"""Where the API server is and who we are there: a kubeconfig, or the pod's own account.

Together with `client` the only place that knows the `kubernetes` package.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen
from kubernetes import config as kubernetes_config
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import incluster_config
from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigLoader, KubeConfigMerger
from kubernetes.utils.keepalive import tcp_keepalive_socket_options
from urllib3.util.ssl_ import create_urllib3_context

# More than the watches and workers of a manager with its defaults; connections beyond it are closed after one request.
_POOL_SIZE = 40
# A peer that is gone is noticed after a minute: half of it without a word, and three questions that nobody answers.
_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 30, 10, 3
# Of what a program for logging in says, as much as a terminal shows in a few lines.
_MOST_SAID = 300
_ENDED = re.compile(r"exec: process returned (?P<code>-?\d+)(?:\. (?P<words>.*))?", re.DOTALL)


class ConfigError(Exception):
    """No usable connection is configured; the text says what was tried."""


class _LoginError(Exception):
    """A kubeconfig says how to log in, and that gave no credentials; the text says what failed, and what to do."""


@frozen
class Connection:
    """A configured transport, and the namespace it works in by default."""

    api_client: ApiClient
    host: str
    namespace: str


def load(kubeconfig: str | None = None, context: str | None = None, *, pool_size: int = _POOL_SIZE) -> Connection:
    """Read the configuration: the given file, else the pod's account, else kubectl's default files."""
    configuration = Configuration()
    # We retry ourselves: the library would sleep in the calling thread.
    configuration.retries = False
    configuration.connection_pool_maxsize = pool_size
    # A watch is silent for minutes, and a peer that is gone is silent too.
    configuration.socket_options = tcp_keepalive_socket_options(_IDLE_SECONDS, _PROBE_SECONDS, _PROBES)
    if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        namespace = _load_account(configuration)
    else:
        namespace = _load_file(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION, context, configuration)
    return Connection(_client(configuration), str(configuration.host), namespace)


def _load_account(configuration: Configuration) -> str:
    """Take the pod's account, and return the pod's namespace."""
    try:
        kubernetes_config.load_incluster_config(client_configuration=configuration)
        beside = Path(incluster_config.SERVICE_TOKEN_FILENAME)
        return beside.with_name("namespace").read_text(encoding="utf-8").strip()
    except (kubernetes_config.ConfigException, OSError, ValueError) as error:
        raise ConfigError(f"the service account of this pod cannot be used: {error}") from error


def _load_file(path: str, context: str | None, configuration: Configuration) -> str:
    """Take a context of a kubeconfig, and return its namespace."""
    try:
        files = KubeConfigMerger(path)
        if files.config is None:
            raise kubernetes_config.ConfigException("there is no such file")
        loader = _Loader(files.config, context, config_base_path=None, config_persister=files.save_changes)
        loader.load_and_set(configuration)
        chosen: dict[str, Any] = loader.current_context["context"]
        return str(chosen.get("namespace") or "default")
    except _LoginError as error:
        raise ConfigError(f"the kubeconfig {path} gives no credentials: {error}") from None
    except kubernetes_config.ConfigException as error:
        # The library names what lacks something by all that it holds, which may be a token.
        raise ConfigError(f"the kubeconfig {path} cannot be used: {re.sub(r'/[{[].*[]}]', '', str(error))}") from None
    except OSError as error:
        raise ConfigError(f"the kubeconfig {path} cannot be read: {error}") from error
    except Exception as error:  # noqa: BLE001 - the library stumbles in many ways over what is no kubeconfig
        # The text of the error may show what the file holds.
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else type(error).__name__
        raise ConfigError(f"the kubeconfig {path} is no YAML document of the expected form ({where})") from None


class _Loader(KubeConfigLoader):
    """The library's loader, which would go on as nobody where logging in failed, after a line on standard error.

    Later, when a token is about to expire, that stays so: the last one may do for some minutes.
    """

    _is_loaded = False

    @property
    def _given(self) -> Any:
        return self._user

    def load_and_set(self, client_configuration: Configuration) -> None:
        super().load_and_set(client_configuration)
        self._is_loaded = True

    def _load_auth_provider_token(self) -> Any:
        if "auth-provider" not in self._given:
            return None
        try:
            token = super()._load_auth_provider_token()
        except kubernetes_config.ConfigException:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a server answers, or a library lacks
            if self._is_loaded:
                return None
            name = _one_line(self._given["auth-provider"].safe_get("name"))
            raise _LoginError(f"its auth-provider {name} failed ({type(error).__name__}): log in again") from None
        others = {"token", "tokenFile", "exec", "username", "client-certificate", "client-certificate-data"}
        if not token and not any(other in self._given for other in others):
            name = _one_line(self._given["auth-provider"].safe_get("name"))
            raise _LoginError(f"its auth-provider {name} has no token that is known here: log in with a plugin (exec)")
        return token

    def _load_user_token(self) -> Any:
        try:
            token = super()._load_user_token()
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise _LoginError(f"its {self._token_file()} cannot be read ({why}): log in again") from None
        if not token and "tokenFile" in self._given:
            raise _LoginError(f"its {self._token_file()} is empty: log in again")
        return token

    def _token_file(self) -> str:
        return f"tokenFile {_one_line(self._given['tokenFile'])}"

    def _load_from_exec_plugin(self) -> Any:
        if "exec" not in self._given:
            return None
        with _heard() as said:
            done = super()._load_from_exec_plugin()
        if (not done or self.__dict__.get("token") in ("Bearer ", "Bearer None")) and not self._is_loaded:
            raise _LoginError(_failed_plugin(self._given["exec"].value, said[-1] if said else ""))
        return done


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Keep what the library logs from standard error, where it would set up a log by itself, and return it."""
    said: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.module != "kube_config":
            return True
        said.append(record.getMessage())
        return False

    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    logging.root.addFilter(keep)
    try:
        yield said
    finally:
        logging.root.removeFilter(keep)
        logging.root.removeHandler(handler)


def _failed_plugin(settings: dict[str, Any], said: str) -> str:
    """Return what became of the program that a kubeconfig names for logging in, and what to do."""
    program = f"the program {_one_line(settings.get('command'))}, which it names for logging in,"
    if said.startswith("[Errno"):
        hint = _one_line(settings.get("installHint") or "install it, or correct its name")
        return f"{program} cannot be started ({_one_line(said)}): {hint}"
    ended = _ENDED.match(said)
    # The library stumbles over a program that has said why on the terminal itself.
    if ended is None and "NoneType" not in said:
        return f"{program} gave none that can be used: run it to see what it says, or log in again"
    words = f" (exit code {ended['code']}{': ' if ended['words'] else ''}{ended['words'] or ''})" if ended else ""
    return f"{program} failed{_one_line(words)}: log in again, or run it to see why"


def _one_line(said: object) -> str:
    """Return what somebody else has written, as it may go to a terminal; a kubeconfig may hold anything."""
    return "".join(c if c.isprintable() else " " for c in str(said)[:_MOST_SAID])


def _client(configuration: Configuration) -> ApiClient:
    client = ApiClient(configuration)
    # Said once more, it counts as said: else the library looks for it in the environment at each request.
    configuration.proxy = configuration.proxy
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
