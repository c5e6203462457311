"""OpenAI's API, as far as there is something behind it here: existing clients need only another address and key."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from videochat.app import App
from videochat.errors import LeftError, UnsupportedError
from videochat.ops.actor import Actor
from videochat.transcripts.formats import Header, render_stream
from videochat.transcripts.segment import Transcript
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.leaving import Events, while_there
from videochat.web.openai.bodies import (
    ChatIn,
    ChatOut,
    ModelListOut,
    ModelOut,
    OpenAIErrorOut,
    TranscriptionForm,
    TranscriptionOut,
    VerboseTranscriptionOut,
)
from videochat.web.openai.chat import LIBRARY, MEDIA, Completion, asked_media, chunks, completed, conversation
from videochat.web.openai.formats import as_json, as_text, as_verbose_json
from videochat.web.openai.transcripts import OWN_SETTINGS, Listening, form_of, parameters_of
from videochat.web.openapi import EVENTS, TRANSCRIPTION_FORM, TRANSCRIPTION_RESPONSES
from videochat.web.receiving import take_in
from videochat.web.routes.transcripts import NOTE, in_header

router = APIRouter(
    prefix="/v1",
    tags=["OpenAI"],
    responses={"default": {"model": OpenAIErrorOut, "description": "An error in OpenAI's shape."}},
)


@router.post(
    "/audio/transcriptions",
    response_model=TranscriptionOut | VerboseTranscriptionOut,
    openapi_extra=TRANSCRIPTION_FORM,
    responses=TRANSCRIPTION_RESPONSES,
)
async def transcribe(request: Request, app: TheApp, actor: TheActor) -> Response:
    """Take a recording into the library and return its transcript, as soon as that is whole.

    `model` is `whisper-1` or `default` for what the service is set to, or one of `/v1/models`; `prompt` are words to expect.
    With `stream` the text comes as events while it is transcribed. Who leaves before the end stops what was begun for them;
    what is transcribed by then is not done again.
    """
    listening, form = await _begun(request, app, actor)
    if form.stream:
        return Events(listening.events(), listening.leave)
    try:
        transcript = await while_there(request.receive, listening.transcript())
    except LeftError:
        await listening.leave()
        raise
    return _transcription(app, Header.of(transcript, listening.media.name), transcript, form)


async def _begun(request: Request, app: App, actor: Actor) -> tuple[Listening, TranscriptionForm]:
    async with AsyncExitStack() as stack:
        sent = await take_in(request, app, actor)
        assert sent is not None, "it is not optional"
        stack.push_async_callback(sent.received.discard)
        form = form_of(sent.fields)
        parameters = parameters_of(app, form)  # before the recording is in the library for nothing
        media, _ = await app.media.add(actor, sent.name or "recording", sent.received)
        return await Listening.begin(app, actor, media, parameters), form


def _transcription(app: App, header: Header, transcript: Transcript, form: TranscriptionForm) -> Response:
    read = partial(app.transcripts.all_segments, transcript.id)
    media_type, pieces = "application/json", as_json(transcript, read())
    match form.response_format:
        case "text":
            media_type, pieces = "text/plain", as_text(read())
        case "verbose_json":
            wanted = form.timestamp_granularities or ["segment"]
            pieces = as_verbose_json(transcript, read, words="word" in wanted, segments="segment" in wanted)
        case "srt" | "vtt" as name:
            exporter = app.exporters.named(name)
            media_type, pieces = exporter.media_type, render_stream(exporter.renderer(header), read())
    return StreamingResponse(pieces, media_type=media_type, headers={NOTE: in_header(header.note)})


@router.post("/audio/translations", status_code=400, response_model=OpenAIErrorOut)
async def translate() -> Response:
    """Refuse: no engine here translates. Transcribe instead, and ask for a translation of what you need."""
    raise UnsupportedError(
        "Nothing here translates speech: use /v1/audio/transcriptions, in the language that is spoken."
    )


@router.get("/models", response_model=ModelListOut)
async def list_models(app: TheApp) -> ModelListOut:
    """Return what can listen here, and `library`, which answers. A single recording answers as `media:` and its id."""
    names = [OWN_SETTINGS[0], *app.chooser.names(app.settings.stt), LIBRARY]
    return ModelListOut(data=[ModelOut(id=name) for name in names])


@router.get("/models/{model}", response_model=ModelOut)
async def get_model(app: TheApp, actor: TheActor, model: str) -> ModelOut:
    """Return a model, if it can be used."""
    if model.startswith(MEDIA):
        media = await app.media.get(actor, model.removeprefix(MEDIA))
        return ModelOut(id=model, created=int(media.created_at.timestamp()))
    if model not in {*OWN_SETTINGS, LIBRARY}:
        app.chooser.choices(model)
    return ModelOut(id=model)


@router.post("/chat/completions", response_model=ChatOut, responses=EVENTS)
async def chat(request: Request, app: TheApp, actor: TheActor, wanted: ChatIn) -> Response:
    """Answer the user's last message from the library (`library`) or one recording (`media:` and its id), with citations.

    Messages before it are the conversation; none of it is stored. How to answer is the service's own matter: system messages,
    temperature, tools and the like are ignored. An answer that fails or is cut off is an error, also in the middle of a stream.
    """
    question, turns = conversation(wanted.messages)
    parts = app.answers.write(actor, question, asked_media(wanted.model), turns)
    completion = Completion(wanted.model, _page(request, app))
    if wanted.stream:
        usage = wanted.stream_options is not None and wanted.stream_options.include_usage
        return Events(chunks(completion, parts, usage=usage))
    return JSONResponse(await while_there(request.receive, completed(completion, parts)))


def _page(request: Request, app: App) -> str:
    return (app.settings.server.public_url or str(request.base_url)).rstrip("/")
