"""The composition root: settings and plugins become one App. Nothing else builds services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from urllib.parse import urlsplit

from videochat.access.audit import Audit
from videochat.access.identity import Identities
from videochat.access.provider import IdentityProvider, load_identity_provider
from videochat.access.quotas import Quotas
from videochat.access.service import AccessService
from videochat.answers.provider import load_provider
from videochat.answers.service import AnswerService
from videochat.jobs.chores import Chores, housekeeping
from videochat.jobs.embedding import Embedding
from videochat.jobs.engine import Engine
from videochat.jobs.expiry import Expiry
from videochat.jobs.fetching import Fetching
from videochat.jobs.pipeline import PIPELINE
from videochat.jobs.service import JobService
from videochat.jobs.steps import RecordingSteps
from videochat.jobs.takeout import Takeout
from videochat.jobs.task import Queue
from videochat.jobs.worker import Worker
from videochat.media.fetch import load_sources
from videochat.media.media import Limits
from videochat.media.service import MediaService
from videochat.media.sharing import Sharing
from videochat.ops import logging
from videochat.ops.allowance import Allowance
from videochat.ops.gpu import gpu_is_usable
from videochat.ops.live import LiveSettings
from videochat.ops.logfile import Bounds
from videochat.ops.metrics import Metrics
from videochat.ops.notifier import load_destinations
from videochat.ops.resources import Resources, Space, suitable_concurrency
from videochat.ops.sealing import Sealer
from videochat.ops.telemetry import Telemetry
from videochat.ops.tracing import Tracer, load_tracer
from videochat.passages.embedder import load_embedder
from videochat.passages.meaning import Meaning
from videochat.passages.service import PassageService
from videochat.plugins import chosen
from videochat.settings import Settings
from videochat.store.alarms import Alarms
from videochat.store.blob import Blobs
from videochat.store.cache.cache import Cache
from videochat.store.cache.level import Level
from videochat.store.cache.memory import MemoryLevel
from videochat.store.events import TASKS
from videochat.store.feed import EventFeed
from videochat.store.keeper import Read, SettingsKeeper
from videochat.store.messenger import Messenger
from videochat.store.migrate import migrate
from videochat.store.reporter import Reporter
from videochat.store.session import Database, open_database
from videochat.store.work import Workplace
from videochat.transcripts.choose import EngineChooser
from videochat.transcripts.exporters import Exporters, load_exporters
from videochat.transcripts.fetches import FailedFetches
from videochat.transcripts.host import EngineHost, fetch_in_child
from videochat.transcripts.service import TranscriptService


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the doors need, built once for a process."""

    live: LiveSettings
    keeper: SettingsKeeper
    database: Database
    blobs: Blobs
    space: Space
    feed: EventFeed
    cache: Cache
    metrics: Metrics
    tracer: Tracer
    reporter: Reporter
    alarms: Alarms
    access: AccessService
    identity_provider: IdentityProvider | None
    errands: Sealer
    identities: Identities
    sharing: Sharing
    quotas: Quotas
    audit: Audit
    messenger: Messenger
    media: MediaService
    transcripts: TranscriptService
    exporters: Exporters
    passages: PassageService
    answers: AnswerService
    jobs: JobService
    chooser: EngineChooser
    host: EngineHost

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.live.current

    def takeout(self) -> Takeout:
        """Build what gives people all that is theirs."""
        return Takeout(self.access, self.quotas, self.media, self.transcripts, self.answers, self.blobs)

    def worker(self) -> Worker:
        """Build this process's worker; there can be one at a time."""
        jobs = self.settings.jobs
        resources = Resources(self.space, jobs.memory_reserve_bytes)
        steps = RecordingSteps(
            self.database, self.blobs, resources, self.feed, self.media, self.transcripts, self.passages, self.chooser,
            self.metrics, self.tracer, self.host.limit, self._fetching(),
        )  # fmt: skip
        room: dict[Queue, int] = {
            "fetch": self.settings.download.max_concurrent_downloads,
            "decode": jobs.decode_concurrency,
            "transcribe": self.host.limit,
        }
        engine = Engine(
            self.database, lambda task, leave: PIPELINE[task.kind](steps, task, leave), steps.fail,
            {queue: room[queue] for queue in jobs.queues}, partial(self.feed.news, TASKS),
            poll_seconds=jobs.poll_seconds, limit_seconds=jobs.step_seconds,
        )  # fmt: skip
        bounds = Bounds.of(self.settings)
        due = housekeeping(
            self.database, self.media, self.jobs, self.audit, self.expiry(), self.settings.retention, bounds
        )  # fmt: skip
        chores = Chores(self.database, due)
        return Worker(self.database, engine, chores, jobs, self._embedding())

    def expiry(self) -> Expiry:
        """Build what removes that which nothing refers to any more."""
        return Expiry(self.database, self.blobs, self.media, self.transcripts, self.chooser, self.metrics)

    def _embedding(self) -> Embedding | None:
        """Build what gives passages their vectors, where they are to have any."""
        if (meaning := self.passages.meaning) is None:
            return None
        module = import_module("videochat.passages.backfill")
        return Embedding(self.database, module.Backfill(self.database, lambda: meaning.embedder, self.metrics))

    def _fetching(self) -> Fetching:
        sources = load_sources(lambda: self.settings.download)
        return Fetching(self.database, self.blobs, self.media, sources, self.quotas, _workplace(self.settings))


