"""The door for assistants: the Model Context Protocol at /mcp. It describes itself, so OpenAPI says nothing of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from videochat.web.mcp.door import Door, Speaker

router = APIRouter()


class Spoken(Response):
    """What the protocol's library answers."""

    def __init__(self, speaker: Speaker) -> None:
        super().__init__()
        self._speaker = speaker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._speaker(scope, receive, send)


@router.post("/mcp", include_in_schema=False)
async def speak(request: Request) -> Response:
    """Answer one message. There are no sessions and no streams without a request, so nothing else can be done here."""
    door: Door = request.app.state.mcp
    return Spoken(await door.speaker())
