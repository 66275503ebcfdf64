"""The line that moves while a repository is checked or pruned."""

from __future__ import annotations

import pytest

from volsync_py.commands.common.moving_line import Counted, MovingLine, counted

PACKS = "[0:10] 41.67%  5 / 12 packs repacked"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (PACKS, Counted(5, 12, "packs repacked", 10)),
        ("[0:00] 100.00%  1 / 1 snapshots", Counted(1, 1, "snapshots", 0)),
        ("[1:02:03] 0.00%  0 / 4711 packs processed\n", Counted(0, 4711, "packs processed", 3723)),
        ("[0:00] 5.00%  0 / 0 packs", Counted(0, 0, "packs", 0)),
        ("repacking packs", None),
        ("to repack:            14 blobs / 17.209 MiB", None),
        (f"[0:00] 5.00%  1 / {'9' * 40} packs", None),
        ("restic: [0:00] 5.00%  1 / 2 packs", None),
    ],
)
def test_what_restic_counts_is_understood(line: str, expected: Counted | None) -> None:
    assert counted(line) == expected


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("name", ["prune of db", "prune of " + "photographs-of-the-office" * 8])
def test_a_bar_has_what_is_left_and_fits(name: str, width: int) -> None:
    line = Counted(5, 12, "packs repacked", 10).line(name, width)
    assert len(line) < width
    assert line.startswith("prune of ")
    packs = "5 of 12 packs repacked, " if width > 60 else ""
    assert line.endswith(f"]  41 %  {packs}14 seconds left")
    assert Counted(0, 0, "packs", 3).line(name, width).endswith("]   0 %  0 of 0 packs")


def test_a_terminal_is_told_how_far_it_is_or_for_how_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    times = iter([0.0, 0.0, 7.0, 9.0])
    moving = MovingLine("prune of db", on_terminal=True, clock=lambda: next(times))
    moving.say("=== Starting prune ===")
    moving.move()
    moving.say(PACKS)
    # What was counted is shown until something else is said.
    moving.move()
    bar = "prune of db [#######-----------]  41 %  5 of 12 packs repacked, 14 seconds left"
    moving.say("done")
    assert capsys.readouterr().err.replace("\x1b[K", "").split("\r") == [
        "=== Starting prune ===\n",
        "prune of db, for 0 seconds",
        "prune of db, for 7 seconds",
        bar,
        bar,
        "done\n",
        "prune of db, for 9 seconds",
    ]


def test_it_is_gone_when_the_work_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    moving = MovingLine("check of db", on_terminal=True)
    with pytest.raises(KeyboardInterrupt), moving.moving():
        raise KeyboardInterrupt
    told = capsys.readouterr().err
    assert told.startswith("\rcheck of db, for 0 seconds\x1b[K")
    assert told.endswith("\r\x1b[K")


def test_what_is_no_terminal_gets_the_lines_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    moving = MovingLine("prune of db", on_terminal=False)
    with moving.moving():
        for line in ("=== Starting prune ===", PACKS, PACKS):
            moving.say(line)
    assert capsys.readouterr().err == f"=== Starting prune ===\n{PACKS}\n{PACKS}\n"
