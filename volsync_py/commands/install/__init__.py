"""Commands that print what installs this version."""
