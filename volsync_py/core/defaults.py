"""What holds where nobody asks for anything else: of the flags, of the settings of movers, and of the run document."""

from __future__ import annotations

from datetime import timedelta

# Longer than a storage server takes to fail over.
CONTACT_SECONDS = 90
# Locks of a backup that is about to end are waited for; longer ones are the next attempt's business.
RETRY_LOCK_SECONDS = 60
# A lock that is older than this is nobody's who lives: restic's thirty minutes, and two for clocks that differ.
STALE_LOCK = timedelta(minutes=32)
# restic itself retries a request for fifteen minutes.
STALL_SECONDS = 900
# The first retry comes when a short trouble may be over; each further one waits twice as long …
RETRY_FIRST = timedelta(seconds=10)
# … up to this, so that a repository that is back is noticed within half an hour.
RETRY_LONGEST = timedelta(minutes=30)
# Scripts that look for the Job of a run by its name do so every five seconds.
ENDED_JOB_SHOWN = timedelta(seconds=15)
# VolSync's, of the log in a status; a negative number of lines is no limit.
LOG_MAX_BYTES = 1024
LOG_TAIL_LINES = -1
# The name of the security context constraints that VolSync's OpenShift manifests make.
SCC_NAME = "volsync-privileged-mover"
# A command that looks at restored data reads all of it once at most; one that hangs keeps a volume and a slot so long.
VERIFICATION_COMMAND_SECONDS = 3600
