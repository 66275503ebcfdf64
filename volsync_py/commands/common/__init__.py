"""What several commands share: the cluster, what a refusal is called."""
