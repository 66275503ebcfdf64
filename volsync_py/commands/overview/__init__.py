"""Commands that say whether all is well: `status`, `top`, `explain`."""
