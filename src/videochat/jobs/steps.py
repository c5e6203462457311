"""What each step of the pipeline does to a real recording. Every step may be repeated and then changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from videochat.jobs import control
from videochat.jobs.job import Job, Run
from videochat.jobs.parameters import Parameters
from videochat.media.media import Media, Window
from videochat.media.service import MediaService
from videochat.ops.actor import Actor
from videochat.ops.logging import bind_request
from videochat.ops.metrics import Metrics
from videochat.passages.service import PassageService
from videochat.store import events
from videochat.store.blob import Blobs
from videochat.store.events import EventFeed
from videochat.store.session import Database
from videochat.transcripts.choose import Chosen, EngineChooser, threads_for
from videochat.transcripts.segment import NumberedSegment, Segment
from videochat.transcripts.service import TranscriptService, window_key

log = structlog.get_logger(__name__)

WINDOW_POLL_SECONDS = 0.05
PROGRESS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RecordingSteps:
    """The pipeline's steps on the real stages. A job's transcript carries the job's id."""

    database: Database
    blobs: Blobs
    feed: EventFeed
    media: MediaService
    transcripts: TranscriptService
    passages: PassageService
    chooser: EngineChooser
    metrics: Metrics
    concurrency: int

    async def begin(self, run: Run) -> None:
        async with self._step(run, "prepare") as job:
            parameters = Parameters.of(job)
            chosen = await self._resolve(parameters)
            async with self.database.write() as session:
                await control.held(session, run)
                await self.transcripts.open(
                    session, job.id, media_id=job.media_id,
                    engine=chosen.engine, model=chosen.model, language=chosen.language, basic=chosen.basic,
                )  # fmt: skip

    async def cut(self, run: Run) -> None:
        async with self._beside(run) as job:
            media = await self._medium(job)
            first, later = Parameters.of(job).windows
            await self.media.cut(media, self._plan(media, job), first_seconds=first, window_seconds=later)

    async def window_ready(self, run: Run, n: int) -> bool:
        async with self._beside(run) as job:
            plan = self._plan(await self._medium(job), job)
        while await self.media.window(plan, n) is None:
            audio = await self.media.audio(plan)
            if audio is not None and n >= audio.count:
                return False
            async with self.database.read() as session:
                await control.wanted(session, run)
            await asyncio.sleep(WINDOW_POLL_SECONDS)
        return True

    async def transcribe(self, run: Run, n: int) -> None:
        async with self._step(run, "transcribe") as job:
            media = await self._medium(job)
            window, chosen, key = await self._assignment(job, media, n)
            options = chosen.options(Parameters.of(job).stt)
            started = time.perf_counter()
            async with self._telling_progress(run, media, window) as heard, self.blobs.local(window.blob) as audio:
                await self.transcripts.recognise(audio, chosen, options, key=key, on_segment=heard)
            self.metrics.windows.labels(chosen.engine).inc()
            self.metrics.audio_seconds.labels(chosen.engine).inc(window.end - window.start)
            self.metrics.window_seconds.labels(chosen.engine).observe(time.perf_counter() - started)

    async def publish(self, run: Run, n: int) -> None:
        async with self._beside(run) as job:
            media = await self._medium(job)
            window, _, key = await self._assignment(job, media, n)
            heard = await self.transcripts.recognised(key)
            assert heard is not None, "transcribe comes before publish"
            segments = [segment.shifted(window.start) for segment in heard.segments]
            async with self.database.write() as session:
                held = await control.held(session, run)
                numbers = await self.transcripts.append(
                    session, job.id, n, segments, transcribed=window.end, language=heard.language
                )
                await self.passages.add(
                    session, media_id=media.id, transcript_id=job.id, window=n,
                    segments=[NumberedSegment.of(segment, k) for segment, k in zip(segments, numbers, strict=True)],
                )  # fmt: skip
                news = {"job_id": job.id, "media_id": media.id, "from": numbers.start, "to": numbers.stop}
                await events.append(session, f"job:{job.id}", "segments", news, owner=job.owner)
                await control.change(session, held, progress=max(held.progress, _share(window.end, media)))
            self.feed.poke()

    async def finish(self, run: Run) -> None:
        async with self._step(run, "finish"):
            await self.transcripts.examine(run.job_id)
            async with self.database.write() as session:
                job = await control.held(session, run)
                await self.transcripts.complete(session, job.id)
                await self.passages.retire(session, job.media_id, keep=job.id)
                await control.end(session, job, "completed")
            self._ended("completed")

    async def fail(self, run: Run, code: str, message: str) -> None:
        async with self._beside(run):
            async with self.database.write() as session:
                job = await control.held(session, run)
                await self.transcripts.fail(session, job.id)
                await control.end(session, job, "failed", error={"code": code, "message": message})
            log.warning("job.failed", code=code, reason=message)
            self._ended("failed")

    @asynccontextmanager
    async def _step(self, run: Run, name: str) -> AsyncIterator[Job]:
        """Do the block as a step that people see, with its one canonical log line."""
        async with self.database.write() as session:
            job = await control.start(session, run, name)
        self.feed.poke()
        bind_request(job.request_id, job=job.id, media=job.media_id)
        started = time.perf_counter()
        outcome = "interrupted"
        try:
            yield job
            outcome = "done"
        finally:
            log.info("step", step=name, outcome=outcome, ms=round((time.perf_counter() - started) * 1000))

    @asynccontextmanager
    async def _beside(self, run: Run) -> AsyncIterator[Job]:
        """Do the block without changing the step that people see."""
        async with self.database.read() as session:
            job = await control.wanted(session, run)
        bind_request(job.request_id, job=job.id, media=job.media_id)
        yield job

    async def _medium(self, job: Job) -> Media:
        return await self.media.get(Actor(job.owner), job.media_id)

    def _plan(self, media: Media, job: Job) -> str:
        return self.media.plan(media, *Parameters.of(job).windows)

    async def _resolve(self, parameters: Parameters) -> Chosen:
        threads = threads_for(parameters.stt, self.concurrency)
        return await self.chooser.resolve(parameters.stt, fetch=parameters.fetch, threads=threads)

    async def _assignment(self, job: Job, media: Media, n: int) -> tuple[Window, Chosen, str]:
        """Return window n, the engine that began the transcript, and the key of what it hears there."""
        transcript = await self.transcripts.get(job.id)
        window = await self.media.window(self._plan(media, job), n)
        assert transcript is not None, "begin comes before the windows"
        assert window is not None, "window_ready comes before its use"
        parameters = Parameters.of(job)
        chosen = await self._resolve(parameters.with_engine(transcript.engine, transcript.model))
        return window, chosen, window_key(window.plan, n, chosen, chosen.options(parameters.stt))

    @asynccontextmanager
    async def _telling_progress(self, run: Run, media: Media, window: Window) -> AsyncIterator[_Heard]:
        """Tell once a second how far the engine has come in the window."""
        heard = _Heard(window.start)

        async def tell() -> None:
            while True:
                await asyncio.sleep(PROGRESS_SECONDS)
                async with self.database.write() as session:
                    job = await control.held(session, run)
                    share = _share(heard.until, media)
                    if share > job.progress:
                        await control.change(session, job, progress=share)
                self.feed.poke()

        teller = asyncio.create_task(tell())
        try:
            yield heard
        finally:
            teller.cancel()
            with contextlib.suppress(asyncio.CancelledError, control.SupersededError):
                await teller

    def _ended(self, status: str) -> None:
        self.feed.poke()
        self.metrics.jobs_ended.labels(status).inc()


@dataclass(slots=True)
class _Heard:
    """How far the engine has come, in seconds of the media; called with each segment."""

    start: float
    until: float = 0.0

    def __call__(self, segment: Segment) -> None:
        self.until = self.start + segment.end


def _share(seconds: float, media: Media) -> float:
    """Return the share of the recording up to here; the end itself is only reached by `completed`."""
    return min(seconds / media.duration, 0.99) if media.duration else 0.0
