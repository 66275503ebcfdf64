"""What the control plane and the node share: the view of the API, a work queue, the choices."""
