"""Commands that ask the manager for a run, and follow it: `backup`, `prove`, `pause`, `resume`, `logs`."""
