"""Only what reads can be asked of a repository, and nothing that is given becomes an option."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.contract.questions import Kind, Question, QuestionError
from volsync_py.pod.asked_restic import Own, arguments, lock

OWN = Own("volsync", "/data", ("--keep-last", "2"))
CHOICE = ["--host", "volsync", "--path", "/data"]
READS = {"snapshots", "forget", "ls", "dump", "diff", "find", "stats", "cat", "list"}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (Question("snapshots"), ["snapshots", "--no-lock"]),
        (
            Question("snapshots", policy=True),
            ["forget", "--no-lock", "--dry-run", "--group-by", "host,paths", "--keep-last", "2"],
        ),
        (Question("ls", "latest", paths=("/",)), ["ls", "--no-lock", *CHOICE, "--", "latest", "/"]),
        (Question("ls", "abc", paths=("/a",), recursive=True), ["ls", "--no-lock", "--recursive", "--", "abc", "/a"]),
        (Question("file", "abc", paths=("/a",)), ["dump", "--no-lock", "--", "abc", "/a"]),
        (Question("archive", "abc", paths=("/",)), ["dump", "--archive", "tar", "--no-lock", "--", "abc", "/"]),
        (Question("diff", "abc", "def"), ["diff", "--no-lock", "--", "abc", "def"]),
        (Question("find", paths=("-x",)), ["find", "--no-lock", *CHOICE, "--", "-x"]),
        (Question("find", "abc", paths=("*",), everything=True), ["find", "--no-lock", "--snapshot", "abc", "--", "*"]),
        (Question("stats", mode="raw-data", everything=True), ["stats", "--no-lock", "--mode", "raw-data"]),
        (Question("locks"), ["list", "--no-lock", "locks"]),
        (Question("open"), ["cat", "--no-lock", "config"]),
    ],
    ids=str,
)
def test_a_question_is_one_command_of_restics(question: Question, expected: list[str]) -> None:
    assert sorted(arguments(question, OWN)) == sorted(expected)
    assert arguments(question, OWN)[0] == expected[0]


@pytest.mark.parametrize(
    "question",
    [
        Question("prune"),
        Question(""),
        Question("unlock"),
        Question("ls", "--help", paths=("/",)),
        Question("ls", "abc"),
        Question("ls", "abc", paths=("a",)),
        Question("file", "abc", paths=("/a", "/b")),
        Question("file", "latest; rm", paths=("/a",)),
        Question("diff", "abc", "latest"),
        Question("find"),
        Question("stats", mode="--repo"),
        Question("find", "--repo=x", paths=("a",)),
    ],
    ids=str,
)
def test_what_is_not_on_the_list_is_refused(question: Question) -> None:
    with pytest.raises(QuestionError):
        arguments(question, OWN)


@given(
    st.builds(
        Question,
        kind=st.sampled_from([*Kind, "prune"]),
        snapshot=st.sampled_from(["", "latest", "abc", "--repo"]) | st.text(max_size=5),
        other=st.sampled_from(["abc", "-o"]),
        paths=st.lists(st.sampled_from(["/", "/-x", "--repo=/x", "-o"]), max_size=3).map(tuple),
        recursive=st.booleans(),
        everything=st.booleans(),
        policy=st.booleans(),
        mode=st.sampled_from(["raw-data", "--x"]),
    )
)
def test_whatever_is_asked_only_reads_and_takes_no_lock(question: Question) -> None:
    try:
        made = arguments(question, OWN)
    except QuestionError:
        return
    assert made[0] in READS
    assert "--no-lock" in made
    assert made[0] != "forget" or "--dry-run" in made
    options = made[: made.index("--")] if "--" in made else made
    assert not {"--repo", "--repo=/x", "-o"} & set(options)


def test_a_lock_is_named_by_its_id_alone() -> None:
    assert lock("ab") == ["cat", "--no-lock", "lock", "ab"]
    with pytest.raises(QuestionError):
        lock("--help")
