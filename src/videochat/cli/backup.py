"""`videochat backup` and `videochat restore`: everything in one file, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from videochat.app import open_store
from videochat.cli.terminal import progress_bars, quiet_settings, run
from videochat.media.upload import readable
from videochat.settings import Settings
from videochat.store.backup import BackedUp, Told, back_up
from videochat.store.restore import Restored
from videochat.store.restore import restore as restore_store


def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]) -> None:
    """Write all recordings, transcripts, answers, jobs and settings into one file; the service may run meanwhile."""
    done = run(_backup(quiet_settings(), file))
    typer.echo(f"Backed up {_recordings(done.rows['media'])} in {readable(file.stat().st_size)} to {file}.")
    for key in done.lost:
        typer.echo(f"videochat: {key} is not in the blob store; the backup holds only what was made of it.", err=True)


def restore(file: Annotated[Path, typer.Argument(help="A backup.")]) -> None:
    """Restore a backup into an empty database and its blob store, of the same kind or another."""
    done = run(_restore(quiet_settings(), file))
    typer.echo(f"Restored {_recordings(done.media)}, as of {done.start.created_at}.")


async def _backup(settings: Settings, file: Path) -> BackedUp:
    async with open_store(settings) as store:
        with _bars() as told:
            return await back_up(store.database, store.blobs, file, told)


async def _restore(settings: Settings, file: Path) -> Restored:
    async with open_store(settings) as store:
        with _bars() as told:
            return await restore_store(store.database, store.blobs, store.workplace, file, told)


@contextmanager
def _bars() -> Iterator[Told]:
    """Give what shows a bar for each thing that is done."""
    known: dict[str, TaskID] = {}
    with progress_bars() as bars:

        def told(doing: str, share: float) -> None:
            if doing not in known:
                known[doing] = bars.add_task(doing, total=1.0)
            bars.update(known[doing], completed=share)

        yield told


def _recordings(count: int) -> str:
    return "1 recording" if count == 1 else f"{count} recordings"
