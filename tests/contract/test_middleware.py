"""What every middleware keeps to: the example's, and those that somebody installed beside us."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videochat.access.identity import AT_HOME
from videochat.plugins import strangers
from videochat.web.gate import IDENTITY
from videochat.web.middleware import GROUP, Factory
from videochat_shout.middleware import Greeting

FACTORIES: dict[str, Any] = {"example": Greeting} | {
    plugin.name: plugin.load() for plugin in strangers() if plugin.group == GROUP
}
PIECES = [b"one", b"two", b"three"]


@pytest.fixture(params=FACTORIES)
def factory(request: pytest.FixtureRequest) -> Factory:
    made: Factory = FACTORIES[request.param]
    return made


def scope(**more: Any) -> Scope:
    return {"type": "http", "method": "GET", "path": "/api/media", "headers": [], IDENTITY: AT_HOME, **more}


async def nothing() -> Message:
    return await asyncio.Future()


async def sent_by(app: ASGIApp, asked: Scope, receive: Receive = nothing) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await app(asked, receive, send)
    return messages


async def test_a_stream_stays_a_stream(factory: Factory) -> None:
    """Each piece has left before the next one is made."""
    seen: list[int] = []
    left: list[bytes] = []

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in PIECES:
            seen.append(len(left))
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        if message.get("body"):
            left.append(message["body"])

    await factory(stream)(scope(), nothing, send)
    assert (left, seen) == (PIECES, [0, 1, 2])


@pytest.mark.parametrize("identity", [AT_HOME, None])
async def test_what_the_route_says_is_in_the_scope_comes_back(factory: Factory, identity: object) -> None:
    """The scope is passed on itself and not a copy: the log reads the route from it. Strangers are no error."""

    async def route(inner: Scope, _receive: Receive, send: Send) -> None:
        inner["route"] = "found"
        await send({"type": "http.response.start", "status": 204, "headers": [(b"x-own", b"kept")]})
        await send({"type": "http.response.body", "body": b""})

    asked = scope(**{IDENTITY: identity})
    start, *_ = await sent_by(factory(route), asked)
    assert asked["route"] == "found"
    assert start["status"] == 204
    assert (b"x-own", b"kept") in start["headers"]


async def test_a_body_arrives_whole(factory: Factory) -> None:
    """An upload reaches the route as it was sent."""
    pieces = iter(PIECES)
    taken: list[bytes] = []

    async def receive() -> Message:
        piece = next(pieces, b"")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def upload(_scope: Scope, receiving: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receiving()
            taken.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await sent_by(factory(upload), scope(method="POST"), receive)
    assert b"".join(taken) == b"".join(PIECES)


async def test_who_leaves_ends_what_works_for_them(factory: Factory) -> None:
    """Cancelling reaches the route, and nothing goes on behind it."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(_scope: Scope, _receive: Receive, _send: Send) -> None:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            ended.set()

    asking = asyncio.create_task(sent_by(factory(endless), scope()))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert ended.is_set()
