"""An answer and the conversation that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

from videochat.answers.citations import Citation
from videochat.errors import ProviderError

Status = Literal["running", "completed", "failed", "cancelled"]


class Coverage(TypedDict):
    """How much of the recordings an answer could rest on, so that nothing is silently partial."""

    media: int
    duration: float | None
    """Seconds of all recordings together; None where one is unknown."""
    transcribed: float
    """Seconds of them that could be read."""
    complete: bool
    """No transcription was missing or unfinished."""
    passages: int
    """Passages that the provider was given."""
    uncited: int
    """Sentences of the answer without a citation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A question and what was answered. `media` None means the whole library; `error` is {code, message} or None."""

    id: str
    conversation_id: str
    owner: str
    question: str
    media: tuple[str, ...] | None
    status: Status
    text: str
    citations: tuple[Citation, ...]
    coverage: Coverage
    provider: str
    model: str | None
    usage: dict[str, Any]
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None

    def whole(self) -> Answer:
        """Return this when it is complete. Raises ProviderError with the reason why it is not: half a text is no answer."""
        if self.status == "completed":
            return self
        error = self.error or {"message": f"The answer is {self.status}.", "code": self.status}
        raise ProviderError(error["message"], code=error["code"])

    def as_json(self) -> dict[str, Any]:
        """Return the answer as the API shows it."""
        return {
            "id": self.id,
            "conversation": self.conversation_id,
            "question": self.question,
            "media": None if self.media is None else list(self.media),
            "status": self.status,
            "text": self.text,
            "citations": [citation.as_json() for citation in self.citations],
            "coverage": dict(self.coverage),
            "provider": self.provider,
            "model": self.model,
            "usage": self.usage,
            "error": self.error,
            "created_at": self.created_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }


@dataclass(frozen=True, slots=True)
class Conversation:
    """A series of questions; its title is the first of them."""

    id: str
    title: str
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "title": self.title, "created_at": self.created_at.isoformat()}
