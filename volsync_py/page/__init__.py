"""The page to look at: from objects to HTML, for a command and for the manager. Pure; no script, no request."""
