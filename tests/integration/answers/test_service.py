"""Answers on real databases: stored as they come, followed by events, ended once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from fake_provider import FakeProvider
from library import add_media, add_recording, add_transcript, spoken
from unlimited import unlimited
from videochat.answers.answer import Answer
from videochat.answers.provider import Provider, Usage
from videochat.answers.providers.extractive import Extractive
from videochat.answers.service import AnswerService
from videochat.errors import (
    BusyError,
    InvalidError,
    NotFoundError,
    ProviderDeniedError,
    ProviderError,
    ProviderUnavailableError,
    TooLargeError,
)
from videochat.ops.actor import LOCAL, Actor
from videochat.ops.telemetry import Telemetry
from videochat.passages.service import PassageService
from videochat.sections import AiSettings
from videochat.store.feed import EventFeed
from videochat.store.session import Database

LECTURE = ("Plants are green.", "Chlorophyll absorbs red and blue light.", "It doesn't absorb 550 nanometres.")
CITED = ["It absorbs light. ", '[p1: "absorbs red and', ' blue light"]', " And more.", Usage(5, 6)]


def service_of(
    database: Database, provider: Provider | Sequence[Any], telemetry: Telemetry | None = None, **ai: Any
) -> AnswerService:
    made: Any = FakeProvider(provider) if isinstance(provider, list) else provider
    return AnswerService(
        database,
        PassageService(database),
        made,
        EventFeed(database),
        AiSettings(**ai),
        telemetry or Telemetry(),
        unlimited(database),
    )


async def events_of(database: Database, answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, event.data) for event in await EventFeed(database).page(0, f"answer:{answer.id}")]


async def running(service: AnswerService, answer: Answer, text: str) -> None:
    """Wait until the answer's text begins so."""
    async with asyncio.timeout(5):
        while not (await service.get(LOCAL, answer.id)).text.startswith(text):
            await asyncio.sleep(0.01)


async def test_an_answer_is_stored_with_its_citations_and_events(database: Database) -> None:
    """Events come in the order of the text, each citation before its number, and end with the whole answer."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, CITED)
    asked = await service.ask(LOCAL, "What does chlorophyll absorb?", ["m1"])
    assert asked.status == "running"
    await service.run(asked.id)
    answer = await service.get(LOCAL, asked.id)
    assert (answer.status, answer.text) == ("completed", "It absorbs light. [1] And more.")
    (citation,) = answer.citations
    assert (citation.n, citation.media_id, citation.start, citation.end) == (1, "m1", 5.0, 10.0)
    assert (citation.quote, citation.segments, citation.check) == ("absorbs red and blue light", (1,), "verified")
    assert answer.usage == {"input_tokens": 5, "output_tokens": 6}
    assert answer.coverage == {
        "media": 1, "duration": 600.0, "transcribed": 15.0, "complete": True, "passages": 1, "uncited": 1,
    }  # fmt: skip
    events = await events_of(database, asked)
    assert "".join(data["text"] for kind, data in events if kind == "text") == answer.text
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "status"
    assert kinds.index("citation") < kinds.index("usage") < kinds.index("end") == len(kinds) - 1
    assert events[-1][1] == answer.as_json()
    assert events[-2] == ("status", {"status": "completed"})


async def test_what_an_answer_costs_is_stored_and_counted(database: Database) -> None:
    """Where the provider knows its price; a reply that failed after it was paid for counts as well."""
    await add_recording(database, "m1", *LECTURE)
    telemetry = Telemetry()
    pieces = ["It absorbs light.", Usage(5, 6, cost_usd=0.25), ProviderError("no good")]
    service = service_of(database, pieces, telemetry)
    asked = await service.ask(LOCAL, "What does chlorophyll absorb?", ["m1"])
    await service.run(asked.id)
    answer = await service.get(LOCAL, asked.id)
    assert answer.status == "failed"
    assert answer.usage == {"input_tokens": 5, "output_tokens": 6, "cost_usd": 0.25}
    assert telemetry.metrics.totals()["videochat_provider_cost_usd"] == {("fake",): (0.25,)}


async def test_readers_see_text_before_the_provider_has_ended(database: Database) -> None:
    """The first words are committed while the provider is still writing."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, ["First words.", ...])
    asked = await service.ask(LOCAL, "chlorophyll?", ["m1"])
    service.start(asked)
    await running(service, asked, "First words.")
    assert (await service.get(LOCAL, asked.id)).status == "running"
    await service.close()


