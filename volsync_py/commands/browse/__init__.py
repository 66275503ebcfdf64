"""`volsync-py browse`: the snapshots on a screen."""
