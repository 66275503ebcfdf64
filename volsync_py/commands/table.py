"""The commands for people, by name. Also read where click is not installed, so it imports nothing."""

from __future__ import annotations

# Command → the module of this package that has it, and what help says.
COMMANDS: dict[str, tuple[str, str]] = {
    "crds": ("crds", "print the CustomResourceDefinitions of this version"),
    "backup": ("backup", "back sources up now, and wait for it"),
    "browse": ("browse", "look through snapshots on a screen, and download from them"),
    "cat": ("looking", "write a file of a snapshot to standard output"),
    "check": ("upkeep", "check a repository now"),
    "chart": ("chart", "write the Helm chart of this version"),
    "completion": ("completion", "print what lets a shell complete commands"),
    "diff": ("looking", "say what differs between two snapshots"),
    "doctor": ("doctor", "look for what is wrong, and say what to do about it"),
    "download": ("download", "write files and folders of a snapshot into a folder"),
    "debug-bundle": ("debug_bundle", "write a redacted file to attach to a report"),
    "explain": ("explain", "say what a class of failure means, and what to do"),
    "find": ("looking", "find files by name in all snapshots"),
    "locks": ("locks", "say whose locks a repository has"),
    "logs": ("logs", "print the log of the newest mover"),
    "ls": ("looking", "list a folder of a snapshot"),
    "manifests": ("manifests", "print what installs this version, without Helm"),
    "pause": ("pausing", "stop movers, and start none"),
    "prune": ("upkeep", "free the space of what no snapshot refers to"),
    "restore": ("restore", "bring a backup back, into a new claim or in place"),
    "prove": ("prove", "restore the newest backup, compare it, and delete it again"),
    "resume": ("pausing", "let movers run again"),
    "snapshots": ("snapshots", "list the snapshots of a source, and what keeps each"),
    "stats": ("looking", "say what a restore brings, and what the repository takes"),
    "status": ("status", "say whether all is backed up, and what needs you"),
    "top": ("top", "say which sources are large, and which grow"),
    "takeover": ("takeover", "say what the change from VolSync means here, or the way back"),
    "unlock": ("upkeep", "remove the locks that nobody renews"),
}

# The commands that need no library of the extra `cli`, with their options: the manager's image has them, too.
PRINTED: dict[str, tuple[str, ...]] = {"crds": (), "manifests": ("--image", "--overlay")}
