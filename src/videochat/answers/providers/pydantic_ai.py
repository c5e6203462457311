"""Answers by a language model behind any OpenAI-compatible API, through pydantic-ai."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Self

import structlog
from openai import AsyncOpenAI, Timeout
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelServerError,
    ModelUnavailableError,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider

from videochat.answers.prompts import load_prompt
from videochat.answers.provider import Piece, Request, Source
from videochat.answers.providers.prices import Prices
from videochat.errors import ConfigurationError, ProviderDeniedError, ProviderError, ProviderUnavailableError
from videochat.sections import AiSettings

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 10.0
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0

CUT_OFF = "The language model's reply was cut off; ask again, or ask for less at a time."
UNREADABLE = "The language model's reply could not be read; check that AI__BASE_URL is an OpenAI-compatible address ending in /v1."


class PydanticAI:
    """Streams answers from a chat model; a request is repeated only while none of its text has been seen."""

    name = "pydantic-ai"

    def __init__(self, client: AsyncOpenAI, prices: Prices, max_retries: int) -> None:
        # A stream that just ends is a cut-off reply and must not pass for a short answer.
        profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
        self._client = client
        self._chat = OpenAIChatModel(prices.model, provider=OpenAIProvider(openai_client=client), profile=profile)
        self._prices = prices
        self._max_retries = max_retries
        self.model: str | None = prices.model

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        """Make the provider; a service at AI__BASE_URL may need no key. Raises ConfigurationError."""
        if ai.api_key is None and ai.base_url is None:
            raise ConfigurationError(
                "AI__PROVIDER=pydantic-ai needs AI__API_KEY, or AI__BASE_URL of a service without keys."
            )
        prices = Prices.from_settings(ai)
        client = AsyncOpenAI(
            api_key=ai.api_key.get_secret_value() if ai.api_key else "none",
            base_url=ai.base_url,
            timeout=Timeout(ai.timeout, connect=min(CONNECT_SECONDS, ai.timeout)),
            max_retries=0,  # retried here, where it is known whether text has been seen
        )
        return cls(client, prices, ai.max_retries)

    async def answer(self, request: Request) -> AsyncGenerator[Piece, None]:
        messages = _messages(request)
        for attempt in range(self._max_retries + 1):
            seen = False
            try:
                async with aclosing(self._stream(messages)) as pieces:
                    async for piece in pieces:
                        seen = True
                        yield piece
            except AgentRunError as error:
                failure = _translated(error, seen=seen)
                log.warning("provider.failed", attempt=attempt, error=type(error).__name__, code=failure.code)
                if seen or not failure.retryable or attempt == self._max_retries:
                    raise failure from error
                await asyncio.sleep(_pause(error, attempt))
            else:
                return

    async def _stream(self, messages: Sequence[ModelMessage]) -> AsyncGenerator[Piece, None]:
        text_seen = False
        async with model_request_stream(self._chat, messages) as stream:
            async for event in stream:
                match event:
                    case (
                        PartStartEvent(part=TextPart(content=text))
                        | PartDeltaEvent(delta=TextPartDelta(content_delta=text))
                    ) if text:
                        text_seen = text_seen or bool(text.strip())
                        yield text
            finish, usage = stream.finish_reason, stream.usage
        if usage.input_tokens or usage.output_tokens:  # a reply that is no good has its price too
            yield self._prices.usage(usage.input_tokens, usage.output_tokens)
        if finish == "length":
            raise ProviderError(CUT_OFF)
        if finish == "content_filter":
            raise ProviderError("The language model's provider refused to answer this.")
        if not text_seen:
            raise ProviderError("The language model gave an empty answer; ask again or choose another model.")

    async def close(self) -> None:
        await self._client.close()


def _messages(request: Request) -> list[ModelMessage]:
    messages: list[ModelMessage] = [ModelRequest(parts=[SystemPromptPart(load_prompt("system"))])]
    for turn in request.history:
        messages.append(ModelRequest(parts=[UserPromptPart(turn.question)]))
        messages.append(ModelResponse(parts=[TextPart(turn.answer)]))
    # In the order of the recordings a model follows better than in the order of the scores.
    ordered = sorted(request.sources, key=lambda source: (source.media_id, source.start))
    passages = "\n".join(_passage(source) for source in ordered)
    messages.append(ModelRequest(parts=[UserPromptPart(f"Passages:\n{passages}\n\nQuestion: {request.question}")]))
    return messages


def _passage(source: Source) -> str:
    # JSON keeps a passage one line, so that nothing said in a recording can pose as another passage or as the question.
    times = {"from": _clock(source.start), "to": _clock(source.end)}
    return json.dumps(
        {"id": source.key, "recording": source.name, **times, "text": source.layout.text}, ensure_ascii=False
    )


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def _translated(error: AgentRunError, *, seen: bool) -> ProviderError:
    """Return the error for a person; the provider's own text may hold keys or addresses and is left out."""
    failure: ProviderError
    match error:
        case ModelAuthenticationError():
            failure = ProviderDeniedError()
        case ModelQuotaExceededError():
            failure = ProviderDeniedError("The account at the language model's provider has no credit left.")
        case ModelNotFoundError():
            failure = ProviderError("The provider does not know the language model; check AI__MODEL and AI__BASE_URL.")
        case ModelContextWindowExceededError():
            failure = ProviderError("The passages are too long for the language model; lower AI__CONTEXT_TOKENS.")
        case ModelRateLimitError() | ModelUnavailableError() | ModelServerError() | ModelConnectionError() if not seen:
            failure = ProviderUnavailableError()
        case _:
            failure = ProviderError(CUT_OFF if seen else UNREADABLE)
    return failure


def _pause(error: AgentRunError, attempt: int) -> float:
    """Return how many seconds to wait: what the provider asks for, else twice as long each time."""
    asked = getattr(error, "retry_after", None)
    wanted = asked if asked is not None else FIRST_RETRY_SECONDS * 2**attempt
    return float(min(wanted, LONGEST_RETRY_SECONDS))
