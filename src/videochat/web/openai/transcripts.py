"""Transcriptions: OpenAI's form becomes a job, and its transcript OpenAI's formats."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from videochat.app import App
from videochat.errors import ConflictError, NotFoundError, TranscriptionError, stored
from videochat.jobs.job import Job
from videochat.jobs.parameters import freeze
from videochat.media.media import Media
from videochat.ops.actor import Actor
from videochat.transcripts.segment import NumberedSegment, Transcript
from videochat.web.leaving import STILL_HERE, event_of
from videochat.web.openai.bodies import Json, TranscriptionForm
from videochat.web.openai.formats import Text, usage_of

OWN_SETTINGS = ("whisper-1", "default")  # names for what the service is set to
LISTS = ("timestamp_granularities",)


def form_of(fields: Mapping[str, Sequence[str]]) -> TranscriptionForm:
    """Return what the form asks for; an empty field is one that was not sent. Raises RequestValidationError."""
    given: dict[str, object] = {}
    for name, values in fields.items():
        plain = name.removesuffix("[]")
        if plain in LISTS:
            given[plain] = [*values]
        elif values[-1]:
            given[plain] = values[-1]
    try:
        return TranscriptionForm.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from None


def parameters_of(app: App, form: TranscriptionForm) -> Json:
    """Return the parameters of the job. Raises NotFoundError `model_not_found`, InvalidError."""
    chosen: Json = {} if form.model in OWN_SETTINGS else {**app.chooser.choices(form.model)}
    return freeze(app.settings, **chosen, language=form.language, hotwords=form.prompt)


@dataclass(frozen=True, slots=True)
class Listening:
    """A transcription that somebody waits for; `new` when it was begun for them."""

    app: App
    actor: Actor
    media: Media
    job: Job
    new: bool

    @classmethod
    async def begin(cls, app: App, actor: Actor, media: Media, parameters: Json) -> Listening:
        """Have the recording transcribed, unless it is or was in the same way. Raises QuotaError."""
        return cls(app, actor, media, *await app.jobs.begin(actor, media, parameters))

    async def transcript(self) -> Transcript:
        """Wait for the whole transcript. Raises what the job fails with: a part of one is none."""
        async with aclosing(self.app.jobs.watch(self.actor, self.job.id)) as news:
            async for job in news:
                ended = job
        return await self._whole(ended)

    async def events(self) -> AsyncGenerator[str, None]:
        """Yield the text as events, each time that a window has been transcribed."""
        yield STILL_HERE
        text, after = Text(), -1
        async with aclosing(self.app.jobs.watch(self.actor, self.job.id)) as news:
            async for job in news:
                ended = job
                segments = [one async for one in self._since(after)]
                if piece := "".join(map(text.add, segments)):
                    yield event_of({"type": "transcript.text.delta", "delta": piece})
                else:
                    yield STILL_HERE
                after = segments[-1].n if segments else after
        transcript = await self._whole(ended)
        yield event_of({"type": "transcript.text.done", "text": text.whole, "usage": usage_of(transcript)})

    async def leave(self) -> None:
        """Stop the work that was begun for somebody who has left; what is transcribed of it helps the next one."""
        if self.new:
            with suppress(ConflictError, NotFoundError):  # it has ended, or is gone with its recording
                await self.app.jobs.cancel(self.actor, self.job.id)

    async def _since(self, after: int) -> AsyncIterator[NumberedSegment]:
        following: int | None = after
        while following is not None:
            segments, following = await self.app.transcripts.page(self.job.id, following)
            for segment in segments:
                yield segment

    async def _whole(self, job: Job) -> Transcript:
        if job.status == "cancelled":
            raise ConflictError("The transcription was cancelled.", code="cancelled")
        if job.error is not None:
            raise stored(job.error, TranscriptionError)
        transcript = await self.app.transcripts.get(job.id)
        if transcript is None:
            raise NotFoundError("The recording was deleted.")
        return transcript
