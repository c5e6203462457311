"""Structured logs: one line per thing that happened, for people on a terminal, as JSON otherwise.

Whoever starts work binds `request_id` (and `job`) with structlog's context variables; every later line carries it.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REQUEST_ID = "request_id"
SECRET_NAMES = re.compile(r"key|token|secret|password|authorization|cookie", re.IGNORECASE)
# Libraries that say at INFO what our own lines say better.
QUIET = (
    "alembic",
    "httpx",
    "httpx2",
    "httpcore",
    "openai",
    "faster_whisper",
    "huggingface_hub",
    "uvicorn.access",
)


def configure_logging(level: str, form: str) -> None:
    """Send our log lines and those of libraries to stderr in one format; as LOG__LEVEL and LOG__FORMAT say."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        redact,
    ]
    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank the values of names that sound like secrets."""
    for name in event:
        if SECRET_NAMES.search(name) and event[name]:
            event[name] = "…"
    return event


def bind_request(request_id: str | None, **values: Any) -> None:
    """Start a unit of work: lines from here on carry this request id (a new one when None) and these values."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id or new_request_id(), **values)


def new_request_id() -> str:
    return secrets.token_hex(8)


def request_id() -> str | None:
    """Return the request id of the unit of work at hand."""
    found = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    return None if found is None else str(found)
