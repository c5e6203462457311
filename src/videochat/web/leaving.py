"""Work for somebody who waits for it on an open connection: it ends when they leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from videochat.errors import LeftError, VideoChatError
from videochat.ops.tasks import cancelled
from videochat.web.problems import error_for_openai

Result = TypeVar("Result")
STILL_HERE = ": still here\n\n"  # a comment, which clients skip and proxies count as life
DONE = "data: [DONE]\n\n"


async def while_there(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what comes of the work, or end it as soon as the client leaves. Raises LeftError.

    The whole body must have been read. The work runs in one task from its beginning to its end.
    """
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
    finally:
        await cancelled(working, watching)
    raise LeftError


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def nothing() -> None:
    """Do nothing when the client leaves."""


class Events(StreamingResponse):
    """Server-sent events as OpenAI's clients read them: unnamed, JSON, `[DONE]` at the end.

    What goes wrong before the first one is an error with its own status, and later an event that says so instead of
    `[DONE]`. When the client leaves, the generator is closed before `on_leaving` is called.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str, None], on_leaving: Callable[[], Awaitable[None]] = nothing) -> None:
        super().__init__(events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._events = events
        self._on_leaving = on_leaving
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # part of the interface
        try:
            await while_there(receive, self._send(send))
        except LeftError:
            await self._on_leaving()
            if not self._begun:
                raise

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            try:
                async for event in events:
                    if not self._begun:
                        await send(self._start())
                    await send(_body(event, more=True))
                last = DONE
            except VideoChatError as error:
                if not self._begun:
                    raise
                last = event_of(error_for_openai(error))
        await send(_body(last, more=False))

    def _start(self) -> Message:
        self._begun = True
        return {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}


def event_of(value: dict[str, Any]) -> str:
    """Return the value as an event."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _body(text: str, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
