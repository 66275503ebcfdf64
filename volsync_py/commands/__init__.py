"""What people type: each command is a module with a click command, found by its name in `program`.

Reading and saying are apart: what is said of objects is made by pure modules, whose tests are tables; a command asks
the API server, with its user's own rights, and prints. No command imports the models of the `kubernetes` package.
"""
