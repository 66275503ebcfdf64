"""The manifests that belong to this version: they lie in the package, so no checkout is needed to apply them."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

# In a checkout this is a link to the folder `manifests`; a wheel holds the files themselves.
MANIFESTS: Traversable = files("volsync_py") / "manifests"


def definitions() -> list[str]:
    """Return the CustomResourceDefinitions as they are in their files."""
    found = sorted((file for file in (MANIFESTS / "crds").iterdir() if "_" in file.name), key=lambda file: file.name)
    return [file.read_text(encoding="utf-8") for file in found]


def overlays() -> list[str]:
    """Return the names of the overlays."""
    return sorted(folder.name for folder in (MANIFESTS / "overlays").iterdir() if folder.is_dir())
