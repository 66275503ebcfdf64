"""Each line of a pass says which pass over which object it belongs to."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from volsync_py.kube.controller import Reconcile, Request, Result
from volsync_py.kube.errors import Unreachable
from volsync_py.manager.assembly import logged
from volsync_py.telemetry import logs

REQUEST = Request("app", "data")
WHOSE = {"controller": "source", "namespace": "app", "name": "data"}


@pytest.fixture(scope="module")
def stream() -> Iterator[io.StringIO]:
    """The log of all tests here: a logger stays with the stream of its first line."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    yield stream
    logging.captureWarnings(False)
    logging.getLogger().handlers[:], logging.getLogger().level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def out(stream: io.StringIO) -> io.StringIO:
    stream.seek(0)
    stream.truncate()
    return stream


def pass_of(end: Callable[[], Result]) -> Reconcile:
    def reconcile(_request: Request, _asked_at: float) -> Result:
        structlog.get_logger().info("job created")
        return end()

    return logged("source", reconcile)


def failing(error: Exception) -> Callable[[], Result]:
    def end() -> Result:
        raise error

    return end


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_passes_have_ids_of_their_own(out: io.StringIO) -> None:
    for _ in range(2):
        assert pass_of(Result)(REQUEST, 0.0) == Result()

    one, two = lines(out)
    assert [WHOSE.items() <= line.items() for line in (one, two)] == [True, True]
    assert one["reconcile_id"] != two["reconcile_id"]


@pytest.mark.parametrize(
    ("error", "level"), [(Unreachable("no answer"), "warning"), (RuntimeError("a defect"), "error")]
)
def test_the_line_of_a_failure_belongs_to_its_pass(error: Exception, level: str, out: io.StringIO) -> None:
    with pytest.raises(type(error)):
        pass_of(failing(error))(REQUEST, 0.0)

    before, failed = lines(out)
    assert WHOSE.items() <= failed.items()
    assert (failed["event"], failed["level"]) == ("a pass failed, it is tried again", level)
    assert failed["reconcile_id"] == before["reconcile_id"]
    assert ("exception" in failed) == isinstance(error, RuntimeError)


def test_nothing_is_bound_after_a_pass(out: io.StringIO) -> None:
    with pytest.raises(Unreachable):
        pass_of(failing(Unreachable("no answer")))(REQUEST, 0.0)
    structlog.get_logger().info("between passes")

    assert "name" not in lines(out)[-1]
