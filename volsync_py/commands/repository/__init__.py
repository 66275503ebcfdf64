"""Commands that need the repository, and the pods and Jobs that answer for it."""
