"""What is told of a Secret: names that are known, what is wrong, and never a value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.contract.questions import SECRET_PREFIX
from volsync_py.pod.secret_keys import described

RIGHT = {"RESTIC_REPOSITORY": "s3:https://host/bucket/path", "RESTIC_PASSWORD": "p"}


def of(secret: dict[str, str]) -> dict[str, object]:
    return described({"PATH": "/bin", **{SECRET_PREFIX + name: value for name, value in secret.items()}})


def test_keys_are_told_by_name_if_a_mover_knows_them_and_else_counted() -> None:
    told = of({**RIGHT, "AWS_ACCESS_KEY_ID": "", "RCLONE_CONFIG_X_PASS": "x", "hunter2": "y"})
    assert told == {
        "keys": ["RESTIC_REPOSITORY", "RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "RCLONE_*"],
        "empty": ["AWS_ACCESS_KEY_ID"],
        "others": 1,
        "backend": "s3",
        "faults": [],
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"RESTIC_PASSWORD": " "}, "RESTIC_PASSWORD is empty"),
        ({"RESTIC_REPOSITORY": ""}, "RESTIC_REPOSITORY is empty"),
        ({"RESTIC_REPOSITORY": "s4:host"}, "RESTIC_REPOSITORY begins with no backend that restic knows"),
        ({"RESTIC_REPOSITORY": "s3:https://host/"}, "RESTIC_REPOSITORY names no bucket"),
        ({"RESTIC_PACK_SIZE": "many"}, "RESTIC_PACK_SIZE in the repository Secret is no number"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(changed: dict[str, str], message: str) -> None:
    faults = of({**RIGHT, **changed})["faults"]
    assert isinstance(faults, list)
    assert [fault["message"] for fault in faults] == [message]
    assert faults[0]["nextStep"]


def test_a_key_that_is_missing_is_named() -> None:
    assert "RESTIC_PASSWORD is not there" in json.dumps(of({"RESTIC_REPOSITORY": "/mnt/x"}))


@given(st.text("canry0123:/@", min_size=12), st.sampled_from(["s3:", "rest:http://", "sftp:", "rclone:", "/mnt/", ""]))
def test_no_value_is_told_whatever_it_is(value: str, prefix: str) -> None:
    secret = {"RESTIC_REPOSITORY": prefix + value, "RESTIC_PASSWORD": value, "AWS_SECRET_ACCESS_KEY": value, "x": value}
    assert value not in json.dumps(of(secret))
