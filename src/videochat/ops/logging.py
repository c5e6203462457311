"""Structured logs: one line per thing that happened, for people on a terminal, as JSON otherwise.

Whoever starts work binds `request_id` (and `job`) with structlog's context variables; every later line carries it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from videochat.ops.logfile import Bounds, LogFile
from videochat.ops.redaction import Redactor, secrets_in, secrets_of
from videochat.sections import LogSettings
from videochat.settings import Settings

REQUEST_ID = "request_id"
# Libraries that say at INFO what our own lines say better, or at DEBUG every statement with all that is in it.
QUIET = (
    "aiosqlite",
    "alembic",
    "apprise",
    "httpx",
    "httpx2",
    "httpcore",
    "openai",
    "faster_whisper",
    "huggingface_hub",
    "mcp",
    "urllib3",
    "uvicorn.access",
)
BELOW = frozenset({"exception", "stack"})  # what a console shows below the line of an event, indented


def configure_logging(settings: Settings, role: str | None = None) -> None:
    """Send our log lines and those of libraries to stderr in one format, without secrets; as LOG__… says.

    A process with a role (web, worker) writes them into a file of DATA_DIR/logs too.
    """
    redactor = Redactor(secrets_of(settings))
    file = _file(Bounds.of(settings), role) if role and settings.log.files else None
    _configure(settings.log.level, settings.log.format, redactor, file)


def for_children(settings: Settings) -> dict[str, str]:
    """Return what a child that logs needs in its environment; see `configure_child_logging`."""
    bounds = Bounds.of(settings)
    files = {
        "VIDEOCHAT_LOGS": str(bounds.folder),
        "LOG__MAX_BYTES": str(bounds.most_bytes),
        "LOG__KEEP_DAYS": str(bounds.keep_days),
    }
    return {"LOG__LEVEL": settings.log.level, "LOG__FORMAT": settings.log.format, **(files if _writes_files() else {})}


def configure_child_logging(role: str) -> None:
    """Log as the process does that started this one. A child can only give away the secrets of its environment."""
    given = {
        name: value for name in ("LEVEL", "FORMAT", "MAX_BYTES", "KEEP_DAYS") if (value := os.getenv(f"LOG__{name}"))
    }
    settings = LogSettings.model_validate({name.lower(): value for name, value in given.items()})
    folder = os.getenv("VIDEOCHAT_LOGS")
    file = _file(Bounds(Path(folder), settings.max_bytes, settings.keep_days), role) if folder else None
    _configure(settings.level, settings.format, Redactor(), file)


def take_up(settings: Settings) -> None:
    """Follow settings that changed: another level, other secrets to keep."""
    config = structlog.get_config()
    for processor in config["processors"]:
        if isinstance(processor, Redactor):
            processor.learn(secrets_of(settings))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(settings.log.level))
    logging.getLogger().setLevel(settings.log.level)


class _Handler(logging.StreamHandler[TextIO | LogFile]):
    """Writes lines; of one that cannot be formatted it shows where it came from, not what was to be said."""

    def __init__(self, stream: TextIO | LogFile, formatter: logging.Formatter) -> None:
        super().__init__(stream)
        self.setFormatter(formatter)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        error = sys.exc_info()[0]
        with contextlib.suppress(OSError, ValueError):
            place = f"{record.pathname}:{record.lineno}"
            sys.stderr.write(f"A log line of {place} was lost ({error.__name__ if error else 'unknown'}).\n")


def _configure(level: str, form: str, redactor: Redactor, file: LogFile | None) -> None:
    redactor.learn(secrets_in(os.environ))
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # before secrets are blanked: tracebacks hold them too
        redactor,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    json = structlog.processors.JSONRenderer()
    # Tracebacks come as text; the pretty ones would show the variables, and what is in them.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    shown = [json] if as_json else [_on_one_line, console]
    handlers = [_Handler(sys.stderr, _formatter(shared, *shown))]
    if file is not None:
        handlers.append(_Handler(file, _formatter(shared, json)))
    root = logging.getLogger()
    root.handlers = [*handlers]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _on_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write control characters as code does: a stranger's could begin a line like ours, or do anything to a terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            below = name in BELOW
            lines = [f"    {line}" for line in value.split("\n")] if below else [value.rstrip()]
            event[name] = "\n".join(map(_printable, lines))
    return event


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _formatter(shared: Sequence[Processor], *renderers: Processor) -> logging.Formatter:
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove_meta, *renderers])


def _file(bounds: Bounds, role: str) -> LogFile:
    return LogFile(bounds, f"{role}-{socket.gethostname()}-{os.getpid()}")


def _writes_files() -> bool:
    streams = (getattr(handler, "stream", None) for handler in logging.getLogger().handlers)
    return any(isinstance(stream, LogFile) for stream in streams)


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
