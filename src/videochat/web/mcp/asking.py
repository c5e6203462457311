"""The tool that asks: it waits for the whole answer, and stops it when nobody waits any more."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from pydantic import Field

from videochat.answers.answer import Answer
from videochat.answers.citations import Citation
from videochat.answers.service import MAX_QUESTION
from videochat.errors import BusyError, ProviderError
from videochat.web.bodies import Body
from videochat.web.mcp.library import SomeMedia
from videochat.web.mcp.tool import Caller, Result

LONGEST_SECONDS = 600.0
TELL_SECONDS = 1.0  # at most so often
UNREAD = "Part of the recordings is not transcribed; this answer knows only what is."


class QuestionWanted(Body):
    question: str = Field(min_length=1, max_length=MAX_QUESTION, description="What is to be found out.")
    media: SomeMedia = None


async def ask(caller: Caller, wanted: QuestionWanted) -> Result:
    """Return the answer when it is whole. Raises ProviderError when there will be none, BusyError when it must be asked again."""
    answers = caller.app.answers
    begun = await answers.ask(caller.actor, wanted.question, wanted.media)
    answers.start(begun)
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await _written(caller, begun.id)
    except TimeoutError:
        raise ProviderError(f"The answer took longer than {LONGEST_SECONDS:.0f} seconds.", code="too_slow") from None
    finally:  # also when the client has left
        answer = await answers.get(caller.actor, begun.id)
        if answer.status == "running":
            await answers.cancel(caller.actor, begun.id)
    if answer.status == "running":
        raise BusyError("The service is about to stop; ask again in a moment.")
    return _shown(answer.whole())


async def _written(caller: Caller, answer_id: str) -> None:
    """Return when the answer has ended, or this process is about to; tell meanwhile how long it has been."""
    began = told = time.monotonic()
    characters = 0
    async with aclosing(caller.app.feed.follow(0, f"answer:{answer_id}", idle_seconds=TELL_SECONDS)) as events:
        async for event in events:
            if event is not None and event.type == "end":
                return
            if event is not None and event.type == "text":
                characters += len(event.data["text"])
            now = time.monotonic()
            if now - told >= TELL_SECONDS:
                told = now
                await caller.tell(now - began, _progress(characters))


def _progress(characters: int) -> str:
    return f"{characters} characters are written." if characters else "Looking for what was said."


def _shown(answer: Answer) -> Result:
    return {
        "text": answer.text,
        "citations": [_place(citation) for citation in answer.citations],
        "coverage": dict(answer.coverage),
        "note": None if answer.coverage["complete"] else UNREAD,
        "provider": answer.provider,
        "model": answer.model,
        "conversation": answer.conversation_id,
    }


def _place(citation: Citation) -> Result:
    c = citation
    return {
        "n": c.n, "media": c.media_id, "name": c.name, "start": c.start, "end": c.end, "quote": c.quote, "check": c.check,
    }  # fmt: skip
