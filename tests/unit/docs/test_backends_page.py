"""Each Secret of the page of storages is one that the operator takes as it stands."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.markdown import blocks
from volsync_py.contract.questions import SECRET_PREFIX
from volsync_py.core.locations import REMOTE_BACKENDS, locate
from volsync_py.movers.restic.repository import check_secret, check_values
from volsync_py.pod.secret_keys import described

PAGE = Path(__file__).parents[3] / "docs" / "backends.md"
DOCUMENTS = [one for block in blocks(PAGE) if block.language == "yaml" for one in yaml.safe_load_all(block.text)]
SECRETS = {one["metadata"]["name"]: one["stringData"] for one in DOCUMENTS if one["kind"] == "Secret"}
SOURCES = {one["spec"]["restic"]["repository"]: one for one in DOCUMENTS if one["kind"] == "ReplicationSource"}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_the_page_is_taken_as_it_stands(name: str) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in SECRETS[name].items()}
    secret: dict[str, Any] = {"metadata": {"name": name}, "data": data}
    volumes = SOURCES[name]["spec"]["restic"]["moverVolumes"] if name in SOURCES else []
    assert check_secret(name, secret) is None
    assert check_values(name, secret, mounted=[v["mountPath"] for v in volumes], elsewhere=False) is None
    told = described({SECRET_PREFIX + key: value for key, value in SECRETS[name].items()})
    assert (told["others"], told["empty"], told["faults"]) == (0, [], [])


def test_the_page_has_each_backend_but_the_one_that_nobody_asked_for() -> None:
    shown = {locate(secret["RESTIC_REPOSITORY"]).backend for secret in SECRETS.values()}
    # sftp: by way of rclone, as the page says; restic has been left by most who offered Swift.
    assert shown - {"local"} == REMOTE_BACKENDS - {"sftp", "swift"}
