"""Chat completions: OpenAI's messages become a question, and an answer's parts OpenAI's completion."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from videochat.answers.answer import Coverage
from videochat.answers.chat import Part
from videochat.answers.citations import Citation, count_uncited
from videochat.answers.provider import Turn, Usage
from videochat.errors import InvalidError, NotFoundError
from videochat.store.fingerprint import new_id
from videochat.transcripts.formats import timestamp
from videochat.web.leaving import event_of
from videochat.web.openai.bodies import ChatMessageIn, Json

LIBRARY = "library"
MEDIA = "media:"
SOURCES = "\n\nSources:\n"
NUMBER = re.compile(r"\[(\d{1,4})\]")


def asked_media(model: str) -> list[str] | None:
    """Return which recordings a model stands for, None for all of them. Raises NotFoundError for what is no such model."""
    if model == LIBRARY:
        return None
    if not model.startswith(MEDIA):
        raise NotFoundError(
            "Answers come from `library`, or from `media:` and the id of a recording; there is no other model.",
            code="model_not_found",
        )
    return [model.removeprefix(MEDIA)]


def conversation(messages: Sequence[ChatMessageIn]) -> tuple[str, list[Turn]]:
    """Return the question, which is what the user said last, and the turns before it. Raises InvalidError.

    How to answer is not up to the client: system messages are left out, and so is what was never answered.
    """
    turns: list[Turn] = []
    question: str | None = None
    for message in messages:
        if message.role == "user":
            question, answered = message.text, False
        elif message.role == "assistant" and question is not None and not answered:
            turns.append(Turn(question, message.text.partition(SOURCES)[0]))
            answered = True
    if question is None:
        raise InvalidError("No message is from the user, so there is no question.")
    return question, turns[:-1] if answered else turns


class Completion:
    """Collects an answer's parts and tells them in OpenAI's words; `page` is the address of the page, without a slash at its end."""

    def __init__(self, model: str, page: str) -> None:
        self._head = {"id": new_id("chatcmpl"), "created": int(time.time()), "model": model}
        self._page = page
        self._text = ""
        self._citations: list[Citation] = []
        self._usage = Usage(0, 0)
        self._coverage: Coverage | None = None

    def take(self, part: Coverage | Part) -> str:
        """Take the next part and return the text that it adds."""
        match part:
            case str():
                self._text += part
                return part
            case Citation():
                self._citations.append(part)
            case Usage():
                self._usage = part
            case _:
                self._coverage = part
        return ""

    def whole(self) -> Json:
        """Return the completion of an answer that has ended well."""
        message = {"role": "assistant", "content": self._text + self._sources(), "refusal": None, **self._proof()}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        rest = {"choices": [choice], "usage": self._spent(), "coverage": self._rests_on()}
        return {**self._head, "object": "chat.completion", **rest}

    def piece(self, text: str, *, first: bool) -> Json:
        """Return a chunk with more text."""
        role = {"role": "assistant"} if first else {}
        return self._chunk({**role, "content": text})

    def ending(self, *, usage: bool) -> Iterator[Json]:
        """Yield the chunks after the text of an answer that has ended well."""
        yield {**self._chunk({"content": self._sources(), **self._proof()}), "coverage": self._rests_on()}
        yield self._chunk({}, "stop")
        if usage:
            yield {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": self._spent()}

    def _chunk(self, delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}

    def _proof(self) -> Json:
        return {"annotations": list(self._annotations()), "citations": [one.as_json() for one in self._citations]}

    def _annotations(self) -> Iterator[Json]:
        cited = {str(one.n): one for one in self._citations}
        for found in NUMBER.finditer(self._text):
            if (one := cited.get(found[1])) is not None:
                place = {
                    "start_index": found.start(),
                    "end_index": found.end(),
                    "title": one.name,
                    "url": self._url(one),
                }
                yield {"type": "url_citation", "url_citation": place}

    def _sources(self) -> str:
        """Return what the numbers mean: most clients show nothing but the text, and `[1]` alone proves nothing."""
        lines = [f"[{one.n}] {one.name}, {timestamp(one.start)}: {self._url(one)}" for one in self._citations]
        return SOURCES + "\n".join(lines) if lines else ""

    def _url(self, citation: Citation) -> str:
        return f"{self._page}/media/{citation.media_id}?t={citation.start:.2f}"

    def _spent(self) -> Json:
        usage = self._usage
        counts = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
        return {**counts, "total_tokens": usage.tokens}

    def _rests_on(self) -> Json:
        assert self._coverage is not None, "it comes before everything else"
        return {**self._coverage, "uncited": count_uncited(self._text)}


async def completed(completion: Completion, parts: AsyncGenerator[Coverage | Part, None]) -> Json:
    """Return the whole completion. Raises what the answer fails with: half of one is none."""
    async with aclosing(parts):
        async for part in parts:
            completion.take(part)
    return completion.whole()


async def chunks(
    completion: Completion, parts: AsyncGenerator[Coverage | Part, None], *, usage: bool
) -> AsyncGenerator[str, None]:
    """Yield the completion as events while it is written, from its first words on."""
    first = True
    async with aclosing(parts):
        async for part in parts:
            if text := completion.take(part):
                yield event_of(completion.piece(text, first=first))
                first = False
    for chunk in completion.ending(usage=usage):
        yield event_of(chunk)
