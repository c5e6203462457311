"""What routes ask for: the App and who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from videochat.access.identity import Identity
from videochat.app import App
from videochat.errors import UnauthenticatedError
from videochat.ops.actor import Actor
from videochat.web.gate import IDENTITY


async def current_app(request: Request) -> App:
    app: App = request.app.state.app
    return app


async def current_identity(request: Request) -> Identity | None:
    """Return whom the gate let in; None for a stranger, whom only few routes get to see."""
    identity: Identity | None = request.scope[IDENTITY]
    return identity


async def known_identity(identity: Annotated[Identity | None, Depends(current_identity)]) -> Identity:
    if identity is None:
        raise UnauthenticatedError
    return identity


async def current_actor(identity: Annotated[Identity, Depends(known_identity)]) -> Actor:
    """Return who asks; without accounts that is whoever sits at this machine."""
    return identity.actor


TheApp = Annotated[App, Depends(current_app)]
TheIdentity = Annotated[Identity | None, Depends(current_identity)]
TheKnown = Annotated[Identity, Depends(known_identity)]
TheActor = Annotated[Actor, Depends(current_actor)]
