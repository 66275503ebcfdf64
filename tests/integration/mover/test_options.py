"""What is accepted of a spec, restic accepts; what restic refuses is refused before, with the name of its field.

The judge is restic's own parser, on a repository whose key opens at once: each accepted spec becomes the command lines
that the mover would run, and none of them may be refused.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from hack.tool_cache import tool_path
from tests.integration.mover.harness import PASSWORD
from tests.unit.api.test_options import destination, source
from volsync_py.api.spec import Replication
from volsync_py.contract import notations
from volsync_py.contract.options import COMPRESSIONS, RetentionOptions, arguments, options_of
from volsync_py.movers.restic.job_environment import forget_options
from volsync_py.pod.backup import backup_options
from volsync_py.pod.humanlog import HumanLog
from volsync_py.pod.maintenance import retention_rules
from volsync_py.pod.process import Restic
from volsync_py.pod.session import Session

# Each example is four processes of restic, of a quarter of a second each.
_EXAMPLES = 12
_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
# To make an example smaller takes many more of them.
_PHASES = [Phase.explicit, Phase.reuse, Phase.generate]


@define
class Judge:
    """A repository with a snapshot, and restic to ask."""

    folder: Path
    repository: Path

    def refusal(self, *arguments: str) -> str:
        """Return what restic says against a command line, "" if it takes it."""
        env = {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": PASSWORD, "HOME": str(self.folder)}
        command = [str(tool_path("restic")), *arguments, "--no-cache", "--no-lock"]
        done = subprocess.run(command, env=env, cwd=self.folder / "data", capture_output=True, text=True)
        # Patterns that leave nothing over are no mistake of an option's.
        taken = done.returncode == 0 or "snapshot is empty" in done.stderr
        return "" if taken else done.stderr or f"exit {done.returncode}"

    def invalid(self, flag: str, patterns: list[str]) -> set[str]:
        """Return which of the patterns restic calls invalid; it names them all, a line for each."""
        arguments = [word for pattern in patterns for word in (flag, pattern)]
        lines = self.refusal("restore", "latest", "-t", ".", "--dry-run", *arguments).split("\n")
        if lines == [""]:
            return set()
        assert "invalid pattern(s) provided:" in lines[0]
        return set(lines[1:]) & set(patterns)


@pytest.fixture(scope="module")
def judge(empty_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """A judge whose repository holds one small snapshot."""
    folder = tmp_path_factory.mktemp("judge")
    shutil.copytree(empty_repository, folder / "repository")
    (folder / "data").mkdir()
    (folder / "data" / "file").write_text("content", encoding="utf-8")
    one = Judge(folder, folder / "repository")
    env = {"RESTIC_REPOSITORY": str(one.repository), "RESTIC_PASSWORD": PASSWORD, "HOME": str(folder)}
    subprocess.run([str(tool_path("restic")), "backup", "."], env=env, cwd=folder / "data", check=True)
    return one


# ---- specs near the border of what is taken

number = st.integers(0, 12) | st.sampled_from([999_999, 10**6, 2**31 - 1, 2**63, 10**19])
duration = st.lists(st.tuples(number, st.sampled_from("ymdhw")), min_size=1, max_size=3).map(
    lambda parts: "".join(f"{n}{unit}" for n, unit in parts)
)
size = st.tuples(number, st.sampled_from(["", *"kKmMgGtT"])).map(lambda parts: f"{parts[0]}{parts[1]}")
percentage = st.sampled_from(["0%", "0.01%", "5%", "007%", "99.9%", "100%", "100.0%", "100.5%", "1000%", "0.0%"])
part = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda parts: f"{parts[0]}/{parts[1]}")
glob = st.text("ab/.[]^-\\*?!ü{}# ", min_size=1, max_size=8)
pattern = glob | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"), min_size=1, max_size=9)
tag = st.text("ab ,-=", min_size=1, max_size=4)
count = st.integers(-1, 5) | st.just(2**31 - 1)


def section(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def taken(fields: st.SearchStrategy[dict[str, Any]], name: str = "") -> st.SearchStrategy[dict[str, Any]]:
    """Return those of the objects that make a good source, as the section `name` or by themselves."""
    return fields.filter(lambda given: not source(**({name: given} if name else given)).problems)


SOURCES = st.builds(
    lambda retain, exclude, prune, check, limits, others: {
        **others,
        "retain": retain,
        "exclude": exclude,
        "prune": prune,
        "check": check,
        "limits": limits,
    },
    taken(
        section(
            **dict.fromkeys(("hourly", "daily", "weekly", "monthly", "yearly"), count),
            **dict.fromkeys(
                ("within", *(one.path.partition(".")[2] for _, _, one in options_of(RetentionOptions) if one.pattern)),
                duration,
            ),
            last=st.sampled_from(["0", "1", "007", "unlimited", str(2**31 - 1), str(2**63), "x"]),
            keepTags=st.lists(tag, max_size=2),
        ),
        "retain",
    ),
    taken(
        section(
            caches=st.booleans(), patterns=st.lists(pattern, max_size=4), ifPresent=st.lists(pattern), largerThan=size
        ),
        "exclude",
    ),
    taken(section(maxUnused=st.just("unlimited") | percentage | size, maxRepackSize=size), "prune"),
    taken(section(intervalDays=st.integers(0, 9), readData=percentage | part), "check"),
    taken(section(uploadKiBps=count, downloadKiBps=count), "limits"),
    taken(
        section(
            tags=st.lists(tag, max_size=2),
            host=st.text("ab-._: ", min_size=1, max_size=5),
            compression=st.sampled_from([*COMPRESSIONS, "zstd"]),
            packSize=st.sampled_from([0, 3, 4, 16, 128, 129]),
            readConcurrency=st.sampled_from([0, 1, 7, 1000, 1001]),
        )
    ),
)


def session_of(one: Replication, folder: Path) -> Session:
    """Return what the mover would have of a source."""
    run = one.restic.run
    log = HumanLog(lambda text: text)
    restic = Restic(env={}, directory=str(folder), deadlines=run.deadlines, log=log)
    environ = {"FORGET_OPTIONS": forget_options(one.restic.retain)}
    return Session(restic, log, run, environ, str(folder / "data"))


@settings(max_examples=_EXAMPLES, deadline=None, phases=_PHASES, suppress_health_check=_SLOW)
@given(restic=SOURCES)
def test_every_source_that_is_accepted_makes_command_lines_that_restic_accepts(
    judge: Judge, restic: dict[str, Any]
) -> None:
    one = source(**restic)
    if one.problems:
        return
    session = session_of(one, judge.folder)
    policy = retention_rules(session.environ, session.run)
    assert judge.refusal("backup", ".", "--dry-run", *backup_options(session)) == ""
    assert judge.refusal("forget", "--dry-run", *policy) == ""
    assert judge.refusal("prune", "--dry-run", *arguments(session.run.prune)) == ""
    subset = one.restic.check.read_data
    assert judge.refusal("check", *(["--read-data-subset", subset] if subset else [])) == ""


@settings(max_examples=4, deadline=None, phases=_PHASES, suppress_health_check=_SLOW)
@given(patterns=st.lists(pattern.filter(lambda text: bool(text.strip())), min_size=200, max_size=400, unique=True))
@example(patterns=["\\.*\\", "\\a*[", ".*\\", "a[", "b\\", "fine*"])
def test_the_patterns_that_restic_calls_invalid_are_refused_and_few_others(judge: Judge, patterns: list[str]) -> None:
    refused = {text for text in patterns if not notations.is_pattern(text)}
    for flag, field in (("--include", "include"), ("--exclude", "exclude")):
        invalid = judge.invalid(flag, patterns)
        assert invalid <= refused
        # restic looks behind a star only if what is before it fits, here the pattern itself and later a file's name:
        # then it complains of each such file.
        assert all("*" in text for text in refused - invalid)
        for text in refused:
            assert [p.path for p in destination(**{field: [text]}).problems] == [f"spec.restic.{field}"]


@pytest.mark.parametrize(
    ("command", "restic", "path"),
    [
        *(
            (("forget", "--dry-run", "--keep-within", text), {"retain": {"within": text}}, "retain.within")
            for text in ("1w", "3w2d", "1", "d", "-1d", "1d 2h", "9" * 20 + "h")
        ),
        (("forget", "--dry-run", "--keep-within-daily", "1w"), {"retain": {"withinDaily": "1w"}}, "retain.withinDaily"),
        (("forget", "--dry-run", "--keep-within", "0y"), {"retain": {"within": "0y"}}, "retain"),
        (("forget", "--dry-run", "--keep-within", "3d0d"), {"retain": {"within": "3d0d"}}, "retain"),
        (("forget", "--dry-run", "--keep-hourly", "0"), {"retain": {"hourly": 0}}, "retain"),
        (("forget", "--dry-run", "--keep-last", "0"), {"retain": {"last": "0"}}, "retain"),
        (("forget", "--dry-run", "--keep-hourly", "-1"), {"retain": {"hourly": -1}}, "retain.hourly"),
        (("forget", "--dry-run", "--keep-last", "9" * 20), {"retain": {"last": "9" * 20}}, "retain.last"),
        (
            ("forget", "--dry-run", "--keep-hourly", "0", "--keep-tag", "keep"),
            {"retain": {"hourly": 0, "keepTags": ["keep"]}},
            "retain",
        ),
        *(
            (("check", "--read-data-subset", text), {"check": {"readData": text}}, "check.readData")
            for text in ("0%", "0.0%", "100.5%", "1/300", "0/7", "8/7", "1/2/3", "0", "some", "1e400%")
        ),
        *(
            (("prune", "--dry-run", "--max-unused", text), {"prune": {"maxUnused": text}}, "prune.maxUnused")
            for text in ("100%", "101%", "-1%", "some", "9" * 30, "9999999999T")
        ),
        *(
            (
                ("prune", "--dry-run", "--max-repack-size", text),
                {"prune": {"maxRepackSize": text}},
                "prune.maxRepackSize",
            )
            for text in ("5%", "1.5G", "9" * 30, "9999999999T")
        ),
        *(
            (
                ("backup", ".", "--dry-run", "--exclude-larger-than", text),
                {"exclude": {"largerThan": text}},
                "exclude.largerThan",
            )
            for text in ("big", "1.5G", "9999999999T")
        ),
        (
            ("backup", ".", "--dry-run", "--exclude", "cache[0-9"),
            {"exclude": {"patterns": ["cache[0-9"]}},
            "exclude.patterns",
        ),
        (
            ("backup", ".", "--dry-run", "--exclude-if-present", ":a"),
            {"exclude": {"ifPresent": [":a"]}},
            "exclude.ifPresent",
        ),
        (("backup", ".", "--dry-run", "--compression", "zstd"), {"compression": "zstd"}, "compression"),
        *((("backup", ".", "--dry-run", "--pack-size", str(mib)), {"packSize": mib}, "packSize") for mib in (3, 129)),
        (("backup", ".", "--dry-run", "--read-concurrency", "-1"), {"readConcurrency": -1}, "readConcurrency"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None,
)
def test_what_restic_refuses_is_refused_before_with_the_name_of_its_field(
    judge: Judge, command: tuple[str, ...], restic: dict[str, Any], path: str
) -> None:
    assert judge.refusal(*command) != ""
    assert [p.path for p in source(**restic).problems] == [f"spec.restic.{path}"]
