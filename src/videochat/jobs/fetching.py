"""The step before the others for a recording behind a link: its content comes, and its job goes on as for any other."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access import quotas
from videochat.access.quotas import Quotas
from videochat.errors import SourceUnavailableError, StorageError, StorageFullError
from videochat.jobs import control
from videochat.jobs.job import Job
from videochat.jobs.parameters import Parameters, of_speech, work_of
from videochat.media import expected
from videochat.media.fetch import OnProgress, Sources, name_of
from videochat.media.media import Media
from videochat.media.service import MediaService
from videochat.ops.actor import Actor
from videochat.store.blob import Blobs
from videochat.store.session import Database
from videochat.store.work import Workplace


@dataclass(frozen=True, slots=True)
class Fetching:
    """Brings the content of an expected medium."""

    database: Database
    blobs: Blobs
    media: MediaService
    sources: Sources
    quotas: Quotas
    workplace: Workplace

    async def content(self, job: Job, on_progress: OnProgress) -> Media:
        """Fetch what the job's link leads to and keep it; nothing is stored of the medium yet. Raises what sources raise."""
        url = Parameters.of(job).link
        assert url is not None, "only jobs with a link have this step"
        try:
            async with self.workplace.folder(1, "fetching a recording") as folder:
                fetched = await self.sources.fetch(url, folder, on_progress)
                return await self.media.found(Actor(job.owner), fetched.path, fetched.name)
        except StorageFullError as error:  # nothing of it stays: who waited would fetch it in vain again and again
            raise StorageError(error.message, code=error.reason) from error

    async def settle(self, session: AsyncSession, job: Job, found: Media) -> Job:
        """Let the job's medium have the content, or the job go on with the medium in which its owner has it already.

        Raises QuotaError: now it is known how long the recording is.
        """
        link = Parameters.of(job).link or ""
        seconds = found.duration or 0
        await self.quotas.require(session, Actor(job.owner), "audio_minutes", seconds / 60)
        media = await expected.arrive(session, job.media_id, name_of(link), found)
        before = job.media_id
        changed = await control.change(
            session, job, media_id=media.id, audio_seconds=media.duration, progress=0.0,
            work=work_of(media, job.kind, of_speech(job.parameters)),
        )  # fmt: skip
        if media.id != before:
            await expected.give_way(session, before, media)
        await quotas.count(session, job.owner, audio_seconds=seconds)
        return changed

    async def require_kept(self, media: Media) -> None:
        """Raise SourceUnavailableError, for another try, when the content was deleted for its last other owner just now."""
        if not await self.blobs.exists(self.media.content(media)):
            async with self.database.write() as session:
                await expected.lose(session, media)
            raise SourceUnavailableError
