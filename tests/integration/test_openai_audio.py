"""Transcriptions through OpenAI's own client: a real server, worker and (basic) recogniser, on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from loopback import openai_client, serving
from media_files import cut_off
from recordings import lecture_wav
from videochat.app import App, open_app
from videochat.ops.actor import LOCAL
from videochat.settings import Settings
from videochat.web.server import create_api
from waiting import until

SECONDS = 4
MODEL = "whisper-1"
WORDS = "colors of the leaves"


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    settings = Settings(
        data_dir=tmp_path / "data",
        database={"url": database_url},
        server={"max_upload_bytes": 10_000_000},
        stt={"engine": "pocketsphinx"},
        jobs={"first_window_seconds": 5, "window_seconds": 10},
    )
    async with open_app(settings) as opened:
        yield opened


@pytest.fixture
async def client(app: App) -> AsyncIterator[AsyncOpenAI]:
    async with serving(create_api(app)) as address, openai_client(address) as opened:
        yield opened


@pytest.fixture
async def working(app: App) -> AsyncIterator[None]:
    worker = app.worker()
    await worker.start()
    yield
    await worker.stop()


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lecture_wav(tmp_path_factory.mktemp("speech") / "lesson.wav", SECONDS)


async def statuses(app: App) -> list[str]:
    """Return the states of all jobs."""
    return [job.status for job in (await app.jobs.list(LOCAL)).items]


async def test_each_format(app: App, client: AsyncOpenAI, working: None, speech: Path) -> None:
    """The same words as JSON, text, subtitles and with times; only the first request costs an engine."""
    create = client.audio.transcriptions.create
    plain = await create(file=speech, model=MODEL)
    assert WORDS in plain.text
    assert plain.usage is not None
    assert plain.usage.to_dict() == {"type": "duration", "seconds": pytest.approx(SECONDS, abs=0.1)}
    assert await create(file=speech, model=MODEL, response_format="text") == f"{plain.text}\n"
    srt = await create(file=speech, model=MODEL, response_format="srt")
    assert srt.startswith("1\n00:00:0")
    assert WORDS in " ".join(srt.split())
    assert (await create(file=speech, model="default", response_format="vtt")).startswith("WEBVTT\n")
    verbose = await create(file=speech, model=MODEL, response_format="verbose_json")
    assert (verbose.text, verbose.language, verbose.words) == (plain.text, "en", None)
    assert verbose.duration == pytest.approx(SECONDS, abs=0.1)
    assert verbose.segments is not None
    assert " ".join(segment.text for segment in verbose.segments) == plain.text
    assert [segment.id for segment in verbose.segments] == list(range(len(verbose.segments)))
    assert all(0 <= segment.start < segment.end <= SECONDS + 0.1 for segment in verbose.segments)
    timed = await create(
        file=speech, model=MODEL, response_format="verbose_json", timestamp_granularities=["word"], temperature=0.5
    )
    assert timed.words is not None
    assert [word.word for word in timed.words] == plain.text.split()
    assert timed.segments is None
    assert await statuses(app) == ["completed"]
    assert (await app.media.list(LOCAL)).items[0].name == "lesson.wav"


async def test_text_comes_with_each_window(app: App, client: AsyncOpenAI, working: None, tmp_path: Path) -> None:
    """The first words are there while the rest is being listened to, and all pieces together are the text at the end."""
    long = lecture_wav(tmp_path / "long.wav", SECONDS, times=4)
    stream = await client.audio.transcriptions.create(file=long, model=MODEL, stream=True)
    events: list[Any] = []
    async for event in stream:
        if not events:
            assert await statuses(app) == ["running"]
        events.append(event)
    *deltas, done = events
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert len(deltas) > 1
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == done.text
    assert done.text.count(WORDS) == 4
    again = await client.audio.transcriptions.create(file=long, model=MODEL, stream=True)
    assert [event.text async for event in again if event.type == "transcript.text.done"] == [done.text]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_fails_is_no_transcript(
    app: App, client: AsyncOpenAI, working: None, speech: Path, stream: bool
) -> None:
    """A job that fails is an error with its reason, not sent again by the client, and not an empty text."""
    with pytest.raises(openai.APIError, match="knows only the language en, not de") as caught:
        answer = await client.audio.transcriptions.create(file=speech, model=MODEL, language="de", stream=stream)
        _ = [event async for event in answer]
    assert caught.value.code == "unsupported"
    assert isinstance(caught.value, openai.BadRequestError) is not stream
    assert await statuses(app) == ["failed"]


async def test_a_part_is_no_transcript(app: App, client: AsyncOpenAI, working: None, tmp_path: Path) -> None:
    """Where the recording goes on and the file does not, nothing is returned as if it were all; a stream ends with an error."""
    path = cut_off(lecture_wav(tmp_path / "long.wav", SECONDS, times=5), 0.6)
    with pytest.raises(openai.UnprocessableEntityError, match="8 of its 20 seconds are missing") as caught:
        await client.audio.transcriptions.create(file=path, model=MODEL, response_format="text")
    assert caught.value.code == "media_cut_off"
    kinds: list[str] = []
    with pytest.raises(openai.APIError) as streamed:
        async for event in await client.audio.transcriptions.create(file=path, model=MODEL, stream=True):
            kinds.append(event.type)  # noqa: PERF401  # what came before the error counts
    assert streamed.value.code == "media_cut_off"
    assert set(kinds) == {"transcript.text.delta"}


@pytest.mark.parametrize("stream", [False, True])
async def test_who_leaves_stops_what_was_begun_for_them(
    app: App, client: AsyncOpenAI, speech: Path, stream: bool
) -> None:
    """The job is cancelled within a second, but not the one that somebody else began."""
    create = client.audio.transcriptions.create

    async def wait() -> None:
        answer = await create(file=speech, model=MODEL, stream=stream)
        _ = [event async for event in answer]

    async def are(*expected: str) -> None:
        async def so() -> bool:
            return await statuses(app) == [*expected]

        assert await until(so) < 5

    first = asyncio.create_task(wait())
    await are("queued")
    first.cancel()
    await are("cancelled")
    media = (await app.media.list(LOCAL)).items[0]
    job = await app.jobs.retry(LOCAL, (await app.jobs.list(LOCAL)).items[0].id)
    second = asyncio.create_task(wait())
    readers = app.feed._readers
    await until(lambda: any(reader.source == f"job:{job.id}" for reader in readers))
    second.cancel()
    await until(lambda: not any(reader.source == f"job:{job.id}" for reader in readers))
    await are("queued")
    assert (await app.jobs.newest([media.id]))[media.id].id == job.id


async def test_a_transcription_that_somebody_cancels_is_an_error(app: App, client: AsyncOpenAI, speech: Path) -> None:
    """What is there of it is no transcript, and the client does not begin anew what a person has stopped."""
    waiting = asyncio.create_task(client.audio.transcriptions.create(file=speech, model=MODEL))

    async def begun() -> bool:
        return await statuses(app) == ["queued"]

    await until(begun)
    await app.jobs.cancel(LOCAL, (await app.jobs.list(LOCAL)).items[0].id)
    with pytest.raises(openai.ConflictError) as caught:
        await waiting
    assert caught.value.code == "cancelled"
    assert await statuses(app) == ["cancelled"]


async def test_a_service_that_stops_says_so_and_keeps_the_job(app: App, speech: Path) -> None:
    """Who waits is told to ask again, and the work is not lost."""
    async with serving(create_api(app)) as address, openai_client(address, max_retries=0) as client:
        waiting = asyncio.create_task(client.audio.transcriptions.create(file=speech, model=MODEL))

        async def begun() -> bool:
            return await statuses(app) == ["queued"]

        await until(begun)
        app.feed.end()
        with pytest.raises(openai.InternalServerError) as caught:
            await waiting
    assert (caught.value.status_code, caught.value.code) == (503, "stopping")
    assert caught.value.response.headers["x-should-retry"] == "true"
    assert await statuses(app) == ["queued"]


@pytest.mark.parametrize(
    ("form", "kind", "code", "param"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", None),
        ({"model": "../../etc"}, openai.NotFoundError, "model_not_found", None),
        ({"model": MODEL, "response_format": "diarized_json"}, openai.UnprocessableEntityError, "invalid", "response_format"),
        ({"model": MODEL, "timestamp_granularities": ["syllable"]}, openai.UnprocessableEntityError, "invalid", "timestamp_granularities.0"),
        ({"model": MODEL, "response_format": "srt", "stream": True}, openai.UnprocessableEntityError, "invalid", "stream"),
        ({"model": MODEL, "prompt": "x" * 3000}, openai.UnprocessableEntityError, "invalid", "prompt"),
        ({"model": MODEL, "prompt": "x" * 70_000}, openai.UnprocessableEntityError, "invalid", None),
        ({"model": MODEL, "file": ("notes.txt", b"this is no recording\n" * 50)}, openai.UnprocessableEntityError, "media_unreadable", None),
        ({"model": MODEL, "file": ("empty.wav", b"")}, openai.UnprocessableEntityError, "media_empty", None),
        ({"model": MODEL, "file": ("large.wav", bytes(10_000_001))}, openai.APIStatusError, "too_large", None),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    app: App, client: AsyncOpenAI, speech: Path, form: dict[str, Any], kind: type[openai.APIStatusError], code: str, param: str | None
) -> None:  # fmt: skip
    """Each is an error in OpenAI's shape, and neither a recording nor a file stays behind."""
    with pytest.raises(kind) as caught:
        await client.audio.transcriptions.create(**{"file": speech, **form})
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.body["message"]  # type: ignore[index]
    assert (await app.media.list(LOCAL)).items == []
    files = [path for path in app.settings.data_dir.rglob("*") if path.is_file()]
    assert files == list(app.settings.data_dir.rglob("videochat.db*"))


