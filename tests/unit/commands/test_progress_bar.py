"""The bar that shows how far a mover is."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.commands.common.progress_bar import Display, Progress, drawn, parse, rate
from volsync_py.health.words import lasting
from volsync_py.pod.humanlog import progress as said_by_mover

MIB = 2**20


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("progress: 20 %, 9 of 46 files, 115.000 MiB of 572.000 MiB", Progress(20, 9, 46, 115 * MIB, 572 * MIB)),
        ("progress: 0 %, 0 of 0 files, 0 B of 0 B\n", Progress(0, 0, 0, 0, 0)),
        ("progress: 250 %, 1 of 1 files, 5 B of 2 B", Progress(100, 1, 1, 5, 2)),
        ("restic: progress: 20 %, 9 of 46 files, 1 B of 2 B", None),
        ("progress: 20 %, 9 of 46 files, 1 MB of 2 MB", None),
        ("progress: 20 %, 9 of 46 files", None),
        (f"progress: {'9' * 40} %, 1 of 1 files, 1 B of 1 B", None),
        ("snapshot 1 saved", None),
    ],
)
def test_a_line_of_the_log_says_how_far_it_is(line: str, expected: Progress | None) -> None:
    assert parse(line) == expected


@given(st.integers(0, 10**6), st.integers(0, 2**50), st.integers(0, 2**50), st.floats(0, 1))
def test_whatever_the_mover_says_of_its_progress_is_understood(files: int, done: int, every: int, part: float) -> None:
    message = {"percent_done": part, "files_done": files, "total_files": files}
    line = f"progress: {said_by_mover({**message, 'bytes_done': done, 'total_bytes': every})}"
    found = parse(line)
    assert found is not None
    assert (found.files, found.percent) == (files, int(100 * part))
    assert abs(found.done - done) <= max(done / 1000, 1)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], None),
        ([(0.0, 5)], None),
        ([(1.0, 5), (1.0, 9)], None),
        ([(0.0, 9), (5.0, 9)], None),
        ([(0.0, 0), (5.0, 50), (10.0, 200)], 20.0),
    ],
)
def test_a_rate_is_told_once_there_is_one(samples: list[tuple[float, int]], expected: float | None) -> None:
    assert rate(deque(samples)) == expected


def test_the_bar_has_files_bytes_rate_and_what_is_left_and_fits_into_a_line() -> None:
    progress = Progress(20, 9, 46, 115 * MIB, 575 * MIB)
    line = "db [####----------------]  20 %  115.0 MiB of 575.0 MiB, 9 of 46 files"
    assert drawn("db", progress, None, 120) == line
    assert drawn("db", progress, 23.0 * MIB, 120) == f"{line}, 23.0 MiB/s, 20 seconds left"


LONG = "nightly-of-the-photographs-and-their-thumbnails-in-the-old-office"
# Of 4.1 TiB, as wide as such a line gets in practice.
LARGE = Progress(52, 1_234_567, 2_345_678, 2_331_000 * MIB, 4_482_000 * MIB)
USUAL = Progress(52, 9, 46, 115 * MIB, 572 * MIB)


@pytest.mark.parametrize(
    ("name", "progress", "width", "expected"),
    [
        ("db", USUAL, 60, "db [#########----------]  52 %  11.2 MiB/s, 40 seconds left"),
        ("db", USUAL, 80, "db [#######--------]  52 %  115.0 MiB of 572.0 MiB, 11.2 MiB/s, 40 seconds left"),
    ],
)
def test_a_narrow_terminal_shortens_the_bar_and_then_leaves_the_files_out(
    name: str, progress: Progress, width: int, expected: str
) -> None:
    assert drawn(name, progress, 11.2 * MIB, width) == expected


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("name", ["db", "photographs-of-the-office", LONG])
@pytest.mark.parametrize("progress", [USUAL, LARGE])
def test_rate_and_what_is_left_are_there_at_every_width(name: str, progress: Progress, width: int) -> None:
    line = drawn(name, progress, 11.2 * MIB, width)
    assert len(line) < width
    known = {f"{progress.percent} %", "11.2 MiB/s"} | {f"{lasting_of(progress)} left"}
    assert all(word in line for word in known), line
    shown, _, rest = line.partition(" [")
    assert shown == name or (shown.endswith("…") and name.startswith(shown[:-1]) and len(shown) >= 12)
    # No word is cut: each part is one that a line of any width has.
    whole = drawn(name, progress, 11.2 * MIB, 500)
    assert set(rest.partition(" %  ")[2].split(", ")) <= set(whole.partition(" %  ")[2].split(", "))
    assert 4 <= len(rest.partition("]")[0]) <= 20


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=300), st.integers(4, 300))
def test_no_line_is_wider_than_its_terminal(name: str, width: int) -> None:
    assert len(drawn(name, LARGE, 11.2 * MIB, width)) <= max(width - 1, len("52 %"))
    assert len(drawn(name, LARGE, None, width)) <= max(width - 1, len("52 %"))


def lasting_of(progress: Progress) -> str:
    return lasting(timedelta(seconds=(progress.all - progress.done) / (11.2 * MIB)))


def test_a_terminal_gets_a_line_that_changes_and_anything_else_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = [f"progress: {n} %, {n} of 100 files, {n} B of 100 B" for n in (10, 20)]
    times = iter([0.0, 5.0])
    display = Display("db", on_terminal=True, clock=lambda: next(times))
    for text in ("waits", said[0], said[0], said[1], "is done"):
        display.tell(text)
    display.clear()
    told = capsys.readouterr().err
    assert told.count("\n") == 2
    assert told.startswith("db: waits\n\rdb [##---")
    assert "20 B of 100 B, 20 of 100 files, 2 B/s, 40 seconds left\x1b[K\r\x1b[Kdb: is done\n" in told

    taking_turns = Display("db", on_terminal=False)
    for line in ("starts", said[0], said[1]):
        taking_turns.tell("in progress", "condition")
        taking_turns.tell(line, "log")
    assert capsys.readouterr().err.count("in progress") == 1

    elsewhere = Display("db", on_terminal=False)
    for text in (*said, said[1]):
        elsewhere.tell(text)
    assert capsys.readouterr().err == f"db: {said[0]}\ndb: {said[1]}\n"
