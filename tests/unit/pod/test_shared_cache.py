"""Answers that begin at once make no cache together, and those that follow have one that is whole."""

from __future__ import annotations

from pathlib import Path

from volsync_py.pod.shared_cache import cache_of_one

ID = "a" * 64


def make(cache: str, version: str = "1") -> None:
    """Leave what restic leaves."""
    (Path(cache) / ID).mkdir()
    (Path(cache) / ID / "version").write_text(version)
    (Path(cache) / "CACHEDIR.TAG").touch()


def test_who_comes_while_a_cache_is_made_makes_its_own_and_the_first_that_is_whole_is_kept(tmp_path: Path) -> None:
    with cache_of_one(str(tmp_path)) as slow:
        make(slow)
        with cache_of_one(str(tmp_path)) as quick:
            assert quick not in (slow, str(tmp_path))
            make(quick)
            (Path(quick) / ID / "of the quick one").touch()
        assert (tmp_path / ID / "of the quick one").exists()
        (Path(slow) / ID / "of the slow one").touch()
    assert [path.name for path in tmp_path.iterdir()] == [ID]
    assert sorted(path.name for path in (tmp_path / ID).iterdir()) == ["of the quick one", "version"]


def test_a_cache_that_is_there_is_used_where_it_is(tmp_path: Path) -> None:
    make(str(tmp_path))
    with cache_of_one(str(tmp_path)) as used:
        assert used == str(tmp_path)
    assert (tmp_path / ID / "version").exists()


def test_a_cache_that_was_not_made_to_the_end_is_shared_with_nobody(tmp_path: Path) -> None:
    with cache_of_one(str(tmp_path)) as first:
        make(first, version="")
    assert not list(tmp_path.iterdir())


def test_a_cache_is_kept_when_the_answer_is_a_failure(tmp_path: Path) -> None:
    try:
        with cache_of_one(str(tmp_path)) as first:
            make(first)
            raise RuntimeError
    except RuntimeError:
        pass
    assert [path.name for path in tmp_path.iterdir()] == [ID]


def test_where_none_can_be_used_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with cache_of_one(str(tmp_path / "file")) as cache:
        assert cache == ""
