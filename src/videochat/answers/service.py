"""What can be done with answers: ask, write, follow by events, cancel, look at conversations."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import structlog

from videochat.access.quotas import Quotas
from videochat.answers import chat, repository
from videochat.answers.answer import Answer, Conversation, Coverage, Status
from videochat.answers.breaker import Breaker
from videochat.answers.metered import Metered
from videochat.answers.provider import Provider, Request
from videochat.answers.recorder import EndedElsewhereError, Recorder, tell_end
from videochat.errors import (
    BusyError,
    InvalidError,
    NotFoundError,
    ProviderError,
    TooLargeError,
    VideoChatError,
)
from videochat.ops.actor import Actor
from videochat.ops.logging import request_id
from videochat.ops.tasks import cancelled
from videochat.ops.telemetry import Telemetry
from videochat.passages.service import Found, PassageService
from videochat.sections import AiSettings
from videochat.store import events
from videochat.store.feed import EventFeed
from videochat.store.fingerprint import new_id
from videochat.store.page import Page, decode_cursor, encode_cursor
from videochat.store.session import Database

log = structlog.get_logger(__name__)

MAX_QUESTION = 4000
MAX_TITLE = 120
MAX_RUNNING = 64  # answers that one process writes at a time
MAX_PASSAGES = 60
# With more recordings than this an answer rests on what the search finds; with fewer, also on passages spread over them.
FEW_MEDIA = 20
ABANDONED_MINUTES = 10.0
INTERRUPTED = {"code": "interrupted", "message": "The answer was interrupted before it was complete; ask again."}


class AnswerService:
    """Questions to recordings, and the answers' whole life.

    `ask` stores the question, `start` has this process write the answer, `run` writes it in the caller's task. What is
    written is followed through the events of the stream `answer:ID`: status, text, citation, usage, end.
    """

    def __init__(
        self,
        database: Database,
        passages: PassageService,
        provider: Provider,
        feed: EventFeed,
        ai: AiSettings,
        telemetry: Telemetry,
        quotas: Quotas,
    ) -> None:
        self.provider = provider
        self._quotas = quotas
        self._database = database
        self._passages = passages
        self._feed = feed
        self._ai = ai
        self._metrics, self._tracer = telemetry.metrics, telemetry.tracer
        self._running: dict[str, asyncio.Task[None]] = {}
        self._retired: set[asyncio.Task[None]] = set()
        self.breaker = Breaker()

    def use(self, provider: Provider, ai: AiSettings) -> None:
        """Have answers from now on written by this provider; the one before is closed when its last answer has ended."""
        before, self.provider, self._ai = self.provider, provider, ai
        self.breaker = Breaker()
        retiring = asyncio.create_task(_retire(before, [*self._running.values()]), name="provider-retiring")
        self._retired.add(retiring)
        retiring.add_done_callback(self._retired.discard)

    async def ask(
        self, actor: Actor, question: str, media: list[str] | None = None, conversation: str | None = None
    ) -> Answer:
        """Store a question to these media (None: the whole library), in this conversation or a new one.

        Raises InvalidError, TooLargeError, BusyError, QuotaError, and NotFoundError for what the actor may not read.
        """
        question = checked_question(question)
        if media is not None and not media:
            raise InvalidError("Choose at least one recording, or leave `media` out to ask all of them.")
        if len(self._running) >= MAX_RUNNING:
            raise BusyError("Too many answers are being written; try again in a moment.")
        now = datetime.now(UTC)
        async with self._database.write() as session:
            await self._quotas.require(session, actor, "tokens", 1)
            if media and (unknown := await repository.unknown_media(session, actor, media)):
                raise NotFoundError(f"There is no recording {unknown[0]}.")
            if conversation is None:
                conversation = new_id("cnv")
                title = Conversation(conversation, question[:MAX_TITLE], now)
                await repository.insert_conversation(session, actor.id, title)
            elif await repository.conversation(session, actor.id, conversation) is None:
                raise NotFoundError(f"There is no conversation {conversation}.")
            answer = Answer(
                id=new_id("ans"), conversation_id=conversation, owner=actor.id, question=question,
                media=None if media is None else tuple(dict.fromkeys(media)), status="running", text="", citations=(),
                coverage=await repository.coverage(session, actor, media), provider=self.provider.name,
                model=self.provider.model, usage={}, error=None, created_at=now, finished_at=None,
            )  # fmt: skip
            await repository.insert_answer(session, answer)
            stream = repository.stream_of(answer.id)
            await events.append(session, stream, "status", {"status": "running"}, owner=actor.id)
        self._feed.poke(stream)
        return answer

    def start(self, answer: Answer) -> None:
        """Have this process write the answer while the caller goes on."""
        task = asyncio.create_task(self.run(answer.id), name=f"answer-{answer.id}")
        self._running[answer.id] = task
        task.add_done_callback(lambda done: self._forget(answer.id, done))

    def _forget(self, answer_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(answer_id, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("answer.crashed", answer_id=answer_id, exc_info=error)

    async def run(self, answer_id: str) -> None:
        """Write the answer until it has ended, however it ends. Errors of the provider end up in the answer."""
        async with self._database.read() as session:
            answer = await repository.get(session, answer_id)
        if answer is None or answer.status != "running":
            return
        recorder = Recorder(self._database, self._feed, answer)
        started = time.perf_counter()
        outcome: tuple[Status, dict[str, str] | None] | None = ("failed", INTERRUPTED)
        try:
            await self._write(answer, recorder)
            outcome = ("completed", None)
        except EndedElsewhereError:
            outcome = None
        except VideoChatError as error:
            log.warning("answer.failed", answer_id=answer_id, code=error.reason, error=error.message)
            outcome = ("failed", {"code": error.reason, "message": error.message})
        finally:
            self._count(answer, outcome[0] if outcome else "cancelled", recorder.usage, time.perf_counter() - started)
            if outcome is not None:
                await recorder.end(*outcome)

    def _count(self, answer: Answer, status: Status, usage: Mapping[str, int], seconds: float) -> None:
        self._metrics.answers.labels(answer.provider, status).inc()
        self._metrics.answer_seconds.labels(answer.provider).observe(seconds)
        for kind, tokens in usage.items():
            self._metrics.tokens.labels(answer.provider, kind.removesuffix("_tokens")).inc(tokens or 0)

    async def _write(self, answer: Answer, recorder: Recorder) -> None:
        request, coverage = await self._prepare(answer)
        recorder.covers(coverage)
        if not request.sources and coverage["transcribed"] == 0:
            recorder.add(chat.NOTHING_TRANSCRIBED[chat.language_of(answer.question)])
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(recorder.record())
                await self._ask_provider(answer, request, recorder)
                recorder.complete()
        except ExceptionGroup as failures:  # one reason is enough: what failed first made the rest end
            raise failures.exceptions[0] from failures
        if not recorder.text.strip():
            raise ProviderError("The language model gave an empty answer; ask again or choose another model.")

    async def _ask_provider(self, answer: Answer, request: Request, recorder: Recorder) -> None:
        about = {"answer": answer.id, "provider": answer.provider, "model": answer.model or "none"}
        with self._tracer.span(f"provider {answer.provider}", request_id(), about, kind="client") as span:
            async with aclosing(chat.respond(Metered(self.provider, self._metrics, self.breaker), request)) as parts:
                async for part in parts:
                    recorder.add(part)
            span.set(**recorder.usage)

    async def _prepare(self, answer: Answer) -> tuple[Request, Coverage]:
        media = None if answer.media is None else list(answer.media)
        async with self._database.read() as session:
            turns = await repository.turns_before(session, answer, chat.HISTORY_TURNS)
            coverage = await repository.coverage(session, Actor(answer.owner), media)
        found = await self._find(Actor(answer.owner), chat.retrieval_query(answer.question, turns), media, coverage)
        sources = chat.within_budget(found, self._ai.context_tokens)
        request = Request(answer.question, sources, chat.history_for_provider(turns))
        return request, {**coverage, "passages": len(sources)}

    async def _find(self, actor: Actor, query: str, media: list[str] | None, coverage: Coverage) -> list[Found]:
        """Return what fits the query, best first; in few recordings followed by passages from all over them."""
        found = await self._passages.retrieve(actor, query, media=media, limit=MAX_PASSAGES)
        if coverage["media"] <= FEW_MEDIA:
            found = [*found, *await self._passages.overview(actor, media, limit=MAX_PASSAGES)]
        return found

    async def get(self, actor: Actor, answer_id: str) -> Answer:
        """Return the answer as it is now, also while it is written. Raises NotFoundError."""
        async with self._database.read() as session:
            answer = await repository.get(session, answer_id, actor.id)
        if answer is None:
            raise NotFoundError(f"There is no answer {answer_id}.")
        return answer

    async def cancel(self, actor: Actor, answer_id: str) -> Answer:
        """End a running answer, whichever process writes it, and keep its text so far; an ended one stays as it is."""
        answer = await self.get(actor, answer_id)
        async with self._database.write() as session:
            if await repository.end(session, answer_id, "cancelled"):
                answer = await tell_end(session, answer_id)
        self._feed.poke(repository.stream_of(answer_id))
        if task := self._running.get(answer_id):
            task.cancel()
        return answer

    async def recover(self, older_than_minutes: float = ABANDONED_MINUTES) -> int:
        """Mark answers as failed that a dead process left running, and return how many they were."""
        before = datetime.now(UTC) - timedelta(minutes=older_than_minutes)
        async with self._database.write() as session:
            left = [one for one in await repository.left_running(session, before) if one not in self._running]
            for answer_id in left:
                if await repository.end(session, answer_id, "failed", error=INTERRUPTED):
                    await tell_end(session, answer_id)
        self._feed.poke()
        return len(left)

    async def conversations(
        self, actor: Actor, cursor: str | None = None, limit: int = 50, *, about: str | None = None
    ) -> Page[Conversation]:
        """Return the actor's conversations, newest first. Raises InvalidError for a wrong cursor.

        `about` keeps those with a question to this recording alone, or to all of them ("library").
        """
        async with self._database.read() as session:
            found = await repository.conversations(session, actor.id, decode_cursor(cursor), limit + 1, about)
        return Page.of(found, limit, lambda last: encode_cursor(last.created_at, last.id))

    async def conversation(self, actor: Actor, conversation_id: str) -> tuple[Conversation, list[Answer]]:
        """Return the conversation with its answers, oldest first. Raises NotFoundError."""
        async with self._database.read() as session:
            found = await repository.conversation(session, actor.id, conversation_id)
            if found is None:
                raise NotFoundError(f"There is no conversation {conversation_id}.")
            return found, await repository.answers_of(session, conversation_id)

    async def delete_conversation(self, actor: Actor, conversation_id: str) -> None:
        """Remove the conversation, its answers and their events; an answer that is being written stops. NotFoundError."""
        _, answers = await self.conversation(actor, conversation_id)
        async with self._database.write() as session:
            await repository.delete_conversation(session, conversation_id)
        for answer in answers:
            if task := self._running.get(answer.id):
                task.cancel()

    async def close(self) -> None:
        """Stop writing: answers that are not complete are stored as failed. Closes the provider."""
        await cancelled(*self._running.values())
        await asyncio.gather(*self._retired, return_exceptions=True)
        await self.provider.close()


async def _retire(provider: Provider, answers: Sequence[asyncio.Task[None]]) -> None:
    if answers:
        await asyncio.wait(answers)
    await provider.close()


def checked_question(question: str) -> str:
    """Return the question as it is stored. Raises InvalidError and TooLargeError."""
    # NUL and lone surrogates can be sent as JSON but not stored.
    question = question.replace("\x00", "").encode("utf-8", "ignore").decode().strip()
    if not question:
        raise InvalidError("Ask a question: it is empty.")
    if len(question) > MAX_QUESTION:
        raise TooLargeError(f"The question is too long: at most {MAX_QUESTION} characters.")
    return question
