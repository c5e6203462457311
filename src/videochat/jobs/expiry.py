"""What was made from a recording and nothing needs any more: windows of other lengths, texts of other parameters or engines.

It makes asking for the same again free, so it stays for a while after the recording's last job. What stays for as long as the
recording does is what its transcript was made from, and what belongs to its newest job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from videochat.errors import VideoChatError
from videochat.jobs import repository
from videochat.jobs.job import Job
from videochat.jobs.parameters import Parameters
from videochat.media import windows
from videochat.media.media import Media
from videochat.media.service import MediaService
from videochat.ops.actor import Actor
from videochat.ops.metrics import Metrics
from videochat.store import artefacts
from videochat.store.blob import Blobs
from videochat.store.session import Database
from videochat.transcripts.choose import EngineChooser
from videochat.transcripts.segment import Transcript
from videochat.transcripts.service import TranscriptService, health_key, window_key

PAGE = 100


@dataclass(frozen=True, slots=True)
class Needed:
    """The plans and the keys of artefacts that something refers to."""

    plans: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Removes what nothing refers to."""

    database: Database
    blobs: Blobs
    media: MediaService
    transcripts: TranscriptService
    chooser: EngineChooser
    metrics: Metrics

    async def remove(self, days: float) -> int:
        """Look at all content whose last job ended so long ago, and return how many artefacts and plans of windows went."""
        before = datetime.now(UTC) - timedelta(days=days)
        count, last = 0, ""
        while True:
            async with self.database.read() as session:
                contents = await repository.idle_contents(session, before, last, PAGE)
            for sha256 in contents:
                count += await self._remove_of(sha256, before)
            if len(contents) < PAGE:
                return count
            last = contents[-1]

    async def _remove_of(self, sha256: str, before: datetime) -> int:
        try:
            needed = await self._needed(sha256)
        except VideoChatError:  # an engine that only other machines have: what its keys are cannot be told here
            return 0
        async with self.database.read() as session:
            plans = await windows.plans(session, sha256) - needed.plans
            keys = await artefacts.keys_about(session, sha256) - needed.keys
        if not plans and not keys:
            return 0
        async with self.database.write() as session:
            if not await repository.keep_idle(session, sha256, before):
                return 0
            removed = await artefacts.remove(session, keys)
            aside = await windows.set_aside(session, plans)
        for kind, n in removed.items():
            self.metrics.cache_evictions.labels(kind, artefacts.LEVEL, "expired").inc(n)
        # Who is killed here leaves windows under plans that nobody needs either: the next time they go.
        async with self.database.write() as session:
            if await repository.keep_idle(session, sha256, before):  # else a job may be storing blobs of the same keys
                for key in await windows.remove(session, aside):
                    await self.blobs.delete(key)
        return len(plans) + len(keys)

    async def _needed(self, sha256: str) -> Needed:
        """Raises VideoChatError where that cannot be told."""
        async with self.database.read() as session:
            found = await repository.on_content(session, sha256)
        needed = Needed()
        for media, newest in found:
            needed.plans.add(self._plan(media, newest))
            if transcript := await self.transcripts.newest(Actor(media.owner), media.id):
                await self._add(needed, media, transcript)
        needed.keys.update(needed.plans)  # the reports of whole decodings
        return needed

    async def _add(self, needed: Needed, media: Media, transcript: Transcript) -> None:
        async with self.database.read() as session:
            job = await repository.get(session, transcript.id)
        assert job is not None, "a transcript carries the id of its job, and goes with it"
        plan, parameters = self._plan(media, job), Parameters.of(job)
        chosen = await self.chooser.resolve(
            parameters.with_engine(transcript.engine, transcript.model).stt, fetch=False
        )  # fmt: skip
        options = chosen.options(parameters.stt)
        needed.plans.add(plan)
        needed.keys.add(health_key(transcript.id))
        needed.keys.update(window_key(plan, n, chosen, options) for n in range(transcript.windows))

    def _plan(self, media: Media, job: Job) -> str:
        return self.media.plan(media, *Parameters.of(job).windows)
