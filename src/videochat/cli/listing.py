"""`videochat list`: what is in the library."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from videochat.app import App, open_app
from videochat.cli.terminal import quiet_settings, run
from videochat.jobs.job import Job
from videochat.media.media import Media
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.transcripts.formats import timestamp
from videochat.web.routes.media import media_json

PAGE = 200
UNKNOWN = "–"
WIDE = 100  # characters of a terminal; in fewer the names need the space

Entry = tuple[Media, Job | None]


def list_recordings(
    query: Annotated[str | None, typer.Argument(help="Only recordings whose name contains this.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a recording, as the API does.")
    ] = False,
) -> None:
    """List the recordings in the library, newest first; through a pipe one a line, with tabs between the columns."""
    run(_list(quiet_settings(), query, as_json=as_json))


async def _list(settings: Settings, query: str | None, *, as_json: bool) -> None:
    found = False
    async with open_app(settings) as app:
        async for page in pages(app, query):
            if as_json:
                for media, job in page:
                    typer.echo(json.dumps(media_json(media, job, LOCAL), ensure_ascii=False))
            elif sys.stdout.isatty():
                _print_table(page, with_head=not found)
            else:
                for media, job in page:
                    typer.echo("\t".join(_row(media, job)))
            found = True
    if not found:
        typer.echo(_nothing(query), err=True)


async def pages(app: App, query: str | None = None) -> AsyncIterator[Sequence[Entry]]:
    """Yield the library, newest first, a page at a time: memory stays flat however large it is. No page is empty."""
    wanted, cursor, more = (query or "").casefold(), None, True
    while more:
        page = await app.jobs.library(LOCAL, cursor, PAGE)
        # Here and not in the database: SQLite knows the case of ASCII letters only.
        if entries := [entry for entry in page.items if wanted in entry[0].name.casefold()]:
            yield entries
        cursor, more = page.next, page.next is not None


def status_of(media: Media, job: Job | None) -> str:
    """Return in a word what became of a recording; an attempt that came to nothing leaves a whole transcript as it is."""
    if job is None or (job.status in {"failed", "cancelled"} and media.status == "ready"):
        return media.status
    return "ready" if job.status == "completed" else job.status


def duration_of(media: Media) -> str:
    return UNKNOWN if media.duration is None else timestamp(media.duration)


def _row(media: Media, job: Job | None) -> tuple[str, ...]:
    return (
        media.id,
        media.name,
        duration_of(media),
        status_of(media, job),
        media.created_at.isoformat(timespec="seconds"),
    )


def _print_table(entries: Sequence[Entry], *, with_head: bool) -> None:
    """Print a part of the table. The widths do not depend on what stands in it, so that the parts fit together."""
    console = Console()
    day = "%Y-%m-%d" if console.width < WIDE else "%Y-%m-%d %H:%M"
    table = Table(box=None, expand=True, show_header=with_head, pad_edge=False, header_style="bold")
    table.add_column("id", width=len(entries[0][0].id), no_wrap=True)
    table.add_column("name", ratio=1, overflow="fold")
    table.add_column("duration", width=8, justify="right")
    table.add_column("status", width=11)
    table.add_column("added", width=len(f"{datetime.now(UTC):{day}}"))
    for media, job in entries:
        done = f" {job.progress:.0%}" if job is not None and job.status in {"running", "paused"} else ""
        # What stands in a name is not markup.
        name, added = Text(media.name), f"{media.created_at.astimezone():{day}}"
        table.add_row(media.id, name, duration_of(media), status_of(media, job) + done, added)
    console.print(table)


def _nothing(query: str | None) -> str:
    if query:
        return f"There is no recording whose name contains {query!r}; `videochat list` shows all."
    return "There are no recordings yet: `videochat transcribe FILE` adds one."
