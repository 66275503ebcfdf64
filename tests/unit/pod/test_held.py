"""A screen has the pod wait for as long as it is open, and leaves with a word unless it is killed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from volsync_py.contract.questions import Ending, Kind, Question

PROGRAM = """
import sys
from volsync_py.pod.answering import answer
from volsync_py.pod.signals import Stop
sys.exit(answer({}, Stop(), sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("at_once", "at_the_end", "told"),
    [(b"", b"\n", "60.0"), (b"\n", b"", "60.0"), (b"", b"", "")],
    ids=["closed", "closed before it was heard", "killed"],
)
def test_only_who_leaves_with_a_word_has_the_pod_wait_on(
    tmp_path: Path, at_once: bytes, at_the_end: bytes, told: str
) -> None:
    path = str(tmp_path / "questions")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(60)
        held = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with listener.accept()[0] as waiting:
            assert held.stdin is not None
            held.stdin.write(Question(Kind.HOLD, keep_seconds=60.0).to_json().encode() + b"\n" + at_once)
            held.stdin.flush()
            waiting.settimeout(0.2)
            # It says nothing while the screen is open.
            if not at_once:
                with pytest.raises(TimeoutError):
                    waiting.recv(64)
            waiting.settimeout(60)
            said = held.communicate(at_the_end, timeout=60)[1].decode()
            assert waiting.recv(64).decode() == told
    assert held.returncode == 0
    assert "Traceback" not in said
    assert (Ending.of(said) is not None) == bool(told)
    assert not told or json.loads(told) == 60
