"""What the commands share: settings, an App with a worker, progress bars, plain output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import structlog
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from videochat.app import App, open_app
from videochat.errors import VideoChatError
from videochat.jobs.job import Job
from videochat.jobs.roster import alive_workers
from videochat.ops.actor import LOCAL
from videochat.ops.logging import bind_request, configure_logging
from videochat.settings import Settings, load_settings

Result = TypeVar("Result")

STEPS = {
    "queued": "waiting",
    "fetch": "fetching",
    "prepare": "preparing",
    "waiting": "waiting for a free engine",
    "twin": "waiting for the same work",
    "no_space": "waiting for space on the disk",
    "no_memory": "waiting for memory",
    "transcribe": "transcribing",
    "finish": "finishing",
    "done": "done",
}


KEPT = "stopped; the parts that are finished are kept, and the same command goes on from there."
GOES_ON = "stopped waiting; a running worker goes on with what was asked, and the same command shows the result."


class JobFailedError(VideoChatError):
    """The job failed."""

    code = "job_failed"


def quiet_settings(**overrides: Any) -> Settings:
    """Load the settings for a command that people watch: only errors are logged, unless --debug asks for all."""
    debug = "debug" in structlog.contextvars.get_contextvars()
    settings = load_settings(**overrides, log={"level": "DEBUG" if debug else "ERROR"})
    configure_logging(settings)
    return settings


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's coroutine to its end on the main thread."""
    bind_request(None)
    return asyncio.run(work)


@asynccontextmanager
async def working_app(settings: Settings) -> AsyncIterator[App]:
    """Open an App whose jobs get done: by the workers that live, else by one in this process.

    Who presses Ctrl-C is told what becomes of them.
    """
    async with open_app(settings) as app:
        if await alive_workers(app.database, settings.jobs):
            with _told_when_stopped(GOES_ON):
                yield app
            return
        worker = app.worker()
        await worker.start()
        try:
            with _told_when_stopped(KEPT):
                yield app
        finally:
            await worker.stop()


@contextmanager
def _told_when_stopped(message: str) -> Iterator[None]:
    try:
        yield
    except asyncio.CancelledError:  # asyncio.run makes this of Ctrl-C, and the command line the exit status 130
        typer.echo(f"videochat: {message}", err=True)
        raise


def progress_bars() -> Progress:
    """Return bars on stderr, so that stdout stays the result; they draw on a terminal only."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


async def follow_job(app: App, job: Job, bars: Progress, bar: TaskID, name: str) -> Job:
    """Show the job's progress until it has ended and return it. Raises JobFailedError with its reason."""
    async for event in app.feed.follow(0, f"job:{job.id}"):
        if event is None or event.type != "job":
            continue
        step = STEPS.get(event.data["step"], event.data["step"])
        bars.update(bar, completed=event.data["progress"], description=f"{name}: {step}")
        current = await app.jobs.get(LOCAL, job.id)
        if current.status in {"failed", "cancelled", "paused"}:
            error = current.error or {"message": f"The job was {current.status}.", "code": current.status}
            raise JobFailedError(f"{name}: {error['message']}", code=error["code"])
        if current.status == "completed":
            return current
    raise AssertionError("an event feed never ends by itself")
