"""Middleware of plugins: ASGI within the gate, around everything else, in the order of SERVER__MIDDLEWARE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from videochat.errors import ConfigurationError
from videochat.plugins import Plugin, chosen
from videochat.sections import ServerSettings

GROUP = "videochat.middleware"
SETTING = "SERVER__MIDDLEWARE"


class Factory(Protocol):
    """Makes an ASGI application around another one; most are its class. Who asks stands in the scope under `gate.IDENTITY`."""

    def __call__(self, app: ASGIApp, /, **options: Any) -> ASGIApp: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """A plugin that the settings name, imported, with the options for it."""

    plugin: Plugin
    factory: Factory
    options: Mapping[str, Any]


class Layer:
    """One middleware. It sees requests only: starting and stopping the service does not depend on it."""

    def __init__(self, app: ASGIApp, choice: Choice) -> None:
        self._app = app
        with choice.plugin.blamed():
            self._inner = choice.factory(app, **choice.options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._inner if scope["type"] == "http" else self._app)(scope, receive, send)


def load_middleware(server: ServerSettings) -> list[Choice]:
    """Return what the settings choose, the outermost first. Raises ConfigurationError."""
    if unused := sorted(server.middleware_options.keys() - set(server.middleware)):
        raise ConfigurationError(f"SERVER__MIDDLEWARE_OPTIONS: {', '.join(unused)} is not in {SETTING}.")
    plugins = [chosen(GROUP, name, SETTING) for name in server.middleware]
    return [Choice(plugin, plugin.load(), server.middleware_options.get(plugin.name, {})) for plugin in plugins]
