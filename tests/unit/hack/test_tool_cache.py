"""Tools that a machine cannot have are left out; only their tests notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack import tool_cache
from hack.tool_cache import is_out_of_reach, prepare


def test_without_an_apt_get_there_is_no_browser_and_nobody_tries_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("VOLSYNC_PY_TOOLS", str(tmp_path))
    assert is_out_of_reach("browser")
    assert not is_out_of_reach("restic")
    for name, tool in tool_cache.TOOLS.items():
        if name != "browser":
            tool.path.parent.mkdir(exist_ok=True)
            tool.path.touch()
    assert "browser" not in prepare()
