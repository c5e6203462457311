"""What an answer must be to be one, and its parts on their way to whoever asked, when nobody stores them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from videochat.answers.chat import Part
from videochat.errors import ProviderError

MAX_TEXT = 200_000
EMPTY = "The language model gave an empty answer; ask again or choose another model."
ENDLESS = "The language model did not come to an end; ask again or choose another model."


async def whole(parts: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
    """Yield the parts as they come. Raises ProviderError for an answer without text or without end."""
    length, said = 0, False
    async with aclosing(parts):
        async for part in parts:
            if isinstance(part, str):
                length, said = length + len(part), said or bool(part.strip())
            if length > MAX_TEXT:
                raise ProviderError(ENDLESS)
            yield part
    if not said:
        raise ProviderError(EMPTY)
