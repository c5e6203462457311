"""What people can name: settings, commands and routes, read off the code without the reference pages' generator."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import typer
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperCommand, TyperGroup

from videochat.cli.main import cli
from videochat.settings import Settings
from videochat.web import routes
from videochat.web.mcp.route import router as assistants


def _settings(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        full, kind = f"{prefix}{name.upper()}", field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{full}__")
        else:
            yield full, field


def _commands(command: TyperCommand | TyperGroup, name: str) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    yield name, command
    for below, subcommand in getattr(command, "commands", {}).items():
        yield from _commands(subcommand, f"{name} {below}")


def _routes() -> Iterator[APIRoute]:
    """Yield what the modules of routes declare, whether or not the API includes it; but not what they hide."""
    for module in pkgutil.iter_modules(routes.__path__, f"{routes.__name__}."):
        yield from (route for route in import_module(module.name).router.routes if route.include_in_schema)


SETTINGS = dict(_settings(Settings))
"""By their names in the environment, such as STT__ENGINE."""
COMMANDS = dict(_commands(typer.main.get_command(cli), "videochat"))
"""By their whole names, such as `videochat config show`."""
ROUTES = {f"{method} {route.path}": route for route in _routes() for method in route.methods}
"""By method and path, such as `GET /api/media`."""
PATHS = {route.path for route in (*ROUTES.values(), *assistants.routes)}
"""All that is served, also what speaks a protocol of its own, which OpenAPI cannot describe."""


def understood(words: list[str]) -> typer.Context:
    """Return the context of the command behind `videochat`, with the words that are left for it.

    KeyError: there is no such command, or no such option before it.
    """
    command, rest = typer.main.get_command(cli), list(words)
    context = typer.Context(command, info_name="videochat")
    while isinstance(command, TyperGroup) and rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            command = command.commands[word]
            context = typer.Context(command, info_name=word, parent=context)
        elif word not in options(context):
            raise KeyError(word)
    context.args = rest
    return context


def options(context: typer.Context) -> set[str]:
    """Return the options that the context's command knows."""
    return {option for parameter in context.command.get_params(context) for option in parameter.opts}
