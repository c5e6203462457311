"""The way to the protocol's library, which is an extra: loaded when somebody comes first, ended with the service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from videochat.access.identity import AT_HOME, Identity
from videochat.app import App
from videochat.errors import NotInstalledError
from videochat.web.gate import IDENTITY, admit
from videochat.web.limits import Rates
from videochat.web.rules import Rule

ADAPTER = "videochat.web.mcp.protocol"
LIBRARY = frozenset({"mcp", "mcp_types"})


@dataclass(frozen=True, slots=True)
class Entrance:
    """Says who calls tools, and what they may. Without rates it is whoever sits at this machine, who may do everything."""

    app: App
    rates: Rates | None

    def identity(self, request: Any) -> Identity:
        """Return whom the gate let in with this HTTP request."""
        if self.rates is None:
            return AT_HOME
        identity: Identity = request.scope[IDENTITY]
        return identity

    async def admit(self, rule: Rule, identity: Identity) -> None:
        """Raise what keeps somebody from a tool with this rule: TooManyError, DeniedError."""
        if self.rates is not None:
            await admit(self.app, self.rates, rule, identity)


class Speaker(Protocol):
    """Speaks the protocol over HTTP, as an ASGI application that is opened and closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...


def adapter() -> Any:
    """Import what speaks the protocol, which takes the better part of a second. Raises NotInstalledError."""
    try:
        return import_module(ADAPTER)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in LIBRARY:
            raise
        raise NotInstalledError(
            "The Model Context Protocol needs more packages: pip install 'videochat[mcp]'."
        ) from error


class Door:
    """The door at /mcp of one web process."""

    def __init__(self, app: App, rates: Rates) -> None:
        self._entrance = Entrance(app, rates)
        self._opening = asyncio.Lock()
        self._speaker: Speaker | None = None

    async def speaker(self) -> Speaker:
        """Return what answers requests. Raises NotInstalledError."""
        async with self._opening:
            if self._speaker is None:
                module = await asyncio.to_thread(adapter)  # others are served meanwhile
                speaker: Speaker = module.HttpSpeaker(self._entrance)
                await speaker.open()
                self._speaker = speaker
            return self._speaker

    async def close(self) -> None:
        """End what is still being worked on."""
        if self._speaker is not None:
            await self._speaker.close()
