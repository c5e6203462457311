"""The composition root: settings and plugins become one App. Nothing else builds services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from urllib.parse import urlsplit

from videochat.answers.provider import load_provider
from videochat.answers.service import AnswerService
from videochat.errors import ConfigurationError
from videochat.jobs.engine import DbosQueue, DbosWorker, engine_url, migrate_engine
from videochat.jobs.service import JobService
from videochat.jobs.steps import RecordingSteps
from videochat.jobs.worker import Worker
from videochat.media.media import Limits
from videochat.media.service import MediaService
from videochat.ops.metrics import Metrics
from videochat.passages.service import PassageService
from videochat.settings import Settings
from videochat.store.blob import Blobs
from videochat.store.events import EventFeed
from videochat.store.migrate import migrate
from videochat.store.session import Database, open_database
from videochat.transcripts.choose import EngineChooser
from videochat.transcripts.host import EngineHost
from videochat.transcripts.service import TranscriptService


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the doors need, built once for a process."""

    settings: Settings
    database: Database
    blobs: Blobs
    feed: EventFeed
    metrics: Metrics
    media: MediaService
    transcripts: TranscriptService
    passages: PassageService
    answers: AnswerService
    jobs: JobService
    chooser: EngineChooser
    queue: DbosQueue
    host: EngineHost

    def worker(self) -> Worker:
        """Build this process's worker; there can be one at a time."""
        steps = RecordingSteps(
            self.database, self.blobs, self.feed, self.media, self.transcripts, self.passages, self.chooser, self.metrics,
            self.settings.jobs.concurrency,
        )  # fmt: skip
        engine = DbosWorker(engine_url(self.settings), steps, self.settings.jobs)
        return Worker(self.database, engine, self.queue, self.settings.jobs)


async def migrate_all(settings: Settings) -> None:
    """Bring our tables and the job engine's to their newest form."""
    await migrate(settings.database_url)
    await migrate_engine(engine_url(settings))


@asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[App]:
    """Build the App on a migrated database and let go of everything at the end."""
    await migrate_all(settings)
    async with AsyncExitStack() as stack:
        database = open_database(settings.database_url, pool_size=settings.database.pool_size)
        stack.push_async_callback(database.close)
        app = _build(settings, database)
        for part in (app.queue, app.feed, app.host, app.answers):
            stack.push_async_callback(part.close)
        yield app


def _build(settings: Settings, database: Database) -> App:
    blobs = open_blobs(settings.storage_url)
    feed = EventFeed(database)
    passages = PassageService(database)
    children = {"LOG__LEVEL": settings.log.level, "LOG__FORMAT": settings.log.format}
    host = EngineHost(settings.jobs.concurrency, settings.stt.idle_seconds, children)
    queue = DbosQueue(engine_url(settings))
    return App(
        settings=settings,
        database=database,
        blobs=blobs,
        feed=feed,
        metrics=Metrics(),
        media=MediaService(database, blobs, Limits.of(settings), settings.data_dir / "uploads"),
        transcripts=TranscriptService(database, host),
        passages=passages,
        answers=AnswerService(database, passages, load_provider(settings.provider, settings.ai), feed, settings.ai),
        jobs=JobService(database, queue, feed),
        chooser=EngineChooser(),
        queue=queue,
        host=host,
    )


def open_blobs(url: str) -> Blobs:
    """Return the blob store at the URL, whose scheme names the adapter. Raises ConfigurationError."""
    scheme = urlsplit(url).scheme
    known = entry_points(group="videochat.blobs")
    if scheme not in known.names:
        raise ConfigurationError(
            f"STORAGE__URL: there is no {scheme!r} store; known are {', '.join(sorted(known.names))}."
        )
    blobs: Blobs = known[scheme].load().from_url(url)
    return blobs
