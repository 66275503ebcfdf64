"""`volsync-py restore`: the point, the plan, and what carries it out."""
