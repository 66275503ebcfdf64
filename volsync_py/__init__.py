"""Back PersistentVolumes up with restic, and restore them, driven by VolSync's custom resources."""

__version__ = "0.1.0"
