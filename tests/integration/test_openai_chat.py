"""Chat completions through OpenAI's own client: a real server, and a language model behind a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from sqlalchemy import text

from library import add_media, add_recording
from loopback import openai_client, serving
from stub_provider import Reply, StubProvider, stub_provider
from videochat.answers import service
from videochat.app import App, open_app
from videochat.settings import Settings
from videochat.web.server import create_api
from waiting import until

LECTURE = ("Plants are green.", "Chlorophyll absorbs red and blue light.", "It doesn't absorb 550 nanometres.")
CITED = Reply(("It absorbs ", "light.", ' [p1: "absorbs red and blue light"]'))
TEXT = "It absorbs light. [1]"
SOURCES = "\n\nSources:\n[1] m1.mp4, 0:00:05: "
ASKED: list[Any] = [{"role": "user", "content": "What does chlorophyll absorb?"}]


@asynccontextmanager
async def place(
    url: str, folder: Path, *replies: Reply, **ai: Any
) -> AsyncIterator[tuple[App, StubProvider, AsyncOpenAI]]:
    """Open a service that holds a lecture, with a language model that gives these replies, and a client of it."""
    async with stub_provider(*replies) as stub:
        model = {"base_url": stub.base_url, "api_key": "none", "model": "stub", "max_retries": 0, **ai}
        async with open_app(Settings(data_dir=folder / "data", database={"url": url}, ai=model)) as app:
            await add_recording(app.database, "m1", *LECTURE)
            async with serving(create_api(app)) as address, openai_client(address) as client:
                yield app, stub, client


async def test_an_answer_with_its_proof(database_url: str, tmp_path: Path) -> None:
    """The text keeps its numbers; each is a quote with its time, an address to look at, and a line below the text."""
    async with place(database_url, tmp_path, CITED) as (app, stub, client):
        answer = await client.chat.completions.create(model="media:m1", messages=ASKED, temperature=0.3)
        (choice,) = answer.choices
        assert (answer.object, answer.model, choice.finish_reason) == ("chat.completion", "media:m1", "stop")
        page = str(client.base_url).removesuffix("/v1/")
        url = f"{page}/media/m1?t=5.00"
        assert choice.message.content == f"{TEXT}{SOURCES}{url}"
        (citation,) = choice.message.citations  # type: ignore[attr-defined]
        assert (citation["n"], citation["media_id"], citation["start"], citation["end"]) == (1, "m1", 5.0, 10.0)
        assert (citation["quote"], citation["check"]) == ("absorbs red and blue light", "verified")
        assert choice.message.annotations is not None
        (annotation,) = choice.message.annotations
        place_ = annotation.url_citation
        assert TEXT[place_.start_index : place_.end_index] == "[1]"
        assert (place_.title, place_.url) == ("m1.mp4", url)
        assert answer.usage is not None
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 7, 18)
        assert answer.coverage["complete"] is True  # type: ignore[attr-defined]
        assert len(stub.requests) == 1
        assert await rows(app) == {"answers": 0, "conversations": 0, "events": 0}


async def rows(app: App) -> dict[str, int]:
    async with app.database.read() as session:
        return {
            table: (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # our own names
            for table in ("answers", "conversations", "events")
        }


async def test_a_stream_is_the_same_answer(database_url: str, tmp_path: Path) -> None:
    """Piece by piece, with the proof before the end, and usage for who asks for it."""
    async with place(database_url, tmp_path, CITED) as (_, _, client):
        stream = await client.chat.completions.create(
            model="library", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        *told, last = chunks
        deltas = [chunk.choices[0].delta for chunk in told]
        whole = "".join(delta.content or "" for delta in deltas)
        assert whole.startswith(f"{TEXT}{SOURCES}")
        assert [delta.role for delta in deltas] == ["assistant", *[None] * (len(deltas) - 1)]
        assert len(deltas) > 4
        assert [chunk.choices[0].finish_reason for chunk in told] == [*[None] * (len(told) - 1), "stop"]
        (citation,) = deltas[-2].citations  # type: ignore[attr-defined]
        assert citation["quote"] == "absorbs red and blue light"
        assert (last.choices, last.usage and last.usage.total_tokens) == ([], 18)
        assert len({chunk.id for chunk in chunks}) == 1
        without = await client.chat.completions.create(model="library", messages=ASKED, stream=True)
        assert [chunk.usage async for chunk in without if chunk.usage] == []


async def test_what_was_said_before_is_the_conversation(database_url: str, tmp_path: Path) -> None:
    """Turns go to the language model without numbers and lists; what nobody answered and system messages do not."""
    before: list[Any] = [
        {"role": "system", "content": "Speak like a pirate."},
        {"role": "user", "content": "Never answered"},
        {"role": "user", "content": [{"type": "text", "text": "Which colour\0 have plants?"}]},
        {"role": "assistant", "content": f"Green. [1]{SOURCES}http://127.0.0.1/media/m1?t=0"},
    ]
    async with place(database_url, tmp_path, CITED) as (_, stub, client):
        await client.chat.completions.create(
            model="library", messages=[*before, {"role": "user", "content": "And why?"}]
        )
        messages = stub.requests[0]["messages"]
        assert [(one["role"], one["content"]) for one in messages[1:-1]] == [
            ("user", "Which colour have plants?"),
            ("assistant", "Green."),
        ]
        assert "Question: And why?" in messages[-1]["content"]
        assert "pirate" not in str(messages)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=401), "provider_denied"),
        (Reply(status=500), "provider_unavailable"),
        (Reply(status=429), "provider_unavailable"),
        (Reply(()), "provider_failed"),
        (Reply(("Half an ",), then="close"), "provider_failed"),
        (Reply(("Half an ",), then="garbage"), "provider_failed"),
        (Reply(("Half an ",), finish="length"), "provider_failed"),
        (Reply(("Half an ",), then="stall"), "provider_failed"),
    ],
)
async def test_a_fault_is_never_an_answer(tmp_path: Path, reply: Reply, code: str) -> None:
    """Whole or not at all; in a stream what comes after the first words is an error event, and never a finish."""
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    async with place(url, tmp_path, reply, timeout=0.5) as (_, stub, client):
        asking = client.with_options(max_retries=1)
        with pytest.raises(openai.APIStatusError) as whole:
            await asking.chat.completions.create(model="library", messages=ASKED)
        assert (whole.value.status_code, whole.value.code) == (502, code)
        assert "secret" not in str(whole.value.body)
        assert len(stub.requests) == (2 if code == "provider_unavailable" else 1)  # sent again only where it may help
        with pytest.raises(openai.APIError) as streamed:
            async for chunk in await client.chat.completions.create(model="library", messages=ASKED, stream=True):
                assert chunk.choices[0].finish_reason is None
        assert streamed.value.code == code
        assert isinstance(streamed.value, openai.APIStatusError) is (not reply.pieces)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pieces", [(), ("Half an ",)])
async def test_who_leaves_frees_the_language_model(tmp_path: Path, stream: bool, pieces: tuple[str, ...]) -> None:
    """Within a second, whether or not anything was said, streamed or not: eight of eight."""
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    async with place(url, tmp_path, Reply(pieces, then="stall"), timeout=60) as (app, stub, client):

        async def ask() -> None:
            answer: Any = await client.chat.completions.create(model="library", messages=ASKED, stream=stream)
            async for _ in answer:
                pass

        asking = [asyncio.create_task(ask()) for _ in range(8)]
        await until(lambda: len(stub.requests) == 8)
        for one in asking:
            one.cancel()
        assert await until(lambda: stub.cut == 8) < 1
        await asyncio.gather(*asking, return_exceptions=True)
        await until(lambda: app.metrics.totals()["videochat_answers"] == {("pydantic-ai", "cancelled"): (8,)})
        assert not app.answers._passing


@pytest.mark.parametrize(
    ("changes", "kind", "code", "param"),
    [
        ({"model": "gpt-4o"}, openai.NotFoundError, "model_not_found", None),
        ({"model": "media:m2"}, openai.NotFoundError, "not_found", None),
        ({"messages": [{"role": "system", "content": "x"}]}, openai.UnprocessableEntityError, "invalid", None),
        ({"messages": []}, openai.UnprocessableEntityError, "invalid", "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
            openai.UnprocessableEntityError,
            "invalid",
            "messages.0.content",
        ),
        ({"messages": [{"role": "user", "content": " "}]}, openai.UnprocessableEntityError, "invalid", None),
        ({"messages": [{"role": "user", "content": "x" * 5000}]}, openai.APIStatusError, "too_large", None),
        ({"n": 2}, openai.UnprocessableEntityError, "invalid", "n"),
        (
            {"response_format": {"type": "json_object"}},
            openai.UnprocessableEntityError,
            "invalid",
            "response_format.type",
        ),
    ],
)
async def test_what_cannot_be_asked(
    tmp_path: Path, changes: dict[str, Any], kind: type[openai.APIStatusError], code: str, param: str | None
) -> None:
    """What would have to be answered falsely is refused before anybody is asked, also when a stream was wanted."""
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    async with place(url, tmp_path, CITED) as (_, stub, client):
        for stream in (False, True):
            with pytest.raises(kind) as caught:
                await client.chat.completions.create(
                    **{"model": "library", "messages": ASKED, "stream": stream, **changes}
                )
            assert (caught.value.code, caught.value.param) == (code, param)
        assert stub.requests == []


async def test_too_many_at_a_time_are_told_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that nobody stores count like all others."""
    monkeypatch.setattr(service, "MAX_RUNNING", 1)
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    async with place(url, tmp_path, Reply(("Half",), then="stall"), timeout=60) as (_, _, client):
        first = await client.chat.completions.create(model="library", messages=ASKED, stream=True)
        with pytest.raises(openai.InternalServerError) as caught:
            await client.with_options(max_retries=0).chat.completions.create(model="library", messages=ASKED)
        assert (caught.value.status_code, caught.value.code) == (503, "busy")
        await first.close()


async def test_nothing_to_answer_from_is_said(tmp_path: Path) -> None:
    """Where nothing is transcribed the answer says so, costs nothing, and the coverage is not complete."""
    url = f"sqlite:///{tmp_path / 'videochat.db'}"
    async with open_app(Settings(data_dir=tmp_path / "data", database={"url": url})) as app:
        await add_media(app.database, "m1")
        async with serving(create_api(app)) as address, openai_client(address) as client:
            answer = await client.chat.completions.create(model="media:m1", messages=ASKED)
            assert (answer.choices[0].message.content or "").startswith("Nothing has been transcribed")
            assert answer.usage is not None
            assert answer.usage.total_tokens == 0
            assert answer.coverage["complete"] is False  # type: ignore[attr-defined]
