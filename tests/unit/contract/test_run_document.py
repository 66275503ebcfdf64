"""The document that the manager gives to the mover is read as it was written, or refused."""

from __future__ import annotations

import json

import pytest

from volsync_py.contract.run_document import Check, Deadlines, Run, RunError


def test_a_document_comes_back_as_it_was() -> None:
    run = Run(host="db", tags=("a",), check=Check("1/7"), deadlines=Deadlines(contact_seconds=6))
    assert Run.from_json(run.to_json()) == run


def test_what_is_not_known_is_ignored_and_whole_numbers_are_seconds() -> None:
    text = json.dumps({"version": 1, "later": {}, "deadlines": {"contactSeconds": 6, "later": 1}})
    assert Run.from_json(text) == Run(deadlines=Deadlines(contact_seconds=6.0))


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"version": 2}, "has version 2"),
        ({"version": 1, "backup": []}, None),
        ({"version": 1, "backup": [1]}, "backup is no object"),
        ({"version": 1, "host": None}, "host is NoneType, not str"),
        ({"version": 1, "tags": "a"}, "tags is str, not list"),
        ({"version": 1, "tags": [1]}, "tags is list, not list"),
        ({"version": 1, "backup": {"packSize": "64"}}, "backup.packSize is str, not int"),
        ({"version": 1, "backup": {"packSize": True}}, "backup.packSize is bool, not int"),
        ({"version": 1, "grants": {"init": "false"}}, "grants.init is str, not bool"),
        ({"version": 1, "restore": {"include": {"a": 1}}}, "restore.include is dict, not list"),
        ({"version": 1, "deadlines": {"contactSeconds": "90"}}, "deadlines.contactSeconds is str, not float"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(document: object, text: str | None) -> None:
    if text is None:
        assert Run.from_json(json.dumps(document)) == Run()
        return
    with pytest.raises(RunError, match=text):
        Run.from_json(json.dumps(document))
