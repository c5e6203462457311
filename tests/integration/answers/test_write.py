"""Answers that nobody stores: written straight to who asks, on real databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from fake_provider import FakeProvider
from library import add_recording
from unlimited import unlimited
from videochat.access.quotas import Quotas
from videochat.answers.chat import Part
from videochat.answers.citations import Citation
from videochat.answers.provider import Turn, Usage
from videochat.answers.service import AnswerService
from videochat.errors import ProviderError, ProviderUnavailableError
from videochat.ops.actor import LOCAL
from videochat.ops.telemetry import Telemetry
from videochat.passages.service import PassageService
from videochat.sections import AiSettings, LimitSettings
from videochat.store.feed import EventFeed
from videochat.store.session import Database
from waiting import until

LECTURE = ("Plants are green.", "Chlorophyll absorbs red and blue light.")
CITED = ["It absorbs light. ", '[p1: "absorbs red and', ' blue light"]', Usage(5, 6)]


class ClosingProvider(FakeProvider):
    """Says whether it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


def service_of(
    database: Database, pieces: Sequence[Any], quotas: Quotas | None = None, telemetry: Telemetry | None = None
) -> AnswerService:
    return AnswerService(
        database, PassageService(database), ClosingProvider(pieces), EventFeed(database), AiSettings(),
        telemetry or Telemetry(), quotas or unlimited(database),
    )  # fmt: skip


async def all_of(parts: AsyncGenerator[Any, None]) -> list[Any]:
    return [part async for part in parts]


async def test_the_parts_come_with_what_they_rest_on(database: Database) -> None:
    """First the coverage, then text and citation in their order, and the price is counted."""
    await add_recording(database, "m1", *LECTURE)
    quotas, telemetry = Quotas(database, LimitSettings), Telemetry()
    service = service_of(database, CITED, quotas, telemetry)
    coverage, *parts = await all_of(service.write(LOCAL, "What does chlorophyll absorb?", ["m1"]))
    assert (coverage["media"], coverage["passages"], coverage["complete"]) == (1, 1, True)
    assert "".join(part for part in parts if isinstance(part, str)) == "It absorbs light. [1]"
    (citation,) = [part for part in parts if isinstance(part, Citation)]
    assert citation.quote == "absorbs red and blue light"
    assert Usage(5, 6) in parts
    assert (await quotas.usage(LOCAL)).tokens == 11
    assert telemetry.metrics.totals()["videochat_answers"] == {("fake", "completed"): (1,)}


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([ProviderUnavailableError()], "provider_unavailable"),
        (["Half", ProviderError()], "provider_failed"),
        ([" \n"], "provider_failed"),
        (["word " * 50_000], "provider_failed"),
    ],
)
async def test_a_fault_is_raised(database: Database, pieces: list[Any], code: str) -> None:
    """Whatever the provider does wrong; it is counted as failed."""
    await add_recording(database, "m1", *LECTURE)
    telemetry = Telemetry()
    service = service_of(database, pieces, telemetry=telemetry)
    with pytest.raises(ProviderError) as caught:
        await all_of(service.write(LOCAL, "chlorophyll?"))
    assert caught.value.reason == code
    assert telemetry.metrics.totals()["videochat_answers"] == {("fake", "failed"): (1,)}


async def test_earlier_turns_are_bounded(database: Database) -> None:
    """Who sends a long conversation, or what cannot be sent on, costs no more than the last turns of a stored one."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, CITED)
    turns = [Turn(f"Question {n}\0\ud800" + "x" * 9000, f"Answer {n} [1]") for n in range(9)]
    await all_of(service.write(LOCAL, "chlorophyll?", None, turns))
    provider: Any = service.provider
    history = provider.requests[0].history
    assert [turn.answer for turn in history] == ["Answer 6", "Answer 7", "Answer 8"]
    assert all(turn.question.startswith(f"Question {n}xxx") for n, turn in enumerate(history, 6))
    assert max(len(turn.question) for turn in history) == 2000


async def test_a_provider_is_closed_after_its_last_answer(database: Database) -> None:
    """Other settings do not cut off what is being written, stored or not."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, ["Half an ", ...])
    before: Any = service.provider
    began: asyncio.Event = asyncio.Event()

    async def read() -> None:
        parts: AsyncGenerator[Any | Part, None] = service.write(LOCAL, "chlorophyll?")
        async with aclosing(parts):
            async for part in parts:
                if part == "Half an ":
                    began.set()

    reading = asyncio.create_task(read())
    await began.wait()
    service.use(ClosingProvider(CITED), AiSettings())
    await asyncio.sleep(0)
    assert not before.closed
    reading.cancel()
    await until(lambda: before.closed)
    assert before.left == 1
    await service.close()
