"""How much of a body is taken: routes read theirs whole into memory, so nobody may send more than anybody needs."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videochat.errors import TooLargeError
from videochat.web.problems import answer_to
from videochat.web.rules import SAFE_METHODS, rule_for

MOST_BYTES = 1024 * 1024
LINGER_SECONDS = 10.0
TOO_LARGE = "The body is larger than 1 MiB, the most that is taken at this address."


class BodyLimit:
    """Refuses bodies over MOST_BYTES by what they say of themselves, else by what has come.

    It reads the body before the route does, so that nothing has happened yet when it is refused. Routes that read theirs
    as it comes have bounds of their own (`Rule.own_bound`), and with the safe methods no route reads any.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_free(scope):
            await self._app(scope, receive, send)
        elif (messages := await _read(scope, receive)) is None:
            await _refuse(scope, receive, send)
        else:
            await self._app(scope, _again(messages, receive), send)


def _is_free(scope: Scope) -> bool:
    return scope["method"] in SAFE_METHODS or rule_for(scope["method"], scope["path"]).own_bound


async def _read(scope: Scope, receive: Receive) -> deque[Message] | None:
    """Return the whole body as it came, or None as soon as it is too large."""
    declared = Headers(scope=scope).get("content-length", "")
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        return None
    messages: deque[Message] = deque()
    size, more = 0, True
    while more:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            return None
        more = message.get("more_body", False)  # who has left sends no more either
    return messages


def _again(messages: deque[Message], receive: Receive) -> Receive:
    """Return what gives these messages, and then what comes after them."""

    async def receiving() -> Message:
        return messages.popleft() if messages else await receive()

    return receiving


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer and close the connection, but not at once: who is cut off while still sending would not see the answer."""
    refusal = answer_to(scope, TooLargeError(TOO_LARGE))
    refusal.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": refusal.status_code, "headers": refusal.raw_headers})
    await send({"type": "http.response.body", "body": refusal.body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body"})
