"""Lets a short-lived program have the `kubernetes` package's connections without its models.

The package imports its seven hundred models, two dozen APIs and a validator with whatever part of it one asks for,
which takes longer than a whole command. Kubeconfigs, exec plugins, tokens and TLS need none of them. So here the
packages around those parts are entered into Python's list of modules without running their `__init__`, and the
libraries for a way to log in that kubectl itself gave up in 1.26 (`auth-provider`) are imported when somebody uses it.

Only for a process of our own that imports nothing else of the package afterwards; where somebody has imported it
already, it is taken as it is.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

# Those whose `__init__` imports models, outermost first.
_PACKAGES = ("kubernetes", "kubernetes.client", "kubernetes.utils")


class _ApiClient:
    """What `Transport` uses of the package's ApiClient: the connections, and the header that says who asks."""

    def __init__(self, configuration: Any) -> None:
        self.configuration = configuration
        self.rest_client = import_module("kubernetes.client.rest").RESTClientObject(configuration)

    def update_params_for_auth(self, headers: dict[str, str], queries: Any, settings: list[str], *_: Any) -> None:
        for name in settings:
            setting = self.configuration.auth_settings().get(name)
            if setting:
                headers[setting["key"]] = setting["value"]


def import_without_models() -> None:
    """Make `volsync_py.kube.config` importable in a tenth of the time; call it before that is imported."""
    if "kubernetes" in sys.modules:
        return
    for name in _PACKAGES:
        sys.modules[name] = _unrun(name)
    _load_on_demand("oauthlib.oauth2")
    sessions: Any = ModuleType("requests_oauthlib")
    sys.modules["requests_oauthlib"] = sessions
    sessions.OAuth2Session = _oauth2_session
    client: Any = sys.modules["kubernetes.client"]
    client.Configuration = import_module("kubernetes.client.configuration").Configuration
    client.ApiClient = _ApiClient


def _unrun(name: str) -> ModuleType:
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = module_from_spec(spec)
    _tell_parent(name, module)
    return module


def _tell_parent(name: str, module: ModuleType) -> None:
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def _load_on_demand(name: str) -> None:
    """Enter a module that is imported when something of it is used.

    Not with importlib's LazyLoader: before 3.12 an import statement itself looks into the module, which loads it.
    """
    if find_spec(name) is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    stand_in: Any = ModuleType(name)

    def attribute(wanted: str) -> Any:
        if sys.modules[name] is stand_in:
            del sys.modules[name]
        return getattr(import_module(name), wanted)

    stand_in.__getattr__ = attribute
    sys.modules[name] = stand_in
    _tell_parent(name, stand_in)


def _oauth2_session(*args: Any, **options: Any) -> Any:
    """Import the real one, which brings a second HTTP library along, and return a session of it."""
    sys.modules.pop("requests_oauthlib", None)
    return import_module("requests_oauthlib").OAuth2Session(*args, **options)
