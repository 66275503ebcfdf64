"""The commands for people, by name. Also read where click is not installed, so it imports nothing."""

from __future__ import annotations

# Command → the module of this package that has it, and what help says.
COMMANDS: dict[str, tuple[str, str]] = {
    "crds": ("crds", "print the CustomResourceDefinitions of this version"),
    "chart": ("chart", "write the Helm chart of this version"),
    "manifests": ("manifests", "print what installs this version, without Helm"),
    "status": ("status", "say whether all is backed up, and what needs you"),
}
