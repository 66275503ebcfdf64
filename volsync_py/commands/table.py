"""The commands for people, by name. Also read where click is not installed, so it imports nothing."""

from __future__ import annotations

# Command → the module of this package that has it, and what help says.
COMMANDS: dict[str, tuple[str, str]] = {
    "crds": ("install.crds", "print the CustomResourceDefinitions of this version"),
    "backup": ("runs.backup", "back sources up now, and wait for it"),
    "browse": ("browse.browse", "look through snapshots on a screen, and download from them"),
    "cat": ("repository.looking", "write a file of a snapshot to standard output"),
    "check": ("repository.upkeep", "check a repository now"),
    "chart": ("install.chart", "write the Helm chart of this version"),
    "completion": ("completion", "print what lets a shell complete commands"),
    "diff": ("repository.looking", "say what differs between two snapshots"),
    "doctor": ("checkups.doctor", "look for what is wrong, and say what to do about it"),
    "download": ("repository.download", "write files and folders of a snapshot into a folder"),
    "debug-bundle": ("bundle.debug_bundle", "write a redacted file to attach to a report"),
    "explain": ("overview.explain", "say what a class of failure means, and what to do"),
    "find": ("repository.looking", "find files by name in all snapshots"),
    "locks": ("repository.locks", "say whose locks a repository has"),
    "logs": ("runs.logs", "print the log of the newest mover"),
    "ls": ("repository.looking", "list a folder of a snapshot"),
    "manifests": ("install.manifests", "print what installs this version, without Helm"),
    "page": ("overview.page", "write a page to look at: the last thirty days of all backups"),
    "pause": ("runs.pausing", "stop movers, and start none"),
    "prune": ("repository.upkeep", "free the space of what no snapshot refers to"),
    "restore": ("restore.restore", "bring a backup back, into a new claim or in place"),
    "prove": ("runs.prove", "restore the newest backup, compare it, and delete it again"),
    "resume": ("runs.pausing", "let movers run again"),
    "snapshots": ("repository.snapshots", "list the snapshots of a source, and what keeps each"),
    "stats": ("repository.looking", "say what a restore brings, and what the repository takes"),
    "status": ("overview.status", "say whether all is backed up, and what needs you"),
    "top": ("overview.top", "say which sources are large, and which grow"),
    "takeover": ("takeover.takeover", "say what the change from VolSync means here, or the way back"),
    "unlock": ("repository.upkeep", "remove the locks that nobody renews"),
}

# The commands that need no library of the extra `cli`, with their options: the manager's image has them, too.
PRINTED: dict[str, tuple[str, ...]] = {"crds": (), "manifests": ("--image", "--overlay")}
