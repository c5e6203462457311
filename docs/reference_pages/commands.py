"""docs/reference/commands.md: every command, from the command tree itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from reference_pages.markdown import code, prose, table
from videochat.cli.main import cli

Command = TyperCommand | TyperGroup
Parameter = TyperArgument | TyperOption

PROGRAM = "videochat"
HEAD = """# Commands

Every command knows `--help`. The options of `videochat` itself stand before the command: `videochat --debug serve`. An
error is one line on stderr and an exit status other than 0. What an option leaves unset comes from the
[settings](settings.md), where there is one. This page is generated: `make docs`.
"""


def page() -> str:
    return "\n".join([HEAD, *(_section(context) for context in contexts())])


def contexts() -> Iterator[typer.Context]:
    """Yield the context of every command, which knows its whole name; groups come before what they hold."""
    yield from _below(cast("Command", typer.main.get_command(cli)), PROGRAM, None)


def parameters(context: typer.Context) -> list[Parameter]:
    """Return the arguments and options that people are meant to use."""
    known = cast("list[Parameter]", context.command.params)
    return [parameter for parameter in known if not parameter.hidden]


def _below(command: Command, name: str, parent: typer.Context | None) -> Iterator[typer.Context]:
    if command.hidden:
        return
    context = typer.Context(command, info_name=name, parent=parent)
    yield context
    if isinstance(command, TyperGroup):
        for subname, subcommand in command.commands.items():
            yield from _below(cast("Command", subcommand), subname, context)


def _section(context: typer.Context) -> str:
    name, command = context.command_path, context.command
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## {name}", prose(command.help or ""), f"```text\n{usage}\n```"]
    if rows := [_row(parameter, context) for parameter in parameters(context)]:
        parts.append(table(("name", "default", "meaning"), rows))
    return "\n\n".join(parts) + "\n"


def _row(parameter: Parameter, context: typer.Context) -> tuple[str, ...]:
    name, *_ = parameter.get_help_record(context) or ("",)
    return code(name), _default(parameter), prose(parameter.help or "")


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter, TyperOption) and parameter.is_flag:
        return "off"
    return "unset" if parameter.default is None else code(parameter.default)
