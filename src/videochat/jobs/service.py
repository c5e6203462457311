"""Ask for work, look at it and steer it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from videochat.access import quotas
from videochat.access.quotas import Quotas
from videochat.errors import BusyError, ConflictError, NotFoundError, VideoChatError
from videochat.jobs import control, queues, repository
from videochat.jobs.job import FINAL, LIVE, Action, Job, Priority, Status
from videochat.jobs.parameters import of_speech, work_of
from videochat.media.expected import expect
from videochat.media.fetch import checked_url, name_of
from videochat.media.media import Media
from videochat.ops.actor import Actor
from videochat.ops.metrics import Metrics
from videochat.store.feed import EventFeed, within
from videochat.store.fingerprint import fingerprint, new_id
from videochat.store.page import Page, decode_cursor, encode_cursor
from videochat.store.session import Database

log = structlog.get_logger(__name__)

TRANSCRIPTION = "transcription"
# Who watches a job hears of it so often when there is no news, and not more often than this when there is much.
IDLE_SECONDS = 15.0
BATCH_SECONDS = 0.1


class JobService:
    """Jobs as their owners see them. A job and its first task are stored in one transaction: nothing falls in between."""

    def __init__(self, database: Database, feed: EventFeed, quotas: Quotas, metrics: Metrics) -> None:
        self._database = database
        self._feed = feed
        self._quotas = quotas
        self._metrics = metrics

    async def submit(
        self, actor: Actor, media: Media, parameters: dict[str, Any], *, priority: Priority = "normal"
    ) -> Job:
        """Queue work on a medium of the actor.

        The same work, while it is live or when it was the last that was done, is returned as it is. Raises QuotaError.
        """
        job, _ = await self.begin(actor, media, parameters, priority=priority)
        return job

    async def begin(
        self, actor: Actor, media: Media, parameters: dict[str, Any], *, priority: Priority = "normal"
    ) -> tuple[Job, bool]:
        """Queue work as `submit` does, and say whether it is new."""
        async with self._database.write() as session:
            for job in await repository.page(session, actor.id, media_id=media.id, statuses=(), before=None, limit=1):
                same = job.kind == TRANSCRIPTION and of_speech(job.parameters) == parameters
                if same and job.status in {*LIVE, "completed"}:
                    return job, False
            _require_content(media)
            await self._quotas.require(session, actor, "audio_minutes", (media.duration or 0) / 60)
            job = _new(actor, media, parameters, priority)
            await control.create(session, job)
            await quotas.count(session, actor.id, audio_seconds=media.duration or 0)
        self._told("job.queued", job)
        return job, True

    async def watch(self, actor: Actor, job_id: str) -> AsyncGenerator[Job, None]:
        """Yield the job as it is now, after news of it and once in a while; when it has ended, that is the last.

        No session is open in between. Raises NotFoundError when it was deleted, BusyError when this process stops before.
        """
        with self._feed.news(control.stream_of(job_id)) as news:
            while not self._feed.ending:
                news.clear()
                job = await self.get(actor, job_id)
                yield job
                if job.status in FINAL:
                    return
                await within(news, IDLE_SECONDS)
                await asyncio.sleep(BATCH_SECONDS)
        raise BusyError("The service is stopping, and the work goes on: ask again in a moment.", code="stopping")

    async def submit_link(
        self, actor: Actor, url: str, parameters: dict[str, Any], *, priority: Priority = "normal"
    ) -> Job:
        """Queue the fetching and transcription of the recording behind a link; its medium is in the library at once.

        The same while it is live is returned as it is, and tried again when it came to nothing. Raises InvalidError, QuotaError.
        """
        url = checked_url(url)
        parameters = {**parameters, "link": url}
        work = fingerprint("import", parameters=parameters)
        async with self._database.write() as session:
            before = await repository.at_work(session, actor.id, work)  # once it is fetched its work is another
            if before is not None and before.status not in FINAL:
                return before
            await self._quotas.require(session, actor, "storage_bytes", 1)
            await self._quotas.require(session, actor, "audio_minutes", 0)
            if before is None:
                media = await expect(session, actor, name_of(url))
                job = replace(_new(actor, media, parameters, priority), work=work)
                await control.create(session, job)
            else:
                job = await control.restart(session, before)
        self._told("job.queued", job)
        return job

    async def of_link(self, actor: Actor, url: str) -> str | None:
        """Return the id of the actor's medium that came from this link or is to come from it. Raises InvalidError."""
        async with self._database.read() as session:
            return await repository.of_link(session, actor.id, checked_url(url))

    async def get(self, actor: Actor, job_id: str) -> Job:
        """Return one job. Raises NotFoundError."""
        async with self._database.read() as session:
            job = await repository.get(session, job_id)
        if job is None or job.owner != actor.id:
            raise NotFoundError(f"There is no job {job_id}.")
        return job

    async def list(
        self,
        actor: Actor,
        *,
        media_id: str | None = None,
        statuses: Sequence[Status] = (),
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Job]:
        """Return jobs, newest first."""
        async with self._database.read() as session:
            jobs = await repository.page(
                session, actor.id, media_id=media_id, statuses=statuses, before=decode_cursor(cursor), limit=limit + 1
            )
        return Page.of(jobs, limit, lambda job: encode_cursor(job.created_at, job.id))

    async def library(
        self, actor: Actor, cursor: str | None = None, limit: int = 50, *, shared: bool = False
    ) -> Page[tuple[Media, Job | None]]:
        """Return up to `limit` of the actor's media (shared: of those that others share with them), newest first.

        Each comes with its newest job. Raises InvalidError.
        """
        before = decode_cursor(cursor)
        async with self._database.read() as session:
            found = await repository.library(session, actor.id, before, limit + 1, shared=shared)
        return Page.of(found, limit, lambda entry: encode_cursor(entry[0].created_at, entry[0].id))

    async def newest(self, media_ids: Sequence[str]) -> dict[str, Job]:
        """Return the newest job of each of these media."""
        async with self._database.read() as session:
            return await repository.newest(session, media_ids)

    async def cancel(self, actor: Actor, job_id: str) -> Job:
        """Stop the job for good; what was published stays readable. Raises ConflictError when it has ended."""
        async with self._database.write() as session:
            job = await control.owned(session, actor.id, job_id)
            _require(job, ("queued", "running", "paused"), "cancelled")
            job = await control.end(session, job, "cancelled")
        self._metrics.jobs_ended.labels("cancelled").inc()
        self._told("job.cancelled", job)
        return job

    async def pause(self, actor: Actor, job_id: str) -> Job:
        """Stop the job until it is resumed; nothing that is finished is lost. Raises ConflictError."""
        async with self._database.write() as session:
            job = await control.owned(session, actor.id, job_id)
            _require(job, LIVE, "paused")
            job = await control.pause(session, job)
        self._told("job.paused", job)
        return job

    async def resume(self, actor: Actor, job_id: str) -> Job:
        """Go on with a paused job. Raises ConflictError."""
        return await self._again(actor, job_id, ("paused",), "resumed")

    async def retry(self, actor: Actor, job_id: str) -> Job:
        """Try a failed or cancelled job again with the same parameters. Raises ConflictError."""
        return await self._again(actor, job_id, ("failed", "cancelled"), "retried")

    async def prioritise(self, actor: Actor, job_id: str, priority: Priority) -> Job:
        """Let the job's waiting tasks go before or after others from now on. Raises ConflictError when it has ended."""
        async with self._database.write() as session:
            job = await control.owned(session, actor.id, job_id)
            _require(job, (*LIVE, "paused"), "given another priority")
            await queues.prioritise(session, job.id, priority)
            job = await control.change(session, job, priority=priority)
        self._told("job.prioritised", job)
        return job

    async def steer(self, actor: Actor, job_ids: Sequence[str], action: Action) -> Mapping[str, Job | VideoChatError]:
        """Do the same to many jobs and return for each what became of it: the job, or why not."""
        steps = {"cancel": self.cancel, "pause": self.pause, "resume": self.resume, "retry": self.retry}
        outcomes: dict[str, Job | VideoChatError] = {}
        for job_id in dict.fromkeys(job_ids):
            try:
                outcomes[job_id] = await steps[action](actor, job_id)
            except (NotFoundError, ConflictError) as error:
                outcomes[job_id] = error
        return outcomes

    async def stop_all(self, actor: Actor, media_id: str) -> None:
        """Cancel whatever is live for a medium, before it is deleted."""
        page = await self.list(actor, media_id=media_id, statuses=("queued", "running", "paused"), limit=100)
        for job in page.items:
            await self.cancel(actor, job.id)

    async def _again(self, actor: Actor, job_id: str, allowed: Sequence[Status], verb: str) -> Job:
        async with self._database.write() as session:
            job = await control.owned(session, actor.id, job_id)
            _require(job, allowed, verb)
            job = await control.restart(session, job)
        self._told(f"job.{verb}", job)
        return job

    def _told(self, event: str, job: Job) -> None:
        self._feed.poke(control.stream_of(job.id))
        log.info(event, job=job.id, media=job.media_id, attempt=job.attempts, priority=job.priority)


def _require(job: Job, allowed: Sequence[Status], verb: str) -> None:
    if job.status not in allowed:
        raise ConflictError(f"The job is {job.status}; it cannot be {verb}.")


def _require_content(media: Media) -> None:
    if not media.is_here:
        raise ConflictError("The recording has not been fetched: retry the job that fetches it.", code="not_fetched")


def _new(actor: Actor, media: Media, parameters: dict[str, Any], priority: Priority) -> Job:
    context = structlog.contextvars.get_contextvars()
    return Job(
        id=new_id("job"), owner=actor.id, kind=TRANSCRIPTION, media_id=media.id, parameters=parameters,
        status="queued", progress=0.0, step="queued", priority=priority, attempts=1, error=None,
        request_id=context.get("request_id"), work=work_of(media, TRANSCRIPTION, parameters), windows=None,
        audio_seconds=media.duration, rate=None, rated_at=None, created_at=datetime.now(UTC), started_at=None, finished_at=None,
    )  # fmt: skip
