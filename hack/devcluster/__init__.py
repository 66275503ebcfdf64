"""A development cluster in one process: what the operator touches of Kubernetes, and nothing else."""
