"""What a restore with deletion leaves alone: never gone as a part of something else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mover.harness import Mover, Ran
from volsync_py.contract.options import RestoreOptions
from volsync_py.pod.left_alone import Patterns

# All that patterns can tell apart, each as a file; folders come of themselves.
TREE = (
    *("a", "a.log", "b", "A", "keep/secret", "keep/x/secret/deep", "uploads/x/local", "uploads/y/local.txt"),
    *("[a]", "a*b", "a^", "a-", "!x", "über", "with space/a", "x/keep/secret", "deep/1/2/3/4", "line\nbreak"),
)
PATTERNS = [
    ["a"],
    ["/a"],
    ["*.log", "?"],
    ["/keep/secret"],
    ["keep/secret", "uploads/*/local"],
    ["secret"],
    ["**/secret"],
    ["keep/**/secret"],
    ["/keep/**"],
    ["/**/4"],
    ["deep/**/3"],
    ["[a-b]", "/uploads/[^x]"],
    ["\\[a\\]", "a\\*b", "a[\\^]", "a[\\-]"],
    ["[z-a]", "[^z-a]"],
    ["./keep//x/", "uploads/../b"],
    ["line?break"],
    ["*", "!/keep"],
    ["!keep", "/keep", "!secret"],
    ["\u00fcb*"],
    ["a**", "**b"],
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Mover:
    """A mover that has backed up the tree."""
    folder = tmp_path_factory.mktemp("tree")
    mover = Mover(folder / "mover", str(folder / "repository"))
    mover.write(**{name.replace("/", "__"): name for name in TREE})
    assert mover("backup").code == 0
    return mover


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
def test_a_pattern_means_what_it_means_to_restic(tree: Mover, option: str, patterns: list[str]) -> None:
    chosen = Patterns(RestoreOptions(**{option: tuple(patterns)}))  # type: ignore[arg-type]
    arguments = [word for one in patterns for word in (f"--{option}", one)]
    told = tree.restic("restore", "latest", "-t", "none", "--dry-run", "-vv", "--no-lock", *arguments)
    come = {one["item"].lstrip("/") for one in told if one.get("action") == "restored"}
    for name in TREE:
        # restic looks into no folder that it excludes.
        inside = option == "include" or all(map(chosen.selects, map(str, list(Path(name).parents)[:-1])))
        assert (chosen.selects(name) and inside) == (name in come), (name, come)


def restore(mover: Mover, **options: Any) -> Ran:
    mover.environ["RESTORE_OPTIONS"] = "--delete"
    mover.run = {"restore": options}
    return mover("restore")


def names(mover: Mover) -> set[str]:
    return {str(path.relative_to(mover.data)) for path in mover.data.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize(
    ("options", "path", "folder"),
    [
        ({"exclude": ["/gone/secret"]}, "gone/secret", "gone"),
        ({"exclude": ["secret"]}, "gone/x/secret", "gone"),
        ({"exclude": ["secret"]}, "folder/gone/secret", "folder/gone"),
        # A folder that is left alone goes, too.
        ({"exclude": ["/gone/x"]}, "gone/x/file", "gone"),
        # What comes back instead of the folder.
        ({"exclude": ["secret"]}, "file/secret", "file"),
        ({"exclude": ["secret"]}, "link/secret", "link"),
        ({"exclude": ["secret"]}, "pipe/x/secret", "pipe"),
        ({"exclude": ["secret"], "subPath": "/folder"}, "inner/secret", "inner"),
        ({"include": ["*", "!secret"]}, "gone/secret", "gone"),
    ],
)
def test_a_restore_that_would_delete_what_is_left_alone_ends_before_it_writes(
    mover: Mover, options: dict[str, Any], path: str, folder: str
) -> None:
    mover.write(folder__inner="inner", file="file")
    os.symlink("file", mover.data / "link")
    os.mkfifo(mover.data / "pipe")
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.write(**{path.replace("/", "__"): "in no backup"}, other="too")
    before = names(mover)
    ran = restore(mover, **options)
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Configuration", None), ran.log
    assert f"would delete it with '{folder}', which is no folder of the snapshot" in ran.report.message
    assert "leave enableFileDeletion out" in ran.report.message
    assert names(mover) == before


@pytest.mark.parametrize(
    ("options", "stays"),
    [
        ({"exclude": ["secret"]}, {"secret", "folder/secret"}),
        ({"exclude": ["/gone", "secret"]}, {"secret", "folder/secret", "gone/secret", "gone/other"}),
        ({"exclude": ["/folder/new", "secret"]}, {"secret", "folder/secret", "folder/new/file"}),
    ],
)
def test_what_is_left_alone_stays_and_everything_else_is_deleted(
    mover: Mover, options: dict[str, Any], stays: set[str]
) -> None:
    mover.write(folder__inner="inner", file="file")
    assert mover("backup").code == 0
    mover.mount("destination")
    mover.write(secret="-", folder__secret="-", folder__new__file="-", old__x__file="-", late="-")
    if "/gone" in options["exclude"]:
        mover.write(gone__secret="-", gone__other="-")
    ran = restore(mover, **options)
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert names(mover) == {"folder/inner", "file", *stays}


def test_what_restic_does_not_look_into_is_in_nobodys_way(mover: Mover) -> None:
    mover.write(file="file")
    assert mover("backup").code == 0
    mover.write(gone__sub__secret="-", file="changed")
    ran = restore(mover, include=["/file", "sub", "!secret"])
    assert (ran.code, ran.report.error_class) == (0, ""), ran.log
    assert names(mover) == {"file", "gone/sub/secret"}


def test_a_name_that_is_no_text_is_taken_for_one_that_is_not_in_the_snapshot(mover: Mover) -> None:
    for name in (b"odd \xe4", b"odd \xf6"):
        os.mkdir(os.path.join(os.fsencode(mover.data), name))
    assert mover("backup").code == 0
    os.rmdir(os.path.join(os.fsencode(mover.data), b"odd \xe4"))
    assert mover("backup").code == 0
    secret = os.path.join(os.fsencode(mover.data), b"odd \xe4", b"secret")
    os.mkdir(os.path.dirname(secret))
    with open(secret, "wb") as file:
        file.write(b"in no backup")
    ran = restore(mover, exclude=["secret"])
    assert (ran.code, ran.report.error_class) == (1, "Configuration"), ran.log
    assert os.path.exists(secret)
