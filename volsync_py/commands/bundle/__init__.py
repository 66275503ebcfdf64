"""`volsync-py debug-bundle`: what is known to be harmless, in one file."""
