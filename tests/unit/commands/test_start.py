"""What a command imports before it does anything, which is what its start costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from volsync_py.commands.table import COMMANDS

HELP = """
import sys
from volsync_py.cli import main
code = main([sys.argv[1], "--help"])
heavy = set(sys.argv[2].split()) & set(sys.modules)
sys.exit(f"imported {sorted(heavy)}" if heavy or code else 0)
"""
# What only a request needs, or a terminal, or a screen, or the manager.
NONE_NEEDS = "kubernetes urllib3 rich textual structlog tornado prometheus_client"
# Schedules need a calendar.
QUICK_DO_WITHOUT = f"{NONE_NEEDS} croniter dateutil attr yaml email.utils"
# Those that somebody types again and again, at a shell's prompt, or in a loop.
QUICK = (
    *("status", "takeover", "top", "debug-bundle", "pause", "resume", "logs", "backup", "prove", "doctor", "explain"),
    *("check", "prune", "unlock", "restore", "completion", "crds"),
)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_a_command_imports_nothing_that_asks_a_cluster_or_draws_a_screen(name: str) -> None:
    heavy = QUICK_DO_WITHOUT if name in QUICK else NONE_NEEDS
    done = subprocess.run([sys.executable, "-c", HELP, name, heavy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert name in done.stdout.splitlines()[0]
