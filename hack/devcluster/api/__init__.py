"""The API server: what a request passes on its way to an object, and the store of all objects."""
