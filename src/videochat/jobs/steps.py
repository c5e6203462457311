"""What happens in each step of the pipeline, on the stages' services. No session is open while anything heavy runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import NotYetError, StorageFullError, VideoChatError
from videochat.jobs import control, queues, repository
from videochat.jobs.fetching import Fetching
from videochat.jobs.job import Job, Run
from videochat.jobs.parameters import Parameters
from videochat.jobs.task import Task
from videochat.media.media import CutOffError, Media, Window
from videochat.media.service import ARTEFACT as DECODING
from videochat.media.service import MediaService
from videochat.ops.actor import Actor
from videochat.ops.logging import bind_request
from videochat.ops.metrics import Metrics
from videochat.ops.resources import Resources
from videochat.ops.tasks import cancelled
from videochat.ops.tracing import Tracer
from videochat.passages.service import PassageService
from videochat.store import artefacts, events
from videochat.store.blob import Blobs
from videochat.store.feed import EventFeed
from videochat.store.session import Database
from videochat.transcripts.choose import Chosen, EngineChooser, threads_for
from videochat.transcripts.segment import NumberedSegment, Segment, Transcript
from videochat.transcripts.service import ARTEFACT as HEARD
from videochat.transcripts.service import TranscriptService, WindowTranscript, window_key

log = structlog.get_logger(__name__)

PROGRESS_SECONDS = 1.0
NOT_OURS = ("media_", "source_")  # codes of what lies with a file or a site: nobody who runs this can mend it
# Decoding is hundreds of times faster than listening: with more windows than this waiting it would only fill the disk.
MAX_WAITING_WINDOWS = 500


@dataclass(frozen=True, slots=True)
class RecordingSteps:
    """The pipeline's steps on the real stages. A job's transcript carries the job's id."""

    database: Database
    blobs: Blobs
    resources: Resources
    feed: EventFeed
    media: MediaService
    transcripts: TranscriptService
    passages: PassageService
    chooser: EngineChooser
    metrics: Metrics
    tracer: Tracer
    concurrency: int
    fetching: Fetching

    async def fetch(self, run: Run) -> None:
        await self._wait_for_room(run)
        async with self._step(run, "fetch") as job:
            found = None if (await self._medium(job)).is_here else await self._fetched(run, job)
            async with self.database.write() as session:
                held = await control.held(session, run)
                settled = held if found is None else await self.fetching.settle(session, held, found)
                await self._queue(session, settled, Task.of(run, "decode"))
            await self.fetching.require_kept(await self._medium(settled))

    async def _fetched(self, run: Run, job: Job) -> Media:
        counted = _Counted()

        async def tell() -> None:
            async with self.database.write() as session:
                await control.fetched(session, await control.held(session, run), counted.share)
            self._poke(run)

        async with _telling(tell):
            return await self.fetching.content(job, counted)

    async def begin(self, run: Run) -> None:
        await self._wait_for_twin(run)
        await self._wait_for_room(run, windows=True)
        async with self._step(run, "prepare") as job:
            chosen = await self._resolve(Parameters.of(job))
            media = await self._medium(job)
            async with self.database.write() as session:
                held = await control.held(session, run)
                await self.transcripts.open(
                    session, job.id, media_id=job.media_id,
                    engine=chosen.engine, model=chosen.model, language=chosen.language, basic=chosen.basic,
                )  # fmt: skip
                published = await self.transcripts.windows(session, job.id)
                await repository.forget_hearing(session, job.id, first=published)
                await control.change(session, held, audio_seconds=media.duration, rate=None, rated_at=None)
            first = window_key(self._plan(media, job), 0, chosen, chosen.options(Parameters.of(job).stt))
            if await self.transcripts.recognised(first) is None:
                self.transcripts.expect(chosen)  # it loads while the recording is being decoded

    async def cut(self, run: Run) -> AsyncGenerator[int, None]:
        async with self._beside(run) as job:
            media = await self._medium(job)
            first, later = Parameters.of(job).windows
            plan = self._plan(media, job)
            self._looked_up(DECODING, await self.media.audio(plan))
            cutting = self.media.cut(media, plan, first_seconds=first, window_seconds=later)
            with self._told(job, "decode"):
                try:
                    async with aclosing(cutting) as windows:
                        async for window in windows:
                            yield window.n
                            self.resources.space.check()
                except StorageFullError:  # what is stored stays, and cutting goes on behind it
                    await self._wait(run, "no_space")

    async def offer(self, run: Run, n: int) -> None:
        async with self.database.write() as session:
            job = await control.held(session, run)
            if n >= await self.transcripts.windows(session, job.id):  # else an earlier attempt has published it
                await self._queue(session, job, Task.of(run, "window", n))
                if job.step == "prepare":
                    await control.step(session, job, "waiting")  # until an engine has room
        self._poke(run)

    async def all_cut(self, run: Run, count: int) -> None:
        async with self._beside(run) as job:
            audio = await self.media.audio(self._plan(await self._medium(job), job))
            assert audio is not None, "the report comes with the last window"
            async with self.database.write() as session:
                held = await control.held(session, run)
                if await self.transcripts.windows(session, held.id) == count:
                    await self._queue(session, held, Task.of(run, "finish"))
                await control.change(session, held, windows=count, audio_seconds=audio.duration)

    async def transcribe(self, run: Run, n: int) -> None:
        await self._wait_for_room(run)
        async with self._step(run, "transcribe", n=n) as job:
            await self._start_the_clock(job)
            media = await self._medium(job)
            window = await self.media.window(self._plan(media, job), n)
            assert window is not None, "windows are stored before they are offered"
            chosen, key = await self._assignment(job, await self._transcript(job), window)
            async with self._telling_progress(run, window) as heard:
                known = await self.transcripts.recognised(key)
                self._looked_up(HEARD, known)
                if known is None:
                    await self._listen(job, media, window, chosen, key, heard)

    async def _start_the_clock(self, job: Job) -> None:
        """Measure the rate from the first window on: decoding and waiting for an engine say nothing about it."""
        if job.rated_at is None:
            async with self.database.write() as session:
                await repository.change(session, job.id, rated_at=datetime.now(UTC))

    async def _listen(
        self, job: Job, media: Media, window: Window, chosen: Chosen, key: str, heard: _Heard
    ) -> None:  # fmt: skip
        options = chosen.options(Parameters.of(job).stt)
        started = time.perf_counter()
        async with self.blobs.local(window.blob) as audio:
            await self.transcripts.recognise(
                audio, chosen, options, key=key, subject=media.sha256, on_segment=heard
            )  # fmt: skip
        self.metrics.windows.labels(chosen.engine).inc()
        self.metrics.audio_seconds.labels(chosen.engine).inc(window.end - window.start)
        self.metrics.window_seconds.labels(chosen.engine).observe(time.perf_counter() - started)

    async def publish(self, run: Run) -> None:
        async with self._beside(run) as job:
            media = await self._medium(job)
            while await self._publish_next(run, job, media):
                self._poke(run)

    async def _publish_next(self, run: Run, job: Job, media: Media) -> bool:
        """Publish the first window that is not; False when there is none or it is not transcribed yet."""
        transcript = await self._transcript(job)
        n = transcript.windows
        window = await self.media.window(self._plan(media, job), n)
        if window is None:
            return False
        _, key = await self._assignment(job, transcript, window)
        heard = await self.transcripts.recognised(key)
        if heard is None:
            return False
        async with self.database.write() as session:
            job = await control.held(session, run)
            if await self.transcripts.windows(session, job.id) == n:  # else another worker was faster
                await self._publish(session, job, window, heard)
        return True

    async def _publish(self, session: AsyncSession, job: Job, window: Window, heard: WindowTranscript) -> None:
        segments = [segment.shifted(window.start) for segment in heard.segments]
        numbers = await self.transcripts.append(
            session, job.id, window.n, segments, transcribed=window.end, language=heard.language
        )
        await self.passages.add(
            session, media_id=job.media_id, transcript_id=job.id, window=window.n,
            segments=[NumberedSegment.of(segment, k) for segment, k in zip(segments, numbers, strict=True)],
        )  # fmt: skip
        if window.n + 1 == job.windows:
            await self._queue(session, job, Task.of(job.run, "finish"))
        news = {"job_id": job.id, "media_id": job.media_id, "from": numbers.start, "to": numbers.stop}
        await events.append(session, control.stream_of(job.id), "segments", news, owner=job.owner)

    async def examine(self, run: Run) -> None:
        async with self._step(run, "finish") as job:
            media = await self._medium(job)
            await self.transcripts.examine(run.job_id, subject=media.sha256)
            audio = await self.media.audio(self._plan(media, job))
            if audio is not None and audio.missing:
                raise CutOffError(audio)

    async def complete(self, run: Run) -> None:
        async with self.database.write() as session:
            job = await control.held(session, run)
            await self.transcripts.complete(session, job.id)
            await self.media.ready(session, job.media_id)
            await self.passages.retire(session, job.media_id, keep=job.id)
            await repository.forget_hearing(session, job.id)
            await control.end(session, job, "completed")
        self._ended(run, "completed")

    async def fail(self, run: Run, code: str, message: str) -> None:
        """End the job with its reason; what was published stays."""
        async with self._beside(run):
            async with self.database.write() as session:
                job = await control.held(session, run)
                await self.transcripts.fail(session, job.id)
                await control.end(session, job, "failed", error={"code": code, "message": message})
            log.warning("job.failed", code=code, reason=message)
            self._ended(run, "rejected" if code.startswith(NOT_OURS) else "failed")

    async def _wait_for_twin(self, run: Run) -> None:
        """Let an earlier job that is at the same work finish first: its results are ours. Raises NotYetError."""
        async with self._beside(run) as job, self.database.read() as session:
            twin = await repository.twin(session, job) if job.work else None
        if twin is not None:
            await self._wait(run, "twin")

    async def _wait_for_room(self, run: Run, *, windows: bool = False) -> None:
        """Let the work wait while disk or memory run low, or too many windows wait already. Raises NotYetError."""
        if shortage := self.resources.shortage():
            await self._wait(run, f"no_{shortage}")
        if windows:
            async with self.database.read() as session:
                waiting = await queues.waiting(session, "transcribe")
            if waiting > MAX_WAITING_WINDOWS:
                raise NotYetError

    async def _wait(self, run: Run, step: str) -> None:
        async with self.database.write() as session:
            await control.step(session, await control.held(session, run), step)
        self._poke(run)
        raise NotYetError

    async def _queue(self, session: AsyncSession, job: Job, task: Task) -> None:
        await queues.offer(session, job, task, datetime.now(UTC))

    @asynccontextmanager
    async def _step(self, run: Run, name: str, **values: int) -> AsyncIterator[Job]:
        """Do the block as a step that people see, with its one canonical log line."""
        async with self.database.write() as session:
            job = await control.step(session, await control.held(session, run), name)
        self._poke(run)
        with self._told(job, name, **values):
            yield job

    @contextmanager
    def _told(self, job: Job, name: str, **values: int) -> Iterator[None]:
        """Say in one log line how the block came out."""
        bind_request(job.request_id, job=job.id, media=job.media_id, user=job.owner)
        started = time.perf_counter()
        outcome: dict[str, str] = {"outcome": "interrupted"}
        about: dict[str, str | int] = {"job": job.id, "media": job.media_id, "attempt": job.attempts, **values}
        try:
            with self.tracer.span(f"step {name}", job.request_id, about):
                yield
            outcome = {"outcome": "done"}
        except NotYetError:
            outcome = {"outcome": "waits"}
            raise
        except VideoChatError as error:
            outcome = {"outcome": "failed", "code": error.reason}
            raise
        finally:
            log.info("step", step=name, ms=round((time.perf_counter() - started) * 1000), **outcome, **values)

    @asynccontextmanager
    async def _beside(self, run: Run) -> AsyncIterator[Job]:
        """Do the block without changing the step that people see."""
        async with self.database.read() as session:
            job = await control.wanted(session, run)
        bind_request(job.request_id, job=job.id, media=job.media_id, user=job.owner)
        yield job

    async def _medium(self, job: Job) -> Media:
        return await self.media.get(Actor(job.owner), job.media_id)

    def _plan(self, media: Media, job: Job) -> str:
        return self.media.plan(media, *Parameters.of(job).windows)

    async def _resolve(self, parameters: Parameters) -> Chosen:
        threads = threads_for(parameters.stt, self.concurrency, self.resources.allowance.cores)
        return await self.chooser.resolve(parameters.stt, fetch=parameters.fetch, threads=threads)

    async def _transcript(self, job: Job) -> Transcript:
        transcript = await self.transcripts.get(job.id)
        assert transcript is not None, "begin comes before the windows"
        return transcript

    async def _assignment(self, job: Job, transcript: Transcript, window: Window) -> tuple[Chosen, str]:
        """Return the engine that began the transcript and the key of what it hears in the window."""
        parameters = Parameters.of(job)
        chosen = await self._resolve(parameters.with_engine(transcript.engine, transcript.model))
        return chosen, window_key(window.plan, window.n, chosen, chosen.options(parameters.stt))

    @asynccontextmanager
    async def _telling_progress(self, run: Run, window: Window) -> AsyncIterator[_Heard]:
        """Tell once a second how far the engine has come in the window, and at the end that all of it was heard."""
        heard = _Heard(window)
        async with _telling(partial(self._tell, run, heard)):
            yield heard
        heard.seconds = window.end - window.start
        await self._tell(run, heard)

    async def _tell(self, run: Run, heard: _Heard) -> None:
        async with self.database.write() as session:
            job = await control.held(session, run)
            await repository.hear(session, job.id, heard.window.n, heard.seconds)
            await control.progress(session, job)
        self._poke(run)

    def _looked_up(self, kind: artefacts.Kind, found: object | None) -> None:
        """Count whether the work was done before; looks that decide nothing would only blur it."""
        self.metrics.looked_up(kind, artefacts.LEVEL, found=found is not None)

    def _poke(self, run: Run) -> None:
        self.feed.poke(control.stream_of(run.job_id))

    def _ended(self, run: Run, status: str) -> None:
        self._poke(run)
        self.metrics.jobs_ended.labels(status).inc()


@asynccontextmanager
async def _telling(tell: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Tell once a second how far the block is."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            with suppress(VideoChatError):  # a database that is away: what comes later says as much
                await tell()

    teller = asyncio.create_task(repeat())
    try:
        yield
    finally:
        await cancelled(teller)


@dataclass(slots=True)
class _Counted:
    """Which share of a file has been fetched; 0 while nobody knows how large it is."""

    share: float = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        self.share = min(done / total, 1.0) if total else 0.0


@dataclass(slots=True)
class _Heard:
    """How far the engine has come in a window; called with each segment."""

    window: Window
    seconds: float = 0.0

    def __call__(self, segment: Segment) -> None:
        self.seconds = max(self.seconds, min(segment.end, self.window.end - self.window.start))