async def test_fields_may_come_after_the_file(app: App, client: AsyncOpenAI, working: None, speech: Path) -> None:
    """The order of a form means nothing; a field that is sent empty is one that is not sent."""
    content = await asyncio.to_thread(speech.read_bytes)
    parts = {"model": MODEL, "language": "", "response_format": "text", "timestamp_granularities[]": "word"}
    fields = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
    )
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + content
    kind = {"content-type": "multipart/form-data; boundary=x"}
    async with httpx.AsyncClient(base_url=str(client.base_url), timeout=60) as raw:
        body = file + f"\r\n{fields}--x--\r\n".encode()
        answer = await raw.post("audio/transcriptions", content=body, headers=kind)
    assert WORDS in answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-transcript-note"].startswith("Transcribed by the basic offline recogniser")


async def test_nothing_is_said_to_be_translated(client: AsyncOpenAI, speech: Path) -> None:
    """No engine here translates, and a transcript in the same language would be a lie."""
    with pytest.raises(openai.BadRequestError) as caught, pytest.warns(DeprecationWarning, match="deprecated"):
        await client.audio.translations.create(file=speech, model=MODEL)
    assert caught.value.code == "unsupported"


async def test_models(client: AsyncOpenAI) -> None:
    """What can listen and what can answer; what is not there is a 404 that every client understands."""
    listed = [model.id async for model in client.models.list()]
    assert listed == ["whisper-1", "pocketsphinx", "library"]
    for name in [*listed, "default"]:
        assert (await client.models.retrieve(name)).id == name
    for name in ("gpt-9", "media:med_none"):
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve(name)
        assert json.loads(caught.value.response.text)["error"]["type"] == "invalid_request_error"
