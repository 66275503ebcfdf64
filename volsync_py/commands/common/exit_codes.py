"""What the program and its commands exit with."""

from __future__ import annotations

FINE, FAILED, USAGE = 0, 1, 2
# What a shell makes of a program that an interrupt has ended.
INTERRUPTED = 130
