"""Answers: ask, follow the answer while it is written, look at earlier conversations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from videochat.answers.answer import Answer
from videochat.web.bodies import AnswerOut, ConversationOut, ConversationWithAnswersOut, ListOut, QuestionIn
from videochat.web.dependencies import TheActor, TheApp
from videochat.web.sse import After, server_sent

router = APIRouter(tags=["answers"])


@router.post("/api/answers", status_code=202, response_model=AnswerOut)
async def ask(app: TheApp, actor: TheActor, wanted: QuestionIn) -> dict[str, Any]:
    """Begin an answer; its events tell the rest."""
    answer = await app.answers.ask(actor, wanted.question, wanted.media, wanted.conversation)
    app.answers.start(answer)
    return answer.as_json()


async def known_answer(app: TheApp, actor: TheActor, answer_id: str) -> Answer:
    """Find the answer before anything is streamed: an error must not become an empty 200."""
    return await app.answers.get(actor, answer_id)


TheAnswer = Annotated[Answer, Depends(known_answer)]


@router.get("/api/answers/{answer_id}", response_model=AnswerOut)
async def get_answer(answer: TheAnswer) -> dict[str, Any]:
    """Return the answer as it is now, also while it is being written."""
    return answer.as_json()


@router.get("/api/answers/{answer_id}/events", response_class=EventSourceResponse)
async def answer_events(app: TheApp, answer: TheAnswer, after: After) -> AsyncIterator[ServerSentEvent]:
    """The answer as it is written: text, citation, status, usage; the stream closes after `end`."""
    async for event in server_sent(app.feed, app.metrics, f"answer:{answer.id}", after=after or 0):
        yield event


@router.post("/api/answers/{answer_id}/cancel", response_model=AnswerOut)
async def cancel_answer(app: TheApp, actor: TheActor, answer_id: str) -> dict[str, Any]:
    """Stop an answer that is being written and keep its text so far; one that has ended stays as it is."""
    return (await app.answers.cancel(actor, answer_id)).as_json()


@router.get("/api/conversations", response_model=ListOut[ConversationOut])
async def list_conversations(
    app: TheApp,
    actor: TheActor,
    media: Annotated[
        str | None, Query(description="Only those that asked this recording alone; `library`: that asked all of them.")
    ] = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Return the conversations, newest first."""
    page = await app.answers.conversations(actor, cursor, limit, about=media)
    return {"items": [conversation.as_json() for conversation in page.items], "next": page.next}


@router.get("/api/conversations/{conversation_id}", response_model=ConversationWithAnswersOut)
async def get_conversation(app: TheApp, actor: TheActor, conversation_id: str) -> dict[str, Any]:
    """Return a conversation with its questions and answers, oldest first."""
    conversation, answers = await app.answers.conversation(actor, conversation_id)
    return {**conversation.as_json(), "answers": [answer.as_json() for answer in answers]}


@router.delete("/api/conversations/{conversation_id}", status_code=204)
async def delete_conversation(app: TheApp, actor: TheActor, conversation_id: str) -> None:
    """Delete a conversation with its answers; one that is being written stops."""
    await app.answers.delete_conversation(actor, conversation_id)
