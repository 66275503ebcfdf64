"""What the roles `view` and `edit` of one namespace are enough for, command by command."""

from __future__ import annotations

# A pod that waits already answers the next question.
KEPT = "--keep 2m"
PATCH, JOB = "patch replicationsources.volsync.backube", "create jobs.batch"
CLAIM, EXEC = "create persistentvolumeclaims", "get pods/exec"
# Words → what somebody with `view` is told that they may not do, "" where nothing is refused, and what is printed with
# `edit`, to standard output or standard error.
COMMANDS: list[tuple[str, str, str]] = [
    # What asks no cluster, and so does not care.
    ("explain WrongPassword", "", "RESTIC_PASSWORD"),
    ("crds", "", "replicationdestinations.volsync.backube"),
    ("manifests --image registry/volsync-py:1", "", "image: registry/volsync-py:1"),
    ("chart -o FOLDER/chart", "", "chart/volsync"),
    ("completion bash", "", "bash_complete"),
    # What looks.
    ("status", "", "1 of 1 backed up in the last 24 h"),
    ("status backup", "", "last run"),
    ("top", "", "they hold"),
    ("page", "", "1 of 1 backed up in the last 24 h"),
    ("page backup", "", "backup: fine"),
    ("page --to FOLDER/pages", "", "index.html is there"),
    ("logs backup", "", "the last mover"),
    ("debug-bundle backup -o FOLDER/bundle.tar.gz", "", "bundle.tar.gz"),
    ("doctor backup --no-pod", "", "nothing has to be mended"),
    ("restore backup --dry-run", "", "make the claim data-restored-"),
    ("restore backup --dry-run --in-place", "", "undo: "),
    # What asks the repository.
    (f"snapshots backup {KEPT}", JOB, "1 snapshot"),
    (f"ls backup {KEPT}", JOB, "/plain"),
    (f"cat backup /plain {KEPT}", JOB, "hello"),
    (f"download backup / -o FOLDER/loaded {KEPT}", JOB, "sha256 of the archive"),
    (f"diff backup latest {KEPT}", JOB, "added 0 files"),
    (f"find backup plai? {KEPT}", JOB, "1 match in 1 snapshot"),
    (f"stats backup {KEPT}", JOB, "latest snapshot"),
    (f"locks backup {KEPT}", JOB, "no locks"),
    # What acts.
    ("check backup", JOB, "backup: check ended well"),
    ("unlock backup", JOB, "backup: unlock ended well"),
    ("prune backup", JOB, "backup: prune ended well"),
    ("pause backup", PATCH, "source backup: paused"),
    ("resume -l app=web", PATCH, "source backup: resumed"),
    ("backup backup --wait", PATCH, "backup: snapshot "),
    ("prove backup --wait", PATCH, "backup: "),
    ("restore backup --yes --to restored", CLAIM, "into the claim restored"),
]
# What nobody may ask who has the rights of one namespace only.
OF_THE_CLUSTER = {
    f"{command} -A": "list replicationsources.volsync.backube in all namespaces"
    for command in ("status", "top", "page", "page --to FOLDER/all")
}
# On a terminal: it has a screen.
ON_A_TERMINAL = "browse backup"
# It goes over the whole cluster, and each thing that it does not see is something to see to.
OVER_ALL = ("takeover", "takeover --back")
