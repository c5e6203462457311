"""Vectors by a model behind any OpenAI-compatible API (`/embeddings`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import structlog
from openai import (
    APIConnectionError,
    AsyncOpenAI,
    AuthenticationError,
    InternalServerError,
    NotFoundError,
    OpenAIError,
    PermissionDeniedError,
    RateLimitError,
    Timeout,
)

from videochat.errors import ConfigurationError, EmbedderError, EmbedderUnavailableError
from videochat.passages.embedder import UNREADABLE
from videochat.sections import AiSettings

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 10.0
AT_ONCE = 64  # texts of one request


class OpenAIEmbedder:
    """Asks for a few texts at a time; the library repeats what may succeed later, as often as AI__MAX_RETRIES says."""

    name = "openai"

    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self._client = client
        self.model = model

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Self:
        """Make the embedder; a service at an address of its own may need no key. Raises ConfigurationError."""
        if ai.embedding_model is None:
            raise ConfigurationError("AI__EMBEDDER=openai needs AI__EMBEDDING_MODEL.")
        address, key = ai.embedding_base_url or ai.base_url, ai.embedding_api_key
        if key is None and address == ai.base_url:  # no key goes to a service that it is not for
            key = ai.api_key
        if key is None and address is None:
            raise ConfigurationError("AI__EMBEDDING_MODEL needs AI__API_KEY, or AI__EMBEDDING_BASE_URL of a service.")
        client = AsyncOpenAI(
            api_key=key.get_secret_value() if key else "none",
            base_url=address,
            timeout=Timeout(ai.timeout, connect=min(CONNECT_SECONDS, ai.timeout)),
            max_retries=ai.max_retries,
        )
        return cls(client, ai.embedding_model)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), AT_ONCE):
            vectors += await self._embed(texts[start : start + AT_ONCE])
        return vectors

    async def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        try:
            reply = await self._client.embeddings.create(model=self.model, input=[*texts], encoding_format="float")
            # The library believes what it is told: nothing in the reply need be of the type that it says.
            return [[*map(float, one.embedding)] for one in sorted(reply.data, key=lambda one: one.index)]
        except OpenAIError as error:
            log.warning("embedder.failed", error=type(error).__name__)
            raise _translated(error) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise EmbedderError(UNREADABLE) from error

    async def close(self) -> None:
        await self._client.close()


def _translated(error: OpenAIError) -> EmbedderError:
    """Return the error for a person; the service's own text may hold keys or addresses and is left out."""
    match error:
        case RateLimitError(code="insufficient_quota"):
            return EmbedderError("The account at the embedder's service has no credit left.")
        case APIConnectionError() | RateLimitError() | InternalServerError():
            return EmbedderUnavailableError()
        case AuthenticationError() | PermissionDeniedError():
            return EmbedderError("The embedder's service refuses the key; set AI__EMBEDDING_API_KEY.")
        case NotFoundError():
            return EmbedderError("The embedder's service does not know the model; check AI__EMBEDDING_MODEL.")
        case _:
            return EmbedderError()
