"""The commands for people, by name. Also read where click is not installed, so it imports nothing."""

from __future__ import annotations

# Command → the module of this package that has it, and what help says.
COMMANDS: dict[str, tuple[str, str]] = {
    "crds": ("crds", "print the CustomResourceDefinitions of this version"),
    "backup": ("backup", "back sources up now, and wait for it"),
    "chart": ("chart", "write the Helm chart of this version"),
    "explain": ("explain", "say what a class of failure means, and what to do"),
    "manifests": ("manifests", "print what installs this version, without Helm"),
    "pause": ("pausing", "stop movers, and start none"),
    "resume": ("pausing", "let movers run again"),
    "status": ("status", "say whether all is backed up, and what needs you"),
}