async def test_cancelling_frees_the_provider_and_keeps_the_text(database: Database) -> None:
    """A cancelled answer ends at once with the text so far, and a second cancel changes nothing."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, ["Half an ", ...])
    asked = await service.ask(LOCAL, "chlorophyll?", ["m1"])
    service.start(asked)
    await running(service, asked, "Half")
    cancelled = await service.cancel(LOCAL, asked.id)
    assert (cancelled.status, cancelled.text) == ("cancelled", "Half an ")
    assert await service.cancel(LOCAL, asked.id) == cancelled
    async with asyncio.timeout(1):
        while not service.provider.left:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
    await service.close()
    kinds = [kind for kind, _ in await events_of(database, asked)]
    assert kinds.count("end") == 1
    assert (await service.get(LOCAL, asked.id)).status == "cancelled"


async def test_an_answer_can_be_cancelled_from_another_process(database: Database) -> None:
    """The writer notices within about half a second, also while its provider is silent."""
    await add_recording(database, "m1", *LECTURE)
    writer, other = service_of(database, ["Half an ", ...]), service_of(database, [])
    asked = await writer.ask(LOCAL, "chlorophyll?", ["m1"])
    task = asyncio.create_task(writer.run(asked.id))
    await running(other, asked, "Half")
    await other.cancel(LOCAL, asked.id)
    async with asyncio.timeout(3):
        await task
    assert writer.provider.left == 1  # type: ignore[attr-defined]
    assert (await other.get(LOCAL, asked.id)).status == "cancelled"


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([ProviderDeniedError()], "provider_denied"),
        (["Half an answer", ProviderUnavailableError()], "provider_unavailable"),
        ([], "provider_failed"),
        (["  \n "], "provider_failed"),
        (["word " * 50_000], "provider_failed"),
    ],
)
async def test_a_fault_is_stored_as_failed(database: Database, pieces: list[Any], code: str) -> None:
    """Whatever the provider does wrong, the answer is failed with a reason and its stream ends."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, pieces)
    asked = await service.ask(LOCAL, "chlorophyll?", ["m1"])
    await service.run(asked.id)
    answer = await service.get(LOCAL, asked.id)
    assert answer.status == "failed"
    assert answer.error is not None
    assert answer.error["code"] == code
    assert answer.error["message"]
    kind, data = (await events_of(database, asked))[-1]
    assert (kind, data["status"]) == ("end", "failed")


async def test_a_bug_in_a_provider_leaves_nothing_running(database: Database) -> None:
    """An error that nobody expected still ends the answer, and is raised for the log."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, [ZeroDivisionError()])
    asked = await service.ask(LOCAL, "chlorophyll?", ["m1"])
    with pytest.raises(ZeroDivisionError):
        await service.run(asked.id)
    assert (await service.get(LOCAL, asked.id)).status == "failed"


async def test_closing_the_service_ends_what_it_writes(database: Database) -> None:
    """A process that stops leaves failed answers, not running ones."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, ["Half", ...])
    asked = await service.ask(LOCAL, "chlorophyll?", ["m1"])
    service.start(asked)
    await running(service, asked, "Half")
    await service.close()
    answer = await service.get(LOCAL, asked.id)
    assert (answer.status, (answer.error or {}).get("code")) == ("failed", "interrupted")


