"""The process in which a speech engine lives: `python -m videochat.transcripts.engine_child`, started by the host.

It keeps the engine of its last task loaded. What goes wrong in a way that has a name is a reply; everything else ends the
process, which its parent reports as a crash.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from videochat.errors import VideoChatError
from videochat.ops.logging import configure_child_logging
from videochat.ops.serving import Message, serve
from videochat.transcripts.catalogue import Catalogue, engine_named, installed
from videochat.transcripts.transcriber import EngineSpec, Options, Transcriber

log = structlog.get_logger(__name__)


class EngineChild:
    """Answers the tasks `transcribe`, `load` and `fetch`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._loaded: tuple[EngineSpec, Transcriber] | None = None

    def handle(self, task: Message) -> Iterator[Message]:
        """Yield the replies to one task; an error is the last of them."""
        work = {"fetch": self._fetch, "load": self._load, "transcribe": self._transcribe}[task["task"]](task)
        with bound_contextvars(request_id=task["request_id"]):
            try:
                yield from work
            except VideoChatError as error:
                yield {"error": {"kind": error.code, "code": error.reason, "message": error.message}}

    def _fetch(self, task: Message) -> Iterator[Message]:
        engine_named(task["engine"], self._catalogue).fetch(task["model"])
        yield {"fetched": task["model"]}

    def _load(self, task: Message) -> Iterator[Message]:
        spec = EngineSpec(**task["spec"])
        if self._loaded is None or self._loaded[0] != spec:
            self._loaded = None  # the old engine's memory goes before the new one comes
            started = time.perf_counter()
            self._loaded = (spec, engine_named(spec.engine, self._catalogue).load(spec))
            yield {"loaded": spec.model, "seconds": time.perf_counter() - started}

    def _transcribe(self, task: Message) -> Iterator[Message]:
        yield from self._load(task)
        assert self._loaded is not None, "it was loaded a moment ago"
        recognition = self._loaded[1].transcribe(Path(task["audio"]), Options(**task["options"]))
        with closing(recognition.segments) as segments:
            yield {"language": recognition.language}
            for segment in segments:
                yield {"segment": segment.to_json()}


def _crashed(request_id: str | None, error: BaseException) -> None:
    log.error("engine.crashed", request_id=request_id, exc_info=error)


if __name__ == "__main__":
    configure_child_logging("engine")
    serve(EngineChild(installed()).handle, _crashed)
