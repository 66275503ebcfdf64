"""How the manager writes its log: one line an event, JSON in a cluster, coloured text on a terminal.

Guarantees that lines carry what the current pass has bound (controller, namespace, name, reconcile id: bind
with `structlog.contextvars.bound_contextvars` at the top of a pass; threads do not inherit it), and that
libraries' warnings (urllib3, kubernetes) come out in the same form. Lines go to stderr: stdout belongs to
commands' results. There is no redaction here: Secrets never get as far as a log call, and of an exception only
its text and the lines of code are written, never the variables of its frames, which may hold Secrets.
"""

from __future__ import annotations

import json
import logging
import logging.config
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Set logging up for the process; `form` is json, text, or auto (text if `stream` is a terminal)."""
    out = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final = _text_processors(colours=out.isatty()) if as_text else _json_processors()
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    _route_libraries(out, shared, final)


def _json_processors() -> list[Processor]:
    # Not `dict_tracebacks`: that writes the variables of every frame.
    exceptions = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [exceptions, structlog.processors.JSONRenderer(serializer=_dumps)]


def _text_processors(*, colours: bool) -> list[Processor]:
    # Not the default: that writes the variables of every frame wherever `rich` is installed.
    return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)]


def _dumps(event: Mapping[str, Any], **options: Any) -> str:
    return json.dumps(event, default=options.get("default", str), ensure_ascii=False, separators=(",", ":"))


def _route_libraries(out: TextIO, shared: list[Processor], final: list[Processor]) -> None:
    """Send what libraries log from WARNING on through the same renderer."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _name_library],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _name_library(_logger: Any, _method: str, event: Any) -> Any:
    record = event.get("_record")
    if record is not None:
        event["logger"] = record.name
    return event
