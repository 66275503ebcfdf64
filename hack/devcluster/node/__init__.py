"""The node: a kubelet, and a container runtime of namespaces, mounts and capabilities."""
