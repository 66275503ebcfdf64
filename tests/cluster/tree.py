"""Programs that run beside a volume: they fill it, change it, and describe what is in it."""

from __future__ import annotations

import json
from typing import Any

# The owners are others than root, wherever a pod may have others: `[1234, 5678, 4321]`, or three times 0.
FILL = """
import json, os
def known(number, name):
    rows = [list(map(int, line.split())) for line in open(f"/proc/self/{name}_map")]
    return number if any(first <= number < first + count for first, _, count in rows) else 0
owners = [known(1234, "uid"), known(5678, "gid"), known(4321, "uid")]
with open("/dev/termination-log", "w") as file:
    json.dump(owners, file)
os.makedirs("deep/er", exist_ok=True)
odd = "name with \\u00fc and \\n"
files = {"plain": b"hello", "deep/er/binary": bytes(range(256)) * 4000, odd: b"odd", "empty": b""}
for name, content in files.items():
    with open(name, "wb") as file:
        file.write(content)
os.symlink("deep/er/binary", "link")
os.link("plain", "deep/hard")
with open("sparse", "wb") as file:
    file.truncate(1 << 20)
os.chown("plain", *owners[:2])
os.chmod("plain", 0o640)
os.chown("deep/er", owners[2], 0)
os.chmod("deep/er", 0o2750)
os.utime("empty", ns=(10**18, 10**18 + 7))
"""

CHANGE = """
import os
with open("plain", "ab") as file:
    file.write(b" again")
with open("added", "wb") as file:
    file.write(b"new")
os.unlink("empty")
"""

# Everything of a tree that a restore must bring back; of the folder `lost+found` nothing.
DESCRIBE = """
import hashlib, json, os, stat
found = {}
for folder, folders, files in os.walk("."):
    folders[:] = sorted(f for f in folders if f != "lost+found")
    for name in sorted(files) + folders:
        path = os.path.join(folder, name)
        of = os.lstat(path)
        row = [stat.filemode(of.st_mode), of.st_uid, of.st_gid, 0 if stat.S_ISDIR(of.st_mode) else of.st_nlink]
        if stat.S_ISREG(of.st_mode):
            with open(path, "rb") as file:
                row += [of.st_size, of.st_mtime_ns, hashlib.sha256(file.read()).hexdigest()[:16]]
        elif stat.S_ISLNK(of.st_mode):
            row += [os.readlink(path)]
        found[path] = row
text = json.dumps(found, sort_keys=True)
with open("/dev/termination-log", "w") as file:
    file.write(text)
"""


def described(message: str) -> dict[str, list[Any]]:
    """Return what DESCRIBE left: path → mode, owner, group, links, and size, time and hash or the link's target."""
    found: dict[str, list[Any]] = json.loads(message)
    return found
