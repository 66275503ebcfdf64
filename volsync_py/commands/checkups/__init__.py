"""What `volsync-py doctor` looks at: each check is a pure function of the facts that were gathered before.

To add one: a function `Facts → findings` in the module it belongs to, a row in `table.py`, and a wrong setup in
`tests/integration/commands/test_doctor.py`, which is also a row of docs/doctor.md. What it needs and nobody has asked
for yet is asked for in `gather.py`, which with `asking.py` is all here that speaks with the API server.
"""