async def test_answers_of_a_dead_process_are_recovered(database: Database) -> None:
    """What has had no event for a while is marked as failed; what is recent is left alone."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, [])
    asked = await service.ask(LOCAL, "chlorophyll?", ["m1"])
    assert await service.recover() == 0
    assert await service.recover(older_than_minutes=-1) == 1
    assert (await service.get(LOCAL, asked.id)).status == "failed"
    assert await service.recover(older_than_minutes=-1) == 0


async def test_a_question_is_checked_before_anything_is_stored(database: Database) -> None:
    """Empty, too long, to unknown or other people's media, in unknown conversations: each a clear error."""
    await add_recording(database, "mine", *LECTURE)
    await add_recording(database, "theirs", *LECTURE, owner="them")
    service = service_of(database, [])
    for question, media, conversation, error in [
        (" \x00 ", ["mine"], None, InvalidError),
        ("x" * 4001, ["mine"], None, TooLargeError),
        ("why?", ["nothing"], None, NotFoundError),
        ("why?", ["mine", "theirs"], None, NotFoundError),
        ("why?", [], None, InvalidError),
        ("why?", ["mine"], "cnv_unknown", NotFoundError),
    ]:
        with pytest.raises(error):
            await service.ask(LOCAL, question, media, conversation)
    assert not (await service.conversations(LOCAL)).items


