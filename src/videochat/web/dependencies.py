"""What routes ask for: the App and who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from videochat.app import App
from videochat.ops.actor import LOCAL, Actor


async def current_app(request: Request) -> App:
    app: App = request.app.state.app
    return app


async def current_actor() -> Actor:
    """Return who asks; without accounts that is whoever sits at this machine."""
    return LOCAL


TheApp = Annotated[App, Depends(current_app)]
TheActor = Annotated[Actor, Depends(current_actor)]
