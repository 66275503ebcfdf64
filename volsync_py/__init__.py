"""Back PersistentVolumes up with restic, and restore them, driven by VolSync's custom resources."""

try:
    from volsync_py._version import version
except ModuleNotFoundError:
    # A checkout that is neither built nor installed: `fallback_version` of pyproject.toml.
    version = "0.0.0"

__version__: str = version
