"""Take away what an image has of its libraries and nobody imports: `python prune.py SITE_PACKAGES`.

The kubernetes package is generated: a module a model and one an API, which its lazy `__init__` imports when somebody
asks for one by name. We ask for none (docs/decisions/0036-kubernetes-package.md), nor for its twin for asyncio.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

# What lists the names stays: the client imports it.
_GENERATED = ("client/api", "client/models")
_UNUSED = ("aio",)


def prune(packages: Path) -> None:
    """Remove it, compiled files included."""
    kubernetes = packages / "kubernetes"
    for name in _UNUSED:
        shutil.rmtree(kubernetes / name)
    for name in _GENERATED:
        modules = [path for path in (kubernetes / name).glob("*.py") if path.name != "__init__.py"]
        # Another layout of the package is looked at by a person, and not shipped by chance.
        if not modules:
            raise SystemExit(f"prune: no modules in {kubernetes / name}")
        for path in modules:
            path.unlink()
        shutil.rmtree(kubernetes / name / "__pycache__", ignore_errors=True)
    for folder in packages.rglob("tests"):
        shutil.rmtree(folder)


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
