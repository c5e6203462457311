"""Answers that are kept (`store/cache`) and that clients need not be sent again (RFC 9110, section 13).

A route that costs something is written as a function that makes its body, with `cached` in front: the cache's name for the body
is the ETag, so a client that has it costs one look at the stamps. All other JSON gets the hash of its body (`Validators`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Concatenate, ParamSpec

from fastapi import Depends, Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videochat.app import App
from videochat.ops.actor import Actor
from videochat.store.cache.cache import Name
from videochat.store.cache.stamps import Tag
from videochat.web.bodies import Body
from videochat.web.dependencies import TheActor, TheApp

# Browsers keep it and ask each time whether it still holds; nobody in between keeps what belongs to one person.
CACHE_CONTROL = "private, no-cache"
NOT_KEPT = "private, no-store"
JSON = "application/json"

Input = str | int | float | bool | None
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Basis:
    """What a body depends on beside who asks: tags that change, and inputs."""

    tags: Sequence[Tag]
    inputs: Sequence[Input | Sequence[Input]]


class FleetingError(Exception):
    """The body is right, yet the next one may be better: it is sent and not kept."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks what, and what they have already."""

    app: App
    actor: Actor
    headers: Headers


async def asked(request: Request, app: TheApp, actor: TheActor) -> Asked:
    return Asked(app, actor, request.headers)


TheAsked = Annotated[Asked, Depends(asked)]
Make = Callable[Concatenate[App, Actor, P], Awaitable[bytes]]
Respond = Callable[Concatenate[Asked, P], Awaitable[Response]]


def cached(name: str, basis: Callable[Concatenate[Actor, P], Basis]) -> Callable[[Make[P]], Respond[P]]:
    """Turn a function that makes the body for an actor into one that answers the request with it, or with a 304.

    `basis` says of the same arguments what the body depends on. Whether the actor may see it must be checked before.
    """

    def decorate(make: Make[P]) -> Respond[P]:
        async def respond(asked: Asked, /, *args: P.args, **kwargs: P.kwargs) -> Response:
            on = basis(asked.actor, *args, **kwargs)
            known = await asked.app.cache.name(name, asked.actor.id, on.tags, *on.inputs)
            if matches(asked.headers, known.etag):
                return Response(status_code=304, headers=validators(known))
            try:
                body = await asked.app.cache.get(known, lambda: make(asked.app, asked.actor, *args, **kwargs))
            except FleetingError as fleeting:
                return Response(fleeting.body, media_type=JSON, headers={"Cache-Control": NOT_KEPT})
            return Response(body, media_type=JSON, headers=validators(known))

        return respond

    return decorate


def validators(name: Name) -> dict[str, str]:
    """Return the headers of what has this name."""
    return {"ETag": name.etag, "Cache-Control": CACHE_CONTROL}


def as_json(body: Body) -> bytes:
    """Return the body as FastAPI would send it, without what was not said."""
    return body.model_dump_json(exclude_unset=True).encode()


def matches(headers: Headers, etag: str) -> bool:
    """Say whether the client has this already; weak comparison, which is what If-None-Match asks for."""
    asked = ",".join(headers.getlist("if-none-match"))
    return asked.strip() == "*" or _opaque(etag) in {_opaque(one) for one in asked.split(",")}


def _opaque(etag: str) -> str:
    return etag.strip().removeprefix("W/")


class Validators:
    """Gives JSON that a GET returns in one piece the hash of its bytes as ETag, and leaves it out where the client has it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def send_validated(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _may_be_validated(message):
                held = message
                return
            if held is not None:
                start, held = held, None
                if not message.get("more_body", False):
                    start, message = _validated(Headers(scope=scope), start, message)
                await send(start)
            await send(message)

        await self._app(scope, receive, send_validated)


def _may_be_validated(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return start["status"] == 200 and headers.get("content-type") == JSON and "etag" not in headers


def _validated(asked: Headers, start: Message, body: Message) -> tuple[Message, Message]:
    etag = f'"{hashlib.sha256(body.get("body", b"")).hexdigest()[:40]}"'
    headers = MutableHeaders(scope=start)
    headers["ETag"] = etag
    headers.setdefault("Cache-Control", CACHE_CONTROL)
    if not matches(asked, etag):
        return start, body
    del headers["content-length"], headers["content-type"]
    return {**start, "status": 304}, {**body, "body": b""}
