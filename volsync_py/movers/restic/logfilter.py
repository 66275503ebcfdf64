"""What of the mover's log goes into `status.latestMoverStatus.logs`.

People script against these lines, so the filter keeps the same ones as VolSync's. A failed run keeps
everything. What is too long loses its beginning, at a line's start where there is one, never within a character.
"""

from __future__ import annotations

from volsync_py.contract.log_lines import matters


def status_logs(text: str, *, successful: bool, max_bytes: int, debug: bool = False) -> str:
    """Return the log tail for the status: filtered if `successful`, at most `max_bytes` of UTF-8."""
    lines = text.splitlines()
    if successful and not debug:
        lines = [line for line in lines if matters(line)]
    return cut_head("\n".join(lines), max_bytes)


def cut_head(text: str, max_bytes: int) -> str:
    """Return the end of `text` that fits, without a broken character.

    Differs from VolSync: a line that would be cut is dropped whole, if another one follows it.
    """
    if max_bytes <= 0:
        return ""
    raw = text.encode()
    if len(raw) <= max_bytes:
        return text
    tail = raw[-max_bytes:]
    cut_in_a_line = raw[-max_bytes - 1 : -max_bytes] != b"\n"
    newline = tail.find(b"\n")
    if cut_in_a_line and 0 <= newline < len(tail) - 1:
        tail = tail[newline + 1 :]
    return tail.decode(errors="ignore")
