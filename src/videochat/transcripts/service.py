"""What can be done with transcripts: let an engine listen to a window, publish it, read what is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from videochat.errors import DatabaseUnavailableError
from videochat.ops.actor import Actor
from videochat.store import artefacts
from videochat.store.fingerprint import fingerprint
from videochat.store.session import Database
from videochat.transcripts import repository
from videochat.transcripts.choose import Chosen
from videochat.transcripts.health import findings
from videochat.transcripts.host import EngineHost
from videochat.transcripts.segment import NumberedSegment, Segment, Transcript
from videochat.transcripts.transcriber import Options

PAGE = 1000
ARTEFACT: artefacts.Kind = "window-transcript"
OUTAGE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class WindowTranscript:
    """What was said in one window; times count from the start of the window."""

    language: str | None
    segments: tuple[Segment, ...]

    def to_json(self) -> dict[str, Any]:
        return {"language": self.language, "segments": [segment.to_json() for segment in self.segments]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> WindowTranscript:
        return cls(value["language"], tuple(Segment.from_json(segment) for segment in value["segments"]))


def window_key(plan: str, n: int, chosen: Chosen, options: Options) -> str:
    """Return the key of a window's transcript: everything that its text depends on."""
    spec = chosen.spec
    return fingerprint(
        ARTEFACT, plan=plan, n=n, engine=spec.engine, model=spec.model, version=chosen.version,
        compute_type=spec.compute_type, options=asdict(options),
    )  # fmt: skip


class TranscriptService:
    """Transcripts in the database, made by engines of the host.

    Functions that take a session belong to the caller's transaction; the others open short ones of their own.
    """

    def __init__(self, database: Database, host: EngineHost) -> None:
        self._database = database
        self._host = host

    async def recognised(self, key: str) -> WindowTranscript | None:
        """Return the window's transcript when an engine has listened to it before."""
        async with self._database.read() as session:
            value = await artefacts.get(session, key)
        return None if value is None else WindowTranscript.from_json(value)

    def expect(self, chosen: Chosen) -> None:
        """Say that the engine will be wanted soon."""
        self._host.warm(chosen.spec)

    async def recognise(
        self,
        audio: Path,
        chosen: Chosen,
        options: Options,
        *,
        key: str,
        subject: str,
        on_segment: Callable[[Segment], None] | None = None,
    ) -> WindowTranscript:
        """Let the engine listen to a window of this content and keep the result under the key of `window_key`.

        A known key costs no engine. `on_segment` is called with each segment as soon as it is heard. Cancelling ends
        the engine at once and keeps nothing. Raises TranscriptionError and UnsupportedError.
        """
        known = await self.recognised(key)
        if known is not None:
            return known
        heard = await self._listen(audio, chosen, options, on_segment)
        await self._keep(key, heard, subject)
        return heard

    async def _keep(self, key: str, heard: WindowTranscript, subject: str) -> None:
        """Store what was heard; minutes of listening are worth waiting for a database that is away."""
        while True:
            try:
                async with self._database.write() as session:
                    await artefacts.put(session, key, ARTEFACT, heard.to_json(), subject=subject)
            except DatabaseUnavailableError:
                await asyncio.sleep(OUTAGE_SECONDS)
            else:
                return

    async def _listen(
        self, audio: Path, chosen: Chosen, options: Options, on_segment: Callable[[Segment], None] | None
    ) -> WindowTranscript:
        segments: list[Segment] = []
        async with self._host.transcribe(chosen.spec, audio, options) as listening:
            async for segment in listening.segments:
                segments.append(segment)
                if on_segment is not None:
                    on_segment(segment)
        return WindowTranscript(listening.language, tuple(segments))

    async def open(
        self, session: AsyncSession, transcript_id: str, *, media_id: str, engine: str, model: str, language: str | None, basic: bool
    ) -> str:  # fmt: skip
        """Begin a transcript under the caller's id, or go on with it when it is there."""
        await repository.create(
            session, transcript_id, media_id=media_id, engine=engine, model=model, language=language, basic=basic
        )
        return transcript_id

    async def append(
        self,
        session: AsyncSession,
        transcript_id: str,
        window: int,
        segments: Sequence[Segment],
        *,
        transcribed: float,
        language: str | None = None,
    ) -> range:
        """Publish the next window and return the numbers of its segments; doing it again changes nothing.

        `segments` have media times, `transcribed` is the end of the window in seconds. Raises NotFoundError, and
        ConflictError for a window out of order.
        """
        return await repository.append(
            session, transcript_id, window, segments, transcribed=transcribed, language=language
        )

    async def windows(self, session: AsyncSession, transcript_id: str) -> int:
        """Return how many windows are published, which is the number of the next one."""
        return await repository.windows(session, transcript_id)

    async def complete(self, session: AsyncSession, transcript_id: str) -> None:
        await repository.set_status(session, transcript_id, "complete")

    async def fail(self, session: AsyncSession, transcript_id: str) -> None:
        """Say that no more windows will come; what is there stays readable."""
        await repository.set_status(session, transcript_id, "failed")

    async def get(self, transcript_id: str) -> Transcript | None:
        async with self._database.read() as session:
            return await repository.get(session, transcript_id)

    async def newest(self, actor: Actor, media_id: str) -> Transcript | None:
        """Return what to show for the actor's medium: the newest transcript with segments, else the newest, else None."""
        async with self._database.read() as session:
            return await repository.newest(session, actor, media_id)

    async def page(
        self, transcript_id: str, after: int = -1, limit: int = PAGE, *, between: tuple[float, float] | None = None
    ) -> tuple[list[NumberedSegment], int | None]:
        """Return up to `limit` (≤ 1000) segments with n > after, and the `after` of the next page, None at the end.

        With `between` only those that are said, in part, between these seconds. The transcript must come from `newest`,
        which knows whose it is.
        """
        limit = max(1, min(limit, PAGE))
        async with self._database.read() as session:
            found = await repository.page(session, transcript_id, after, limit + 1, between)
        segments = found[:limit]
        return segments, segments[-1].n if len(found) > limit else None

    async def all_segments(self, transcript_id: str) -> AsyncIterator[NumberedSegment]:
        """Yield every segment in order, a page at a time: memory stays flat whatever the length."""
        after: int | None = -1
        while after is not None:
            segments, after = await self.page(transcript_id, after)
            for segment in segments:
                yield segment

    async def examine(self, transcript_id: str, *, subject: str) -> None:
        """Look for what is doubtful in a whole transcript of this content and keep it for `health`."""
        segments = [segment async for segment in self.all_segments(transcript_id)]
        found = [finding.to_json() for finding in findings(segments)]
        async with self._database.write() as session:
            await artefacts.put(session, health_key(transcript_id), "health", {"findings": found}, subject=subject)

    async def health(self, transcript: Transcript) -> dict[str, Any] | None:
        """Return `{"findings": [...]}`, None while the transcript is not complete."""
        async with self._database.read() as session:
            return await artefacts.get(session, health_key(transcript.id))


def health_key(transcript_id: str) -> str:
    """Return the key of what was found doubtful in a whole transcript."""
    return fingerprint("health", transcript=transcript_id)
