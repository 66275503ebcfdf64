"""The control plane: the controllers and the scheduler, which know pods and volumes as objects."""
