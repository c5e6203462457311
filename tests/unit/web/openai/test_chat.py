"""OpenAI's messages as a question, and its models as recordings."""

from __future__ import annotations

import pytest

from videochat.answers.provider import Turn
from videochat.errors import InvalidError, NotFoundError
from videochat.web.openai.bodies import ChatMessageIn
from videochat.web.openai.chat import SOURCES, asked_media, conversation


def messages(*said: tuple[str, str]) -> list[ChatMessageIn]:
    return [ChatMessageIn.model_validate({"role": role, "content": text}) for role, text in said]


@pytest.mark.parametrize(
    ("said", "question", "turns"),
    [
        ([("user", "Why?")], "Why?", []),
        ([("assistant", "Hello!"), ("user", "Why?")], "Why?", []),
        ([("user", "What?"), ("assistant", f"That.{SOURCES}x"), ("user", "Why?")], "Why?", [Turn("What?", "That.")]),
        ([("user", "What?"), ("user", "Why?"), ("assistant", "So."), ("user", "Ah?")], "Ah?", [Turn("Why?", "So.")]),
        ([("user", "What?"), ("assistant", "A"), ("assistant", "B"), ("user", "Why?")], "Why?", [Turn("What?", "A")]),
        ([("user", "Why?"), ("assistant", "Because")], "Why?", []),
        ([("system", "Be short."), ("user", "Why?"), ("tool", "x")], "Why?", []),
    ],
)
def test_the_last_word_of_the_user_is_the_question(
    said: list[tuple[str, str]], question: str, turns: list[Turn]
) -> None:
    """What was asked and answered before it are turns; what has no question or no answer is none."""
    assert conversation(messages(*said)) == (question, turns)


def test_without_a_user_there_is_no_question() -> None:
    """And nothing is made up."""
    with pytest.raises(InvalidError):
        conversation(messages(("system", "Be short.")))


def test_models_are_recordings() -> None:
    """All of them, one of them, or none that is known."""
    assert asked_media("library") is None
    assert asked_media("media:med_1") == ["med_1"]
    for model in ("gpt-4o", "Library", "med_1", ""):
        with pytest.raises(NotFoundError) as caught:
            asked_media(model)
        assert caught.value.reason == "model_not_found"
