"""From a question to an answer's parts: what is looked for, what the provider may read, what comes of its text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from videochat.answers.citations import Citation, Citer, without_numbers
from videochat.answers.provider import Request, Source, Turn, Usage, Writer
from videochat.passages.question import topic_terms
from videochat.passages.service import Found

HISTORY_TURNS = 3
HISTORY_CHARACTERS = 2000
# A question with fewer words of its own ("and why?") leans on the one before it.
ENOUGH_TERMS = 2

NOTHING_TRANSCRIBED = {
    "en": "Nothing has been transcribed in these recordings yet, so there is nothing to answer from.",
    "zh": "这些录音还没有转写出任何文字，因此无法回答。",
}
NOTHING_FOUND = {
    "en": "No passage contains the words of this question.",
    "zh": "没有段落包含这个问题中的词语。",
}

Part = str | Citation | Usage


def language_of(question: str) -> str:
    """Return zh for a question with Chinese characters, else en: the language of VideoChat's own words."""
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in question) else "en"


def retrieval_query(question: str, history: Sequence[Turn]) -> str:
    """Return what to look for: the question, with the one before it where it says too little by itself."""
    if history and len(topic_terms(question)) < ENOUGH_TERMS:
        return f"{question} {history[-1].question}"
    return question


def history_for_provider(turns: Sequence[Turn]) -> list[Turn]:
    """Return the last turns, shortened and without citation numbers, which would mean other passages now."""
    return [
        Turn(turn.question[:HISTORY_CHARACTERS], without_numbers(turn.answer)[:HISTORY_CHARACTERS])
        for turn in turns[-HISTORY_TURNS:]
    ]


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a language model makes of the text: four ASCII characters or one other are one token.

    Deliberately a little too high for common tokenizers, so that a budget is kept.
    """
    wide = sum(not character.isascii() for character in text)
    return wide + (len(text) - wide) // 4 + 1


def within_budget(found: Sequence[Found], tokens: int) -> list[Source]:
    """Return as sources, best first and without repeats, what fits into the tokens; at least the first one."""
    sources: list[Source] = []
    seen: set[int] = set()
    left = tokens
    for one in found:
        cost = estimate_tokens(one.passage.text) + estimate_tokens(one.name) + 20  # ids, times and quotes around it
        if one.passage.id in seen or (sources and cost > left):
            continue
        seen.add(one.passage.id)
        left -= cost
        passage = one.passage
        key = f"p{len(sources) + 1}"
        sources.append(
            Source(key, passage.media_id, one.name, passage.start, passage.end, one.segments, one.score)
        )  # fmt: skip
    return sources


async def respond(writer: Writer, request: Request) -> AsyncGenerator[Part, None]:
    """Yield the answer's text with citation numbers, the citations and what it cost, as the writer gives them."""
    if not request.sources:
        yield NOTHING_FOUND[language_of(request.question)]
        return
    citer = Citer(request.sources)
    async with aclosing(writer.answer(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Usage):
                yield piece
            else:
                for part in citer.feed(piece):
                    yield part
    for part in citer.finish():
        yield part
