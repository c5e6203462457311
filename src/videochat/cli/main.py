"""The command `videochat`: its commands, and how errors look in a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Annotated

import structlog
import typer

from videochat import __version__
from videochat.cli import access, ask, backup, config, demo, library, listing, mcp, operate, serve
from videochat.errors import VideoChatError

cli = typer.Typer(name="videochat", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

cli.command()(serve.serve)
cli.command()(serve.worker)
cli.command()(mcp.mcp)
cli.command()(library.transcribe)
cli.command()(ask.ask)
cli.command("list")(listing.list_recordings)
cli.command()(library.export)
cli.command()(demo.demo)
cli.command()(backup.backup)
cli.command()(backup.restore)
cli.command()(operate.doctor)
cli.command()(operate.migrate)
operate.config.command("check")(config.check)
operate.config.command("template")(config.template)
cli.add_typer(operate.config, name="config")
cli.add_typer(access.users, name="users")
cli.add_typer(access.keys, name="keys")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"videochat {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show log lines and tracebacks.")] = False,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Recordings become transcripts people trust and answers people can check."""
    sys.excepthook = sys.__excepthook__ if debug else _one_line
    structlog.contextvars.bind_contextvars(**({"debug": True} if debug else {}))


def main() -> None:
    sys.excepthook = _one_line
    # The click command, not the Typer object: Typer would put its own exception hook in place of ours.
    typer.main.get_command(cli).main(prog_name="videochat")


def _one_line(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Print what went wrong and what to do: a traceback helps only those who ask for it."""
    if isinstance(error, VideoChatError):
        typer.echo(f"videochat: {error.message} [{error.reason}]", err=True)
    elif isinstance(error, KeyboardInterrupt):
        typer.echo("videochat: stopped", err=True)
    else:
        typer.echo(
            f"videochat: unexpected error: {error or kind.__name__} – `videochat --debug …` shows where", err=True
        )
