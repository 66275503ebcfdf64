"""What several commands share: the cluster, the words, what a refusal is called."""