@dataclass(frozen=True, slots=True)
class Store:
    """What is remembered, without the services that work on it."""

    database: Database
    blobs: Blobs
    workplace: Workplace


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open a migrated database and the blobs."""
    await migrate(settings.database_url)
    database = open_database(settings.database_url, pool_size=settings.database.pool_size)
    try:
        workplace = _workplace(settings)
        yield Store(database, open_blobs(settings.storage_url, workplace), workplace)
    finally:
        await database.close()


@asynccontextmanager
async def open_app(settings: Settings, read: Read | None = None) -> AsyncIterator[App]:
    """Build the App on a migrated database and let go of everything at the end.

    `read` reads the settings anew when their sources change; without it they stay as they are.
    """
    await migrate(settings.database_url)
    async with AsyncExitStack() as stack:
        database = open_database(settings.database_url, pool_size=settings.database.pool_size)
        stack.push_async_callback(database.close)
        app = _build(settings, database, read or (lambda: settings))
        for part in (
            app.tracer, app.messenger, app.feed, app.cache, app.identities, app.media, app.host, app.passages,
            app.answers, app.keeper, app.reporter,
        ):  # fmt: skip
            stack.push_async_callback(part.close)
        yield app


def _build(settings: Settings, database: Database, read: Read) -> App:
    live = LiveSettings(settings)
    metrics, tracer = Metrics(), load_tracer(settings.traces)
    messenger = Messenger(database, load_destinations(settings.alerts.notify_urls), live, metrics)
    alarms = Alarms(database, live, messenger)
    feed = EventFeed(database)
    workplace = _workplace(settings)
    space = workplace.space
    blobs = open_blobs(settings.storage_url, workplace)
    passages = PassageService(database, _meaning(settings, database, metrics))
    children = logging.for_children(settings)
    identities = Identities(database, feed, settings.auth.session_days)
    quotas = Quotas(database, lambda: None if live.current.auth.mode == "none" else live.current.limits)
    host = EngineHost(
        _concurrency(settings), settings.stt.idle_seconds, children,
        lambda spec, seconds: metrics.engine_load_seconds.labels(spec.engine).observe(seconds),
    )  # fmt: skip
    provider = load_provider(settings.provider, settings.ai)
    app = App(
        live=live,
        keeper=SettingsKeeper(live, read, database, feed, metrics),
        database=database,
        blobs=blobs,
        feed=feed,
        cache=open_cache(settings, database, metrics),
        metrics=metrics,
        tracer=tracer,
        alarms=alarms,
        messenger=messenger,
        reporter=Reporter(database, metrics, space, alarms),
        space=space,
        access=AccessService(database, identities, settings.auth),
        identity_provider=load_identity_provider(settings),
        errands=Sealer(settings.secret_key, "errands"),
        identities=identities,
        sharing=Sharing(database, identities.forget),
        quotas=quotas,
        audit=Audit(database),
        media=MediaService(database, blobs, Limits.of(settings), workplace.parent, space, quotas),
        transcripts=TranscriptService(database, host),
        exporters=load_exporters(),
        passages=passages,
        answers=AnswerService(database, passages, provider, feed, settings.ai, Telemetry(metrics, tracer), quotas),
        jobs=JobService(database, feed, quotas, metrics),
        chooser=_chooser(settings, children),
        host=host,
    )
    live.watch(partial(_take_up, app))
    _watch_uses(app)
    return app


def _concurrency(settings: Settings) -> int:
    gpu = settings.stt.device != "cpu" and gpu_is_usable()
    return settings.jobs.concurrency or suitable_concurrency(Allowance(), settings.jobs.memory_reserve_bytes, gpu=gpu)


def _chooser(settings: Settings, children: dict[str, str]) -> EngineChooser:
    fetch = partial(fetch_in_child, environment=children)
    return EngineChooser(fetch=fetch, failed=FailedFetches(settings.data_dir / "failed-fetches.json"))


def _watch_uses(app: App) -> None:
    """Let the metrics ask for what is in use when they are looked at."""
    metrics, connections = app.metrics, app.database.connections
    metrics.engines.set_function(lambda: len(app.host.pids))
    metrics.database_connections.labels("used").set_function(lambda: connections().used)
    metrics.database_connections.labels("idle").set_function(lambda: connections().idle)
    metrics.database_limit.set_function(lambda: connections().limit)
    app.database.waited = lambda use, seconds: metrics.database_wait.labels(use).observe(seconds)


def _workplace(settings: Settings) -> Workplace:
    return Workplace(settings.data_dir / "uploads", Space(settings.data_dir, settings.storage.reserve_bytes))


def _take_up(app: App, before: Settings, now: Settings) -> None:
    """Let the services have the settings that changed while they run; the others ask for them each time."""
    if now.ai != before.ai:  # first, because it may be refused
        provider = load_provider(now.provider, now.ai)
        if app.passages.meaning is not None and now.embedder is not None:
            app.passages.meaning.use(load_embedder(now.embedder, now.ai))
        app.answers.use(provider, now.ai)
    app.media.limit(Limits.of(now))
    logging.take_up(now)


def open_cache(settings: Settings, database: Database, metrics: Metrics) -> Cache:
    """Return the cache with its levels. Raises ConfigurationError."""
    wanted = settings.cache
    memory = MemoryLevel(wanted.max_bytes, wanted.max_entries, metrics)
    url = wanted.url.get_secret_value() if wanted.url is not None else "memory"
    shared = None if url.partition(":")[0] == "memory" else _open_redis(url, metrics, wanted.ttl_seconds)
    return Cache(database, memory, shared, metrics, wanted.ttl_seconds)


def _open_redis(url: str, metrics: Metrics, longest: float) -> Level:
    # Its library takes a third of a second to load, which who has no Redis need not wait for.
    level: Level = import_module("videochat.store.cache.redis").RedisLevel(url, metrics, longest)
    return level


def _meaning(settings: Settings, database: Database, metrics: Metrics) -> Meaning | None:
    if settings.embedder is None:
        return None
    embedder = load_embedder(settings.embedder, settings.ai)
    # What counts with vectors takes a while to load, which who searches by words alone need not wait for.
    module = import_module("videochat.passages.nearest")
    meaning: Meaning = module.Nearest(database, embedder, metrics, settings.ai.embedding_max_bytes)
    return meaning


def open_blobs(url: str, workplace: Workplace) -> Blobs:
    """Return the blob store at the URL, whose scheme names the adapter. Raises ConfigurationError."""
    plugin = chosen("videochat.blobs", urlsplit(url).scheme, "STORAGE__URL")
    adapter = plugin.load()
    with plugin.blamed(secret=True):
        blobs: Blobs = adapter.from_url(url, workplace)
    return blobs
