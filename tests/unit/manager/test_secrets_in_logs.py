"""Nothing of a Secret gets into the log by way of an exception."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from volsync_py.movers.restic.repository import check_secret, decoded, repository_label
from volsync_py.telemetry import logs

CANARY = "canary-9c41"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield io.StringIO()
    logging.captureWarnings(False)
    logging.getLogger().handlers[:], logging.getLogger().level = handlers, level
    structlog.reset_defaults()


def use(secret: dict[str, str]) -> None:
    """Fail while a local variable holds a Secret."""
    password = secret["RESTIC_PASSWORD"]
    raise RuntimeError(f"of {len(password)} characters")


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_variables_of_a_failed_pass_are_not_logged(form: str, out: io.StringIO) -> None:
    logs.configure("info", form, out)

    try:
        use({"RESTIC_PASSWORD": CANARY})
    except RuntimeError:
        structlog.get_logger().exception("a pass failed")
        logging.getLogger("some.library").exception("it failed")

    assert "of 11 characters" in out.getvalue()
    assert "some.library" in out.getvalue()
    assert CANARY not in out.getvalue()


ODD = "rest:https://user:pa[ss@host/repo"


@given(st.text(st.characters()) | st.text(st.sampled_from("rest:/@[]?#%é \t")))
@example(ODD)
@example("rest:https://[::1@host")
@example("\ud800")
def test_any_repository_has_a_label(url: str) -> None:
    assert len(repository_label("cluster", url)) == 16


@given(st.dictionaries(st.sampled_from(["RESTIC_REPOSITORY", "RESTIC_PASSWORD"]), st.binary() | st.text(), min_size=2))
def test_any_secret_can_be_looked_at(values: dict[str, Any]) -> None:
    data = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in values.items()}

    check_secret("repository", {"data": data})
    assert len(repository_label("cluster", decoded({"data": data}, "RESTIC_REPOSITORY"))) == 16


def test_user_information_makes_no_other_repository_however_odd_it_is() -> None:
    assert repository_label("cluster", ODD) == repository_label("cluster", "rest:https://host/repo/")


@given(
    st.sampled_from(["rest", "s3", "swift"]),
    st.sampled_from(["http", "https"]),
    st.from_regex(r"([a-z0-9]{1,8}(:[a-z0-9%]{0,8})?@)?[a-z0-9.]{1,12}(:[0-9]{1,4})?", fullmatch=True),
    st.from_regex(r"(/[a-zA-Z0-9@:_.]{1,6}){0,3}/?", fullmatch=True),
)
def test_a_label_hashes_the_url_without_its_user(backend: str, scheme: str, authority: str, path: str) -> None:
    host = urlsplit(f"{scheme}://{authority}").netloc.rpartition("@")[2]
    location = f"{backend}:{scheme}://{host}{path}".rstrip("/")

    expected = sha256(f"cluster\n{location}".encode()).hexdigest()[:16]
    assert repository_label("cluster", f"{backend}:{scheme}://{authority}{path}") == expected


@pytest.mark.parametrize("text", ["/srv/repo", "b2:bucket:path", "sftp:user@host:/srv/repo", "rclone:remote:path"])
def test_what_is_no_url_is_hashed_as_it_is(text: str) -> None:
    assert repository_label("cluster", f" {text}\n") == sha256(f"cluster\n{text}".encode()).hexdigest()[:16]
