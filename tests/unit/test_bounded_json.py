"""Whatever a text from outside holds, each of its readers gives a bounded value or says that there is none."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import volsync_py
from tests.unit.movers.objects import source
from tests.unit.movers.seen import created, decision_on
from volsync_py.bounded_json import (
    DEEPEST,
    LARGEST,
    Unreadable,
    is_too_deep,
    read_json,
    read_object,
    read_stored,
    without_depths,
)
from volsync_py.contract.codec import as_json
from volsync_py.contract.report import ErrorClass, Outcome, Report
from volsync_py.contract.run_document import Deadlines, Run, RunError
from volsync_py.core.labels import Annotation
from volsync_py.core.selection import is_snapshot, select
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.turns import is_paused_without_pod
from volsync_py.pod.backend_health import Contact
from volsync_py.pod.backup import _facts
from volsync_py.pod.humanlog import progress
from volsync_py.pod.output import OutputReader
from volsync_py.pod.record import Holding, group_known, load
from volsync_py.pod.retention import Kept, keeps_all

# Texts of values that have broken readers: beyond floats and integers, no JSON, half a character, deep, wrong types.
ODD = ["1e999", "-1e999", "NaN", "Infinity", "9" * 25, "9" * 19, "-1", "9" * 5000, "1.5", "null", "true", '""', '"x"']
ODD += ['"\\ud800"', '"\\u0000\\n"', '"' + "ä" * 3000 + '"', "[]", "{}", "[null]", '[{"a":[]}]', '{"a":1}']
DEEP = ["[" * 20_000, "[" * 500 + "]" * 500, '{"a":' * 300 + "1" + "}" * 300]
odd = st.sampled_from(ODD + DEEP)


def documents(keys: list[str], **fixed: str) -> st.SearchStrategy[str]:
    """Return the texts of objects with odd values under these keys."""

    def joined(parts: dict[str, str]) -> str:
        return "{" + ",".join(f'"{key}":{value}' for key, value in {**fixed, **parts}.items()) + "}"

    return st.dictionaries(st.sampled_from(keys), odd, max_size=4).map(joined)


def anything(keys: list[str], **fixed: str) -> st.SearchStrategy[str]:
    """Return texts that are no documents as well."""
    return documents(keys, **fixed) | odd | st.text(max_size=200)


REPORT = list(as_json(Report(Outcome.SUCCEEDED)))
NESTED = ['{"id":1e999}', '{"id":"a","filesNew":1e999,"time":[]}', '{"count":99999999999,"oldest":"\\ud800"}', "[1,[]]"]
NESTED += ['[{"name":"x","outcome":"Failed","class":"Own","seconds":1e999}]', '[{"outcome":[]}]']
nested = st.dictionaries(st.sampled_from(["snapshot", "snapshots", "restored", "steps"]), st.sampled_from(NESTED))


def bounded(value: Any, characters: int = 4096) -> None:
    """Assert that a value can be written into a status."""
    text = json.dumps(value, allow_nan=False)
    assert len(text.encode()) < 6 * characters
    json.dumps(value, ensure_ascii=False).encode()
    for number in re.findall(r"(?<![\w\"])-?\d+(?![\w\"])", re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)):
        assert 0 <= int(number) <= LARGEST


@given(text=anything(REPORT, version="1", outcome='"Failed"'), parts=nested)
@example(text='{"version":1,"outcome":"Failed","exitCode":1e999}', parts={})
@example(text="[" * 100_000, parts={})
def test_a_report_is_read_or_there_is_none(text: str, parts: dict[str, str]) -> None:
    for one in (text, text[:-1] + "".join(f',"{key}":{value}' for key, value in parts.items()) + "}"):
        report = Report.from_json(one)
        if report is None:
            continue
        bounded(as_json(report))
        classes = {report.error_class, *(step.error_class for step in report.steps)}
        assert classes <= {"", *ErrorClass}
        assert report.snapshots is None or report.snapshots.count <= 2**31 - 1
        assert all(math.isfinite(step.seconds) for step in report.steps)
        assert 0 <= report.exit_code <= 255


def test_a_class_that_is_not_ours_is_unknown() -> None:
    text = json.dumps(
        {"version": 1, "outcome": "Failed", "class": "x" * 400, "steps": [{"name": "backup", "outcome": "Failed"}]}
    )
    report = Report.from_json(text)
    assert report is not None
    assert (report.error_class, report.steps[0].error_class) == ("Unknown", "")


RECORD = list(json.loads(RunRecord(generation=1).to_json()))


@given(text=anything(RECORD) | st.none())
@example(text="[" * 100_000)
@example(text='{"generation":1e999}')
def test_a_record_is_read_or_there_is_none(text: Any) -> None:
    job = created(decision_on(source()), "Job")
    job["metadata"]["annotations"][str(Annotation.RUN)] = text
    record = RunRecord.of(job)
    bounded(record.to_json(), 8 * 4096)
    assert record.is_ours in (True, False)
    assert isinstance(is_paused_without_pod(job), bool)


def test_what_is_written_into_a_record_is_read_back() -> None:
    record = RunRecord(prune=True, manual="m" * 4096, run_now="ä" * 4096, secret="7", generation=3)
    job = {"metadata": {"annotations": {str(Annotation.RUN): record.to_json()}}}
    assert RunRecord.of(job) == record


RUN = list(json.loads(Run().to_json()))


@given(text=anything(RUN, version="1"))
@example(text='{"version":1,"tags":["\\ud800"]}')
@example(text='{"version":1,"host":"a\\u0000b"}')
def test_the_document_of_a_run_is_read_or_refused(text: str) -> None:
    try:
        run = Run.from_json(text)
    except RunError:
        return
    bounded(json.loads(run.to_json()))
    "".join([run.host, *run.tags]).encode()


COUNTED = ["bytes_done", "percent_done", "total_bytes", "files_restored", "total_files_processed", "total_duration"]
COUNTED += [
    "files_new",
    "data_added",
    "data_added_packed",
    "num_errors",
    "error",
    "item",
    "message",
    "during",
    "action",
]
KINDS = ['"status"', '"summary"', '"error"', '"exit_error"', '"node"', '"verbose_status"', "[]", "{}", "1", '"new"']


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Return what restic might print."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=4))
    texts = [draw(documents(COUNTED, message_type=kind)) for kind in kinds]
    last = draw(odd | st.text(max_size=100))
    return "\n".join([*texts, last]).encode(errors="replace") + draw(st.binary(max_size=50))


@given(said=lines(), is_error=st.booleans())
@example(said=b'{"message_type":"status","bytes_done":1e999,"percent_done":1e400}', is_error=False)
@example(said=b'{"message_type":[]}', is_error=False)
@example(said=b'{"message_type":"status","bytes_done":"x"}', is_error=False)
@example(said=b'{"message_type":"verbose_status","item":"\\ud800"}', is_error=False)
@example(said=b"[" * 100_000, is_error=False)
def test_whatever_restic_prints_is_read_to_its_end(said: bytes, is_error: bool) -> None:
    told: list[str] = []
    contact = Contact(Deadlines(), 0.0)
    output = OutputReader(contact, told.append, told.append, lambda message: told.append(progress(message)))
    output.read(io.BytesIO(said), is_error=is_error)
    assert output.failure is None
    ended = output.ended(1, None)
    bounded(as_json(_facts(ended.message("summary"), ended)), 64 * 4096)
    assert not is_too_deep(ended.document)
    assert all(len(line) <= 4096 for line in (*ended.said.lines, *ended.said.errors))


def test_a_line_without_an_end_is_cut() -> None:
    told: list[str] = []
    output = OutputReader(Contact(Deadlines(), 0.0), told.append, told.append, lambda message: None)
    output.read(io.BytesIO(b"x" * (65 * 1024 * 1024) + b"\nlast\n"), is_error=True)
    assert [len(line) for line in output.ended(1, None).said.lines] == [4096, 4]


SNAPSHOT = {"id": "0" * 64, "time": "2026-11-24T04:24:42.123456789Z", "hostname": "volsync", "paths": ["/data"]}


@given(changes=st.dictionaries(st.sampled_from([*SNAPSHOT, "tags"]), odd, min_size=1, max_size=3))
@example(changes={"time": '"0001-01-01T00:00:00+14:00"'})
def test_what_is_no_snapshot_is_told_from_one_that_can_be_chosen(changes: dict[str, str]) -> None:
    text = json.dumps({k: v for k, v in SNAPSHOT.items() if k not in changes})[:-1]
    value = read_object(text + "".join(f',"{k}":{v}' for k, v in changes.items()) + "}", most=10**6)
    if is_snapshot(value):
        select([SNAPSHOT, cast(dict[str, Any], value)], host="volsync", path="/data", tags=["a"])


IDS = json.dumps("0" * 64)
RECORD_OF_RETENTION = ["version", "policy", "group", "repository", "snapshots", "others"]


@given(text=anything(RECORD_OF_RETENTION, version="2", policy='["--keep-last"]', group='"g"', repository=IDS))
@example(
    text='{"version":2,"policy":["--keep-last","2"],"group":"g","repository":"r","others":[],'
    '"snapshots":[["0001-01-01T00:00:00+14:00",["a"],"0",true],["9999-12-31T23:59:59-12:00",[],"1",true]]}'
)
@example(text='{"version":2,"policy":[],"group":"g","repository":"r","others":[1],"snapshots":[[1e999,1,2,3]]}')
def test_the_record_of_retention_is_read_or_there_is_none(tmp_path_factory: Any, text: str) -> None:
    folder: Path = tmp_path_factory.mktemp("cache")
    (folder / "volsync-py-retention.json").write_text(text, encoding="utf-8", errors="replace")
    record = load(folder)
    if record is not None:
        keeps_all([("within", "1y")], record.snapshots)
        group_known(record, Holding("r", frozenset({"0"})), [], "g", Kept("", (), "0"))


@given(text=odd | st.text(max_size=50) | st.binary(max_size=50))
def test_a_text_is_a_bounded_value_or_unreadable(text: str | bytes) -> None:
    try:
        value = read_json(text, most=20_000)
    except Unreadable:
        return
    assert not is_too_deep(value)
    json.dumps(value, allow_nan=False)
    assert not isinstance(value, int | float) or abs(value) <= LARGEST


def test_a_text_is_too_long_by_one_character() -> None:
    assert read_json("[1]", most=3) == [1]
    with pytest.raises(Unreadable, match="long"):
        read_json("[1] ", most=3)


def nest(levels: int) -> str:
    return '{"a":[' * (levels // 2) + '"]}"' + "]}" * (levels // 2)


@pytest.mark.parametrize("levels", [2, DEEPEST, DEEPEST + 2, 5_000, 9_998])
def test_what_is_stored_too_deep_in_a_list_takes_nothing_else_away(levels: int) -> None:
    raw = f'{{"items":[{{"metadata":{{"name":"[\\"{{"}},"spec":{nest(levels)}}},{{"metadata":{{"name":"b"}}}}]}}'
    value = read_stored(raw.encode())
    assert [item["metadata"]["name"] for item in value["items"]] == ['["{', "b"]
    cut = without_depths(value["items"][0])
    assert not is_too_deep(cut)
    assert (cut == value["items"][0]) == (not is_too_deep(value["items"][0]))


def test_everything_that_reads_json_reads_it_here() -> None:
    root = Path(volsync_py.__file__).parent
    reads = re.compile(r"json\.loads?\b|JSONDecoder|import loads?\b")
    found = [path.name for path in root.rglob("*.py") if reads.search(path.read_text(encoding="utf-8"))]
    assert found == ["bounded_json.py"]
