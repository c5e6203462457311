"""What can be done with answers: ask, write, follow by events, cancel, look at conversations."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from videochat.access import quotas
from videochat.access.quotas import Quotas
from videochat.answers import chat, repository
from videochat.answers.answer import Answer, Conversation, Coverage, Status
from videochat.answers.chat import Part
from videochat.answers.metered import Metered
from videochat.answers.passing import EMPTY, MAX_TEXT, whole
from videochat.answers.provider import Provider, Request, Turn, Usage
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
from videochat.ops.breaker import Breaker
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
    written is followed through the events of the stream `answer:ID`: status, text, citation, usage, end. `write` is for
    those who keep questions and answers themselves.
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
        self._passing: set[asyncio.Future[None]] = set()  # done when an answer that nobody stores has ended
        self._retired: set[asyncio.Task[None]] = set()
        self.breaker = Breaker()

    def use(self, provider: Provider, ai: AiSettings) -> None:
        """Have answers from now on written by this provider; the one before is closed when its last answer has ended."""
        before, self.provider, self._ai = self.provider, provider, ai
        self.breaker = Breaker()
        writing = [*self._running.values(), *self._passing]
        retiring = asyncio.create_task(_retire(before, writing), name="provider-retiring")
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
        self._require_room()
        now = datetime.now(UTC)
        async with self._database.write() as session:
            await self._require_right(session, actor, media)
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

    def _require_room(self) -> None:
        if len(self._running) + len(self._passing) >= MAX_RUNNING:
            raise BusyError("Too many answers are being written; try again in a moment.")

    async def _require_right(self, session: AsyncSession, actor: Actor, media: list[str] | None) -> None:
        await self._quotas.require(session, actor, "tokens", 1)
        if media and (unknown := await repository.unknown_media(session, actor, media)):
            raise NotFoundError(f"There is no recording {unknown[0]}.")

    async def write(
        self, actor: Actor, question: str, media: list[str] | None = None, turns: Sequence[Turn] = ()
    ) -> AsyncGenerator[Coverage | Part, None]:
        """Write an answer straight to the caller and store nothing of it but its price: first what it rests on, then its parts.

        Closing the generator frees the provider at once. Raises what `ask` raises, and what a stored answer would fail with.
        """
        question = checked_question(question)
        turns = [_bounded(turn) for turn in turns[-chat.HISTORY_TURNS :]]
        async with self._database.read() as session:
            await self._require_right(session, actor, media)
            coverage = await repository.coverage(session, actor, media)
        with self._passed_on() as provider:
            request = await self._request(actor, question, media, turns, coverage)
            coverage = {**coverage, "passages": len(request.sources)}
            yield coverage
            if _is_hopeless(request, coverage):
                yield chat.NOTHING_TRANSCRIBED[chat.language_of(question)]
                return
            async with aclosing(self._passed_parts(actor, provider, request)) as parts:
                async for part in parts:
                    yield part

    async def _passed_parts(self, actor: Actor, provider: Provider, request: Request) -> AsyncGenerator[Part, None]:
        about = {"provider": provider.name, "model": provider.model or "none"}
        responding = chat.respond(Metered(provider, self._metrics, self.breaker), request)
        with self._tracer.span(f"provider {provider.name}", request_id(), about, kind="client") as span:
            async with aclosing(whole(responding)) as parts:
                async for part in parts:
                    if isinstance(part, Usage):
                        span.set(**part.as_json())
                        self._count_usage(provider.name, part)
                        async with self._database.write() as session:
                            await quotas.count(session, actor.id, tokens=part.tokens)
                    yield part

    @contextmanager
    def _passed_on(self) -> Iterator[Provider]:
        """Give the provider of now, which stays open for the block. Raises BusyError."""
        self._require_room()
        provider, started = self.provider, time.perf_counter()
        status: Status = "failed"
        ended = asyncio.get_running_loop().create_future()
        self._passing.add(ended)
        try:
            yield provider
            status = "completed"
        except (GeneratorExit, asyncio.CancelledError):
            status = "cancelled"
            raise
        except VideoChatError as error:
            log.warning("answer.failed", code=error.reason, error=error.message)
            raise
        finally:
            self._passing.discard(ended)
            ended.set_result(None)
            self._count(provider.name, status, time.perf_counter() - started)

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
            self._count(answer.provider, outcome[0] if outcome else "cancelled", time.perf_counter() - started)
            self._count_usage(answer.provider, recorder.usage)
            if outcome is not None:
                await recorder.end(*outcome)

    def _count(self, provider: str, status: Status, seconds: float) -> None:
        self._metrics.answers.labels(provider, status).inc()
        self._metrics.answer_seconds.labels(provider).observe(seconds)

    def _count_usage(self, provider: str, usage: Usage | None) -> None:
        if usage is not None:
            self._metrics.tokens.labels(provider, "input").inc(usage.input_tokens)
            self._metrics.tokens.labels(provider, "output").inc(usage.output_tokens)
            self._metrics.provider_cost.labels(provider).inc(usage.cost_usd or 0)

    async def _write(self, answer: Answer, recorder: Recorder) -> None:
        request, coverage = await self._prepare(answer)
        recorder.covers(coverage)
        if _is_hopeless(request, coverage):
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
            raise ProviderError(EMPTY)

    async def _ask_provider(self, answer: Answer, request: Request, recorder: Recorder) -> None:
        about = {"answer": answer.id, "provider": answer.provider, "model": answer.model or "none"}
        with self._tracer.span(f"provider {answer.provider}", request_id(), about, kind="client") as span:
            async with aclosing(chat.respond(Metered(self.provider, self._metrics, self.breaker), request)) as parts:
                async for part in parts:
                    recorder.add(part)
            span.set(**(recorder.usage.as_json() if recorder.usage else {}))

    async def _prepare(self, answer: Answer) -> tuple[Request, Coverage]:
        media = None if answer.media is None else list(answer.media)
        async with self._database.read() as session:
            turns = await repository.turns_before(session, answer, chat.HISTORY_TURNS)
            coverage = await repository.coverage(session, Actor(answer.owner), media)
        request = await self._request(Actor(answer.owner), answer.question, media, turns, coverage)
        return request, {**coverage, "passages": len(request.sources)}

    async def _request(
        self, actor: Actor, question: str, media: list[str] | None, turns: Sequence[Turn], coverage: Coverage
    ) -> Request:
        found = await self._find(actor, chat.retrieval_query(question, turns), media, coverage)
        sources = chat.within_budget(found, self._ai.context_tokens)
        return Request(question, sources, chat.history_for_provider(turns))

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


def _is_hopeless(request: Request, coverage: Coverage) -> bool:
    return not request.sources and coverage["transcribed"] == 0


async def _retire(provider: Provider, answers: Sequence[asyncio.Future[None]]) -> None:
    if answers:
        await asyncio.wait(answers)
    await provider.close()


def _bounded(turn: Turn) -> Turn:
    return Turn(storable(turn.question)[:MAX_QUESTION], storable(turn.answer)[:MAX_TEXT])


def checked_question(question: str) -> str:
    """Return the question as it is stored. Raises InvalidError and TooLargeError."""
    question = storable(question).strip()
    if not question:
        raise InvalidError("Ask a question: it is empty.")
    if len(question) > MAX_QUESTION:
        raise TooLargeError(f"The question is too long: at most {MAX_QUESTION} characters.")
    return question


def storable(text: str) -> str:
    """Return the text without NUL and lone surrogates, which can be sent as JSON but neither stored nor sent on."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
