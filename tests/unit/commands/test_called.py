"""What is put in for the program's name."""

from __future__ import annotations

import pytest

from volsync_py.commands.common.called import as_called
from volsync_py.commands.common.shown import width

TABLE = {
    "volsync-py status -A": "kubectl volsync-py status -A",
    "a\n  volsync-py logs x; volsync-py top": "a\n  kubectl volsync-py logs x; kubectl volsync-py top",
    "broken behind its name: volsync-py\n    doctor": "broken behind its name: kubectl volsync-py\n    doctor",
    "$(volsync-py chart)": "$(kubectl volsync-py chart)",
    "volsync-py manifests --image R/volsync-py:TAG | kubectl": (
        "kubectl volsync-py manifests --image R/volsync-py:TAG | kubectl"
    ),
}
UNTOUCHED = [
    "kubectl volsync-py status",
    "volsync-py manager: no such flag",
    "volsync-py mover version: 1",
    "volsync-py/run-now and volsync-py-status",
    "my-volsync-py status",
    "volsync-py status-page",
]


@pytest.mark.parametrize(("text", "expected"), TABLE.items())
def test_commands_are_named_as_kubectl_calls_them(text: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/local/bin/kubectl-volsync_py", "status"])
    assert as_called(text) == expected
    monkeypatch.setattr("sys.argv", ["/usr/local/bin/volsync-py", "status"])
    assert as_called(text) == text


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_no_command_of_ours_stays(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["kubectl-volsync_py"])
    assert as_called(text) == text


def test_lines_leave_room_for_the_longer_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.argv", ["volsync-py"])
    assert width() == 100
    monkeypatch.setattr("sys.argv", ["kubectl-volsync_py"])
    assert width() == 100 - len("kubectl ")
