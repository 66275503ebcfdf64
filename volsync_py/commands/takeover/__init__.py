"""`volsync-py takeover`: what the change from VolSync means here, and the way back."""
