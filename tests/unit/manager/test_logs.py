"""What log lines look like."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from volsync_py.telemetry import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    logging.captureWarnings(False)
    logging.getLogger().handlers[:], logging.getLogger().level = handlers, level
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_what_the_pass_bound() -> None:
    out = io.StringIO()
    logs.configure("info", "auto", out)

    with structlog.contextvars.bound_contextvars(namespace="app", name="data"):
        structlog.get_logger().info("job created", job="volsync-src-data")
        structlog.get_logger().debug("not shown")

    (line,) = [json.loads(text) for text in out.getvalue().splitlines()]
    assert {k: line[k] for k in ("level", "event", "namespace", "name", "job")} == {
        "level": "info",
        "event": "job created",
        "namespace": "app",
        "name": "data",
        "job": "volsync-src-data",
    }
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_structured_in_json() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)

    try:
        raise ValueError("odd")
    except ValueError:
        structlog.get_logger().exception("pass failed")

    (line,) = [json.loads(text) for text in out.getvalue().splitlines()]
    assert line["exception"][0]["exc_type"] == "ValueError"


def test_libraries_come_out_in_the_same_form_from_warning_on() -> None:
    out = io.StringIO()
    logs.configure("debug", "json", out)

    logging.getLogger("urllib3.connectionpool").info("quiet")
    logging.getLogger("urllib3.connectionpool").warning("pool is %s", "full")

    (line,) = [json.loads(text) for text in out.getvalue().splitlines()]
    assert (line["logger"], line["level"], line["event"]) == ("urllib3.connectionpool", "warning", "pool is full")


def test_text_has_no_colours_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    logs.configure("info", "text", out)

    structlog.get_logger().info("started", port=8443)

    assert "started" in out.getvalue()
    assert "port=8443" in out.getvalue()
    assert "\x1b" not in out.getvalue()