async def test_too_many_answers_at_a_time_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its limit a process says that it is busy instead of taking more."""
    monkeypatch.setattr("videochat.answers.service.MAX_RUNNING", 1)
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, [...])
    service.start(await service.ask(LOCAL, "chlorophyll?", ["m1"]))
    with pytest.raises(BusyError):
        await service.ask(LOCAL, "chlorophyll?", ["m1"])
    await service.close()


async def test_nobody_sees_the_answers_of_others(database: Database) -> None:
    """Answers and conversations of another owner are unknown, by every way to ask for them."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, CITED)
    answer = await service.ask(LOCAL, "chlorophyll?", ["m1"])
    other = Actor("other")
    for attempt in (
        service.get(other, answer.id),
        service.cancel(other, answer.id),
        service.conversation(other, answer.conversation_id),
        service.delete_conversation(other, answer.conversation_id),
        service.ask(other, "and?", None, answer.conversation_id),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    assert not (await service.conversations(other)).items


async def test_a_library_question_reads_only_ones_own_media(database: Database) -> None:
    """Asking everything means everything of the actor: coverage and passages know no other medium."""
    await add_recording(database, "mine", *LECTURE)
    await add_recording(database, "theirs", *LECTURE, owner="them")
    service = service_of(database, CITED)
    answer = await service.ask(LOCAL, "What does chlorophyll absorb?")
    await service.run(answer.id)
    (request,) = service.provider.requests  # type: ignore[attr-defined]
    assert {source.media_id for source in request.sources} == {"mine"}
    assert (await service.get(LOCAL, answer.id)).coverage["media"] == 1


async def test_a_small_library_is_read_also_where_no_word_matches(database: Database) -> None:
    """A question in another language than the recordings reaches the model with passages from all of them."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, CITED)
    answer = await service.ask(LOCAL, "叶绿素吸收什么？")
    await service.run(answer.id)
    assert (await service.get(LOCAL, answer.id)).citations


async def test_a_conversation_remembers_its_turns(database: Database) -> None:
    """A later question gets the earlier turns, without their citation numbers, and is searched with their words."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, CITED)
    first = await service.ask(LOCAL, "What does chlorophyll absorb?")
    await service.run(first.id)
    second = await service.ask(LOCAL, "And why?", None, first.conversation_id)
    await service.run(second.id)
    request = service.provider.requests[1]  # type: ignore[attr-defined]
    assert [(turn.question, turn.answer) for turn in request.history] == [
        ("What does chlorophyll absorb?", "It absorbs light. And more.")
    ]
    assert request.sources[0].score > 0
    conversation, answers = await service.conversation(LOCAL, first.conversation_id)
    assert conversation.title == "What does chlorophyll absorb?"
    assert [answer.id for answer in answers] == [first.id, second.id]


async def test_conversations_come_in_pages_and_can_be_removed(database: Database) -> None:
    """Newest first, asked on with the cursor; removing one removes its answers and their events."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, CITED)
    asked = [await service.ask(LOCAL, f"Question {n}?", ["m1"]) for n in range(3)]
    page = await service.conversations(LOCAL, limit=2)
    rest = await service.conversations(LOCAL, page.next, limit=2)
    assert [one.title for one in (*page.items, *rest.items)] == ["Question 2?", "Question 1?", "Question 0?"]
    assert rest.next is None
    await service.delete_conversation(LOCAL, asked[0].conversation_id)
    with pytest.raises(NotFoundError):
        await service.get(LOCAL, asked[0].id)
    assert await events_of(database, asked[0]) == []
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM answers")) == 2


async def test_the_conversations_about_one_recording_are_found(database: Database) -> None:
    """A reader of one recording, or of the library, finds what was asked of exactly that."""
    await add_recording(database, "m1", *LECTURE)
    await add_recording(database, "m2", *LECTURE)
    service = service_of(database, CITED)
    for question, media in [("one?", ["m1"]), ("both?", ["m1", "m2"]), ("all?", None), ("two?", ["m2"])]:
        first = await service.ask(LOCAL, question, media)
        await service.ask(LOCAL, "And why?", media, first.conversation_id)

    async def titles(about: str, actor: Actor = LOCAL) -> list[str]:
        return [one.title for one in (await service.conversations(actor, about=about)).items]

    assert [await titles(about) for about in ("m1", "m2", "library")] == [["one?"], ["two?"], ["all?"]]
    assert [await titles("m3"), await titles("m1", Actor("somebody"))] == [[], []]


async def test_a_growing_transcript_is_asked_as_far_as_it_goes(database: Database) -> None:
    """While a recording is being transcribed its first part answers, and the coverage says that it is a part."""
    await add_media(database, "m1")
    await add_transcript(database, "m1", spoken(*LECTURE), status="partial")
    service = service_of(database, Extractive())
    asked = await service.ask(LOCAL, "What does chlorophyll absorb?", ["m1"])
    await service.run(asked.id)
    answer = await service.get(LOCAL, asked.id)
    assert (answer.status, answer.coverage["complete"], answer.coverage["transcribed"]) == ("completed", False, 15.0)
    assert answer.citations[0].start == 5.0
    assert answer.text.startswith("Passages that mention “chlorophyll”, “absorb”:")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who painted the Mona Lisa?", "No passage contains the words of this question."),
        ("蒙娜丽莎是谁画的？", "没有段落包含这个问题中的词语。"),
    ],
)
async def test_what_nobody_said_is_not_answered(database: Database, question: str, expected: str) -> None:
    """Without a language model a question about something else gets an honest no, in its language and without citations."""
    await add_recording(database, "m1", *LECTURE)
    service = service_of(database, Extractive())
    for media in (["m1"], None):
        asked = await service.ask(LOCAL, question, media)
        await service.run(asked.id)
        answer = await service.get(LOCAL, asked.id)
        assert (answer.status, answer.text, answer.citations) == ("completed", expected, ())


async def test_a_recording_without_text_says_so(database: Database) -> None:
    """Nothing transcribed yet is told and nothing is asked of the provider."""
    await add_media(database, "m1")
    service = service_of(database, ["never"])
    asked = await service.ask(LOCAL, "Anything?", ["m1"])
    await service.run(asked.id)
    answer = await service.get(LOCAL, asked.id)
    assert "Nothing has been transcribed" in answer.text
    assert answer.coverage["complete"] is False
    assert service.provider.requests == []  # type: ignore[attr-defined]
